"""Whether the keys of the data and of the logs, and the topic of the alarms, let those services use them that must."""

from collections.abc import Iterator

from ..regions import DNS_SUFFIXES
from .account import Account, Caller, Key, Topic
from .answers import NOT_ASKED, Answer, NotSeen, Problem, Row, rows
from .needs import Needs
from .resource_policies import lets

# source: CloudWatch Logs User Guide, "Encrypt log data using AWS KMS".
_OF_LOGS = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey")
# source: SNS Developer Guide, "Securing topic data with server-side encryption", key policy of AWS services.
_OF_PUBLISHERS = ("kms:GenerateDataKey", "kms:Decrypt")
_PUBLISHERS = {"cloudwatch.amazonaws.com": "alarms", "events.rds.amazonaws.com": "the proxy's events"}


def keys(needs: Needs, account: Account) -> list[Row]:
    """Whether each key is there and enabled, in this region."""
    found: list[Row] = []
    for setting, arn in (("kmsKeyArn", needs.data_key), ("logKmsKeyArn", needs.log_key)):
        if arn is None:
            continue
        seen = account.keys.get(arn, NOT_ASKED)
        found += rows(
            f"key of {setting}",
            seen,
            lambda key, setting=setting, arn=arn: _key_problems(key, setting, arn, needs.region),  # type: ignore[misc]
            lambda key: f"{key.arn} is {key.state.lower()}",
        )
    return found


def data_key_policy(needs: Needs, account: Account) -> list[Row]:
    """Whether RDS and Secrets Manager can use the key of the data in the name of whoever calls them."""
    key = needs.data_key
    if key is None:
        return []

    def problems(policy: str) -> Iterator[Problem]:
        partition, owner = key.split(":")[1], key.split(":")[4]
        caller = account.caller.arn if isinstance(account.caller, Caller) else ""
        # The account's own policies decide where its root may do all; else the statement has to name who calls.
        principals = {"AWS": (f"arn:{partition}:iam::{owner}:root", owner, caller)}
        for service, actions in (
            ("rds", ("kms:CreateGrant", "kms:DescribeKey")),
            ("secretsmanager", ("kms:Decrypt", "kms:GenerateDataKey")),
        ):
            via = {"kms:ViaService": f"{service}.{needs.region}.{DNS_SUFFIXES[partition]}", "kms:CallerAccount": owner}
            refused = [each for each in actions if not lets(policy, each, principals, via)]
            if refused:
                yield Problem(
                    found=f"the policy of {key} gives nobody of the account {', '.join(refused)} by way of {service}",
                    fix='add the statement "Enable IAM User Permissions" (the account\'s root, kms:*), or one '
                    f"for the roles of this stack with kms:ViaService {via['kms:ViaService']}",
                )

    return rows(
        "policy of kmsKeyArn",
        account.key_policies.get(key, NOT_ASKED),
        problems,
        lambda _: "RDS and Secrets Manager can use it in the account's name",
    )


def log_key_policy(needs: Needs, account: Account) -> list[Row]:
    """Whether CloudWatch Logs may use the key of the logs, for each group."""
    key = needs.log_key
    if key is None:
        return []

    def problems(policy: str) -> Iterator[Problem]:
        partition, owner = key.split(":")[1], key.split(":")[4]
        service = f"logs.{needs.region}.{DNS_SUFFIXES[partition]}"
        groups = [f"arn:{partition}:logs:{needs.region}:{owner}:log-group:{each}" for each in needs.names["log group"]]
        without = [
            group
            for group in groups
            if not all(
                lets(policy, each, {"Service": (service,)}, {"kms:EncryptionContext:aws:logs:arn": group})
                for each in _OF_LOGS
            )
        ]
        if without:
            yield Problem(
                found=f"the policy of {key} does not let {service} encrypt {without[0].split(':', 6)[-1]}"
                + (f" and {len(without) - 1} more" if len(without) > 1 else ""),
                fix=f"aws kms put-key-policy: let the service {service} do kms:Encrypt*, Decrypt*, ReEncrypt*, "
                "GenerateDataKey*, Describe* with kms:EncryptionContext:aws:logs:arn like "
                f"arn:{partition}:logs:{needs.region}:{owner}:log-group:*",
            )

    return rows(
        "policy of logKmsKeyArn",
        account.key_policies.get(key, NOT_ASKED),
        problems,
        lambda _: "CloudWatch Logs may use it",
    )


def topic(needs: Needs, account: Account) -> list[Row]:
    """Whether CloudWatch and RDS may publish to the topic, and use its key."""
    arn = needs.topic
    if arn is None:
        return []

    def problems(seen: Topic) -> Iterator[Problem]:
        owner = arn.split(":")[4]
        context = {"aws:SourceAccount": owner, "aws:SourceOwner": owner}
        for service, what in _PUBLISHERS.items():
            if not lets(seen.policy, "sns:Publish", {"Service": (service,), "AWS": (owner,)}, context):
                yield Problem(
                    found=f"the policy of {arn} does not let {service} publish, so {what} reach nobody",
                    fix=f"aws sns set-topic-attributes: allow Principal Service {service} sns:Publish with "
                    f"aws:SourceAccount {owner} (docs/runbook.md)",
                )
        if seen.key is not None and "alias/aws/" in seen.key:
            # source: aws-cdk 11121; CloudWatch User Guide, "Amazon SNS with AWS managed keys".
            yield Problem(
                found=f"{arn} is encrypted with {seen.key}, which CloudWatch and RDS cannot use",
                fix="encrypt it with a key of your own, whose policy lets both (docs/runbook.md), or with none",
            )

    found = rows("topic", account.topic, problems, lambda _: "CloudWatch and RDS may publish to it")
    if isinstance(account.topic, NotSeen) or account.topic.key is None or account.topic.key_policy is None:
        return found
    return found + _topic_key(account.topic.key, account.topic.key_policy)


def _topic_key(key: str, answer: Answer[str]) -> list[Row]:
    def problems(policy: str) -> Iterator[Problem]:
        for service, what in _PUBLISHERS.items():
            if not all(lets(policy, each, {"Service": (service,)}, {}) for each in _OF_PUBLISHERS):
                yield Problem(
                    found=f"the policy of the topic's key {key} does not let {service} use it, so {what} reach nobody",
                    fix=f"aws kms put-key-policy: let the service {service} do kms:GenerateDataKey*, kms:Decrypt",
                )

    return rows("topic's key", answer, problems, lambda _: "CloudWatch and RDS may use it")


def _key_problems(key: Key, setting: str, arn: str, region: str) -> Iterator[Problem]:
    if arn.split(":")[3] != region:
        yield Problem(found=f"{setting} is a key of {arn.split(':')[3]}", fix=f"name a key of {region} in {setting}")
    if key.state != "Enabled":
        yield Problem(
            found=f"{arn} is {key.state}",
            fix=f"aws kms enable-key --key-id {arn} (or cancel-key-deletion first), or name another in {setting}",
        )
    if key.spec != "SYMMETRIC_DEFAULT":
        yield Problem(found=f"{arn} is {key.spec}", fix=f"name a symmetric key in {setting}")
    if key.manager != "CUSTOMER":
        yield Problem(
            found=f"{arn} is AWS's own key, whose policy nobody changes",
            fix=f"leave {setting} out, or name your own key",
        )
