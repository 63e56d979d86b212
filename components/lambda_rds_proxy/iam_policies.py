"""IAM policies as JSON: who may assume a role, and statements for one resource each."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .references import is_user
from .regions import DNS_SUFFIXES
from .settings.reading import ArgumentsError, shown

# What functions, the admin function and AWS's rotation function do with a secret: the template of
# SecretsManagerRDSPostgreSQLRotationSingleUser.
_USES_OF_A_SECRET = (
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
)


def assume_role_policy(service: str, *, account: str | None = None) -> str:
    """Trust policy that lets one AWS service assume the role, in the name of one account where that is given.

    `rds.amazonaws.com` gets no condition: RDS Proxy supports no global condition context keys.
    """
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if account is not None:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return policy([statement])


def policy(statements: Sequence[dict[str, Any]]) -> str:
    """A policy document with these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


def allow(
    actions: Sequence[str], resource: str, *, condition: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, Any]:
    """A statement that allows actions on one resource."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": sorted(actions), "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def deny(actions: Sequence[str], *, condition: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A statement that denies actions on everything where the condition holds."""
    return {"Effect": "Deny", "Action": sorted(actions), "Resource": "*", "Condition": condition}


def secrets_endpoint_policy(any_arn: str, secrets: Sequence[str]) -> str:
    """What an endpoint of Secrets Manager lets through: what uses these secrets, for this account's principals.

    So nobody carries data out by it to a secret of another account, whoever's credentials they bring. `any_arn` is a
    regional one, of the account and region; `secrets` are ARNs, or names with * and ?.
    """
    partition, region, account = place_of(any_arn)
    ours = {"StringEquals": {"aws:PrincipalAccount": account}}
    named = [
        each if each.startswith("arn:") else f"arn:{partition}:secretsmanager:{region}:{account}:secret:{each}"
        for each in secrets
    ]
    everybody = {"Principal": {"AWS": "*"}}
    return policy(
        [{**allow(_USES_OF_A_SECRET, each, condition=ours), **everybody} for each in named]
        # It takes no resource, and AWS's rotation asks for it: Service Authorization Reference, "AWS Secrets Manager".
        + [{**allow(["secretsmanager:GetRandomPassword"], "*", condition=ours), **everybody}]
    )


def use_secret(
    secret_arn: str,
    *,
    region: str,
    actions: Sequence[str] = ("secretsmanager:GetSecretValue",),
    key_arn: str | None = None,
) -> list[dict[str, Any]]:
    """Statements for one secret and, where a customer managed key encrypts it, for that key by way of Secrets Manager.

    The key may be used through that one service only: whoever has the role cannot decrypt anything else with it.

    Raises:
        ArgumentsError: there is no such secret, or the key is of a partition that nobody knows; a grant for nothing is
            refused here, not by IAM at the end.
    """
    if not re.match(r"arn:[\w-]+:secretsmanager:[^:]*:[^:]*:.", str(secret_arn), re.DOTALL):
        raise ArgumentsError(f"the secret is {shown(secret_arn)}; a grant needs its ARN, give secret_arn")
    statements = [allow(actions, secret_arn)]
    if key_arn is not None:
        partition = secret_arn.split(":")[1]
        if partition not in DNS_SUFFIXES:
            raise ArgumentsError(
                f"the secret is {shown(secret_arn)}, of partition {partition}, whose host names this version does not "
                "know; leave out the customer managed key, whose use it could not limit to Secrets Manager"
            )
        writes = "secretsmanager:PutSecretValue" in actions
        statements.append(
            allow(
                ["kms:Decrypt", "kms:GenerateDataKey"] if writes else ["kms:Decrypt"],
                key_arn,
                condition={"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.{DNS_SUFFIXES[partition]}"}},
            )
        )
    return statements


def connect_arn(any_arn: str, *, region: str, resource_id: str, user: str) -> str:
    """What `rds-db:connect` names: a user on a proxy (`prx-…`), an instance (`db-…`) or a cluster (`cluster-…`).

    Partition and account are those of `any_arn`, so that the policy is right in GovCloud and China too.

    Raises:
        ArgumentsError: the grant would be for nobody, for everybody, or on nothing.
    """
    if not is_user(user):
        raise ArgumentsError(f"the user is {shown(user)}; a grant to connect is for one user, by name")
    if not re.fullmatch(r"(prx|db|cluster)-[A-Za-z0-9]+", str(resource_id)):
        raise ArgumentsError(f"the id is {shown(resource_id)}; a grant to connect names prx-…, db-… or cluster-…")
    _, partition, _, _, account, *_ = any_arn.split(":")
    return f"arn:{partition}:rds-db:{region}:{account}:dbuser:{resource_id}/{user}"


def region_of(regional_arn: str) -> str:
    """The region in an ARN of something regional, such as a proxy or a secret; an IAM role's ARN has none.

    Raises:
        ArgumentsError: it is no ARN, such as that of a secret that is not there.
    """
    return place_of(regional_arn)[1]


def place_of(regional_arn: str) -> tuple[str, str, str]:
    """(partition, region, account) in an ARN of something regional.

    Raises:
        ArgumentsError: it is no ARN, such as that of what a targeted update has not made yet.
    """
    arn = re.match(r"arn:([^:]+):[^:]+:([^:]*):([^:]*):.", str(regional_arn), re.DOTALL)
    if arn is None:
        raise ArgumentsError(f"the ARN is {shown(regional_arn)}; a grant needs that of what was made")
    return arn[1], arn[2], arn[3]
