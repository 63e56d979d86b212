"""Standalone security group rules: one TCP port from one group to another, stated on both sides.

Standalone rules make no cycle where two groups name each other, and can be added to a group that others own. A security
group made by Pulumi has no default egress, so what may leave is stated as well.
"""

import pulumi
import pulumi_aws as aws

HTTPS = 443


def allow(
    name: str,
    *,
    client: pulumi.Input[str],
    server: pulumi.Input[str],
    port: pulumi.Input[int],
    description: str,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Let the group `client` open TCP connections to the group `server` on `port`: egress there, ingress here.

    Returns the rules, for what must not start before it can connect.
    """
    egress = aws.vpc.SecurityGroupEgressRule(
        f"{name}-egress",
        security_group_id=client,
        referenced_security_group_id=server,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=description,
        opts=opts,
    )
    return [
        egress,
        admit(name, client=client, server=server, port=port, description=description, opts=opts),
    ]


def admit(
    name: str,
    *,
    client: pulumi.Input[str],
    server: pulumi.Input[str],
    port: pulumi.Input[int],
    description: str,
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """Let the group `server` take TCP connections from the group `client` on `port`: the half that is the server's."""
    return aws.vpc.SecurityGroupIngressRule(
        f"{name}-ingress",
        security_group_id=server,
        referenced_security_group_id=client,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=description,
        opts=opts,
    )


def allow_secrets_manager(
    name: str,
    *,
    client: pulumi.Input[str],
    endpoint_group: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Let the group `client` reach Secrets Manager: at the VPC's endpoint, or over the network's own route."""
    if endpoint_group is not None:
        return allow(
            f"{name}-secrets",
            client=client,
            server=endpoint_group,
            port=HTTPS,
            description="read secrets at the VPC endpoint",
            opts=opts,
        )
    egress = aws.vpc.SecurityGroupEgressRule(
        f"{name}-secrets-egress",
        security_group_id=client,
        cidr_ipv4="0.0.0.0/0",
        ip_protocol="tcp",
        from_port=HTTPS,
        to_port=HTTPS,
        description="read secrets over the route of the network: this VPC has no endpoint of ours",
        opts=opts,
    )
    return [egress]
