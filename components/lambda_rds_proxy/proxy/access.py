"""What reaches a proxy and what it reaches: its security groups and its role."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from ..engines import Auth
from ..iam_policies import allow, assume_role_policy, connect_arn, policy, use_secret
from ..names import ROLE, ROLE_POLICY, SECURITY_GROUP
from ..references import DatabaseRef, DatabaseUserRef, NetworkRef
from ..security_rules import admit, allow_secrets_manager
from ..security_rules import allow as allow_port
from ..stack.args import StackSettings
from ..stack_names import own_name
from .problems import is_any

_Tags = pulumi.Input[dict[str, pulumi.Input[str]]]


def proxy_security_groups(
    name: str,
    *,
    network: NetworkRef,
    database: DatabaseRef,
    users: Sequence[DatabaseUserRef],
    port: int,
    extra_clients: Mapping[str, pulumi.Input[str]],
    log_group: pulumi.Resource,
    tags: _Tags | None,
    parent: pulumi.Resource,
) -> tuple[aws.ec2.SecurityGroup, aws.ec2.SecurityGroup]:
    """The proxy's group and its clients' group: clients → proxy → database, and nothing else."""
    child = pulumi.ResourceOptions(parent=parent)
    clients = aws.ec2.SecurityGroup(
        f"{name}-clients",
        name=own_name(SECURITY_GROUP, f"{name}-clients"),
        vpc_id=network["vpc_id"],
        description="clients of the proxy: may reach it, and nothing else",
        tags=tags,
        opts=child,
    )
    group = aws.ec2.SecurityGroup(
        name,
        name=own_name(SECURITY_GROUP, name),
        vpc_id=network["vpc_id"],
        description="proxy: admits its clients, reaches its database, and nothing else",
        tags=tags,
        # RDS may write a group once more while it takes down what writes there (terraform-provider-aws #42858, of
        # clusters): the log goes last, after the proxy's network interfaces, without which this group cannot go.
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[log_group]),
    )
    allow_port(
        f"{name}-from-clients",
        client=clients.id,
        server=group.id,
        port=port,
        description="clients reach the proxy",
        opts=child,
    )
    allow_port(
        f"{name}-to-database",
        client=group.id,
        server=database["security_group_id"],
        port=database["port"],
        description="the proxy reaches the database",
        opts=child,
    )
    for who, extra in sorted(extra_clients.items()):
        admit(
            f"{name}-from-{who}",
            client=extra,
            server=group.id,
            port=port,
            description="an extra client reaches the proxy",
            opts=child,
        )
    if is_any(users, Auth.SECRET):
        allow_secrets_manager(
            f"{name}-clients",
            client=clients.id,
            endpoint_group=network.get("secrets_endpoint_security_group_id"),
            opts=child,
        )
    return group, clients


def proxy_role(
    name: str,
    *,
    database: DatabaseRef,
    users: Sequence[DatabaseUserRef],
    stack: StackSettings,
    parent: pulumi.Resource,
) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    """The proxy's role: reads each user's secret, or (iam-end-to-end) logs in to the database as that user."""
    child = pulumi.ResourceOptions(parent=parent)
    role = aws.iam.Role(
        name,
        name=own_name(ROLE, name),
        assume_role_policy=assume_role_policy("rds.amazonaws.com"),
        permissions_boundary=stack.get("permissions_boundary_arn"),
        tags=stack.get("tags"),
        opts=child,
    )
    region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region
    document = pulumi.Output.all(
        region=region,
        role=role.arn,
        database=database["resource_id"] if is_any(users, Auth.IAM_END_TO_END) else None,
        secrets=[user.get("secret_arn") for user in users],
        keys=[user.get("secret_kms_key_arn") for user in users],
    ).apply(lambda known: policy(_login_statements(users, known)))
    role_policy = aws.iam.RolePolicy(
        f"{name}-database-login",
        name=own_name(ROLE_POLICY, f"{name}-database-login"),
        role=role.name,
        policy=document,
        opts=child,
    )
    return role, role_policy


def _login_statements(users: Sequence[DatabaseUserRef], known: dict[str, Any]) -> list[dict[str, Any]]:
    statements = []
    for user, secret, key in zip(users, known["secrets"], known["keys"], strict=True):
        if user["auth"] is Auth.IAM_END_TO_END:
            # The proxy logs in to the database itself, so the grant names the database's id, not the proxy's.
            resource = connect_arn(
                known["role"], region=known["region"], resource_id=known["database"], user=user["user"]
            )
            statements.append(allow(["rds-db:connect"], resource))
        else:
            actions = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
            statements += use_secret(secret, region=known["region"], actions=actions, key_arn=key)
    return statements
