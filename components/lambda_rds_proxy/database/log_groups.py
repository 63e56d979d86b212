"""The log groups that RDS writes a database's logs to, made before it does: its own keep them for ever.

They carry the database's identifier, which so must be known before there is a database (terraform-aws-rds does the
same). A database that was adopted has those that RDS made.
"""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from ..engines import TargetKind
from ..stack.args import StackSettings, log_retention_days


def log_groups(
    name: str,
    *,
    kind: TargetKind,
    identifier: pulumi.Input[str],
    logs: Sequence[str],
    stack: StackSettings,
    parent: pulumi.Resource,
) -> list[aws.cloudwatch.LogGroup]:
    """A group for each log that is exported; RDS User Guide, "Publishing database logs to Amazon CloudWatch Logs"."""
    return [
        aws.cloudwatch.LogGroup(
            f"{name}-{log}",
            name=pulumi.Output.concat("/aws/rds/", kind.value, "/", identifier, "/", log),
            retention_in_days=log_retention_days(stack),
            kms_key_id=stack.get("log_kms_key_arn"),
            tags=stack.get("tags"),
            opts=pulumi.ResourceOptions(parent=parent),
        )
        for log in logs
    ]
