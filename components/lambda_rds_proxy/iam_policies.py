"""IAM policies as JSON: who may assume a role, and statements for one resource each."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .references import is_user
from .settings.reading import ArgumentsError, shown


def assume_role_policy(service: str) -> str:
    """Trust policy that lets one AWS service assume the role.

    `rds.amazonaws.com` gets no condition: RDS Proxy supports no global condition context keys.
    """
    return policy([{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}])


def policy(statements: Sequence[dict[str, Any]]) -> str:
    """A policy document with these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


def allow(
    actions: Sequence[str], resource: str, *, condition: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, Any]:
    """A statement that allows actions on one resource."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": sorted(actions), "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


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
        ArgumentsError: there is no such secret; a grant for nothing is refused here, not by IAM at the end.
    """
    if not re.fullmatch(r"arn:[\w-]+:secretsmanager:.+", str(secret_arn)):
        raise ArgumentsError(f"the secret is {shown(secret_arn)}; a grant needs its ARN, give secret_arn")
    statements = [allow(actions, secret_arn)]
    if key_arn is not None:
        suffix = "amazonaws.com.cn" if secret_arn.split(":")[1] == "aws-cn" else "amazonaws.com"
        writes = "secretsmanager:PutSecretValue" in actions
        statements.append(
            allow(
                ["kms:Decrypt", "kms:GenerateDataKey"] if writes else ["kms:Decrypt"],
                key_arn,
                condition={"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.{suffix}"}},
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
    arn = re.fullmatch(r"arn:[^:]+:[^:]+:([^:]*):.+", str(regional_arn))
    if arn is None:
        raise ArgumentsError(f"the ARN is {shown(regional_arn)}; a grant needs that of a proxy or of a secret")
    return arn[1]
