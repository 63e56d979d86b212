"""The log of a VPC's traffic: who talked to whom, how much, and what security groups refused; never what was said."""

import pulumi
import pulumi_aws as aws

from ..iam_policies import allow, assume_role_policy, place_of, policy
from ..names import ROLE, ROLE_POLICY
from ..stack.args import StackSettings, Tags, log_retention_days
from ..stack_names import KEPT_NAME, own_name, stated_name


def log_flows(
    name: str, *, vpc: aws.ec2.Vpc, stack: StackSettings, tags: Tags, parent: pulumi.ComponentResource
) -> aws.ec2.FlowLog:
    """Log all traffic of a VPC to a log group of its own."""
    child, logical = pulumi.ResourceOptions(parent=parent), f"{name}-flow-logs"
    group = aws.cloudwatch.LogGroup(
        logical,
        name=f"/aws/vpc/{stated_name('flow log', logical)}",
        retention_in_days=log_retention_days(stack),
        kms_key_id=stack.get("log_kms_key_arn"),
        tags=stack.get("tags"),
        opts=pulumi.ResourceOptions(parent=parent, ignore_changes=KEPT_NAME),
    )
    role = aws.iam.Role(
        logical,
        name=own_name(ROLE, logical),
        # VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs", against a confused deputy.
        assume_role_policy=group.arn.apply(
            lambda arn: assume_role_policy("vpc-flow-logs.amazonaws.com", account=place_of(arn)[2])
        ),
        permissions_boundary=stack.get("permissions_boundary_arn"),
        tags=stack.get("tags"),
        opts=child,
    )
    grant = aws.iam.RolePolicy(
        logical,
        name=own_name(ROLE_POLICY, logical),
        role=role.name,
        # The same page; the group is there, so it may not make one.
        policy=group.arn.apply(
            lambda arn: policy(
                [
                    allow(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], f"{arn}:*"),
                    allow(["logs:DescribeLogGroups"], "*"),
                ]
            )
        ),
        opts=child,
    )
    return aws.ec2.FlowLog(
        logical,
        vpc_id=vpc.id,
        traffic_type="ALL",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        tags=tags,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[grant]),
    )
