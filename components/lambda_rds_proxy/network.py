"""A VPC whose private subnets hold functions, proxy and database, with no way in or out."""

import ipaddress
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from .references import NetworkRef

# Two is what a DB subnet group and a proxy ask for at least; a proxy's default endpoint stands in two zones only.
ZONES = 2
# RDS Proxy cannot be used in these zones, by zone id: RDS User Guide "Using RDS Proxy", limitations.
ZONES_WITHOUT_PROXY = ["use1-az3", "usw1-az2"]


class NetworkArgs(TypedDict):
    """A new VPC by `vpc_cidr`, or an existing one by `vpc_id` and `subnet_ids`."""

    vpc_cidr: NotRequired[str]
    """IPv4 network of a new VPC, /16 to /24; default 10.0.0.0/16."""
    vpc_id: NotRequired[pulumi.Input[str]]
    """Id of an existing VPC."""
    subnet_ids: NotRequired[pulumi.Input[list[pulumi.Input[str]]]]
    """Ids of at least two subnets of the existing VPC."""
    secrets_endpoint: NotRequired[bool]
    """Whether a new VPC gets an interface endpoint for Secrets Manager (needed as soon as something in the VPC reads a
    secret); default true."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource."""


class Network(pulumi.ComponentResource):
    """A VPC with private subnets in two zones and, where wanted, an endpoint for Secrets Manager."""

    reference: NetworkRef
    """The network, for the other components."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:Network", name, {}, opts)
        vpc_id, subnet_ids = args.get("vpc_id"), args.get("subnet_ids")
        if (vpc_id is None) != (subnet_ids is None):
            raise ValueError(f'network "{name}" has vpc_id or subnet_ids alone; give both, or vpc_cidr for a new VPC')
        if vpc_id is not None and subnet_ids is not None:
            if "vpc_cidr" in args:
                raise ValueError(f'network "{name}" has vpc_cidr and vpc_id; a new VPC or an existing one, not both')
            if isinstance(subnet_ids, list) and len(subnet_ids) < ZONES:
                raise ValueError(
                    f'network "{name}" has {len(subnet_ids)} subnet; a proxy needs at least {ZONES}, in different zones'
                )
            self.reference = {"vpc_id": vpc_id, "subnet_ids": subnet_ids}
        else:
            self.reference = self._new_vpc(name, args)
        self.register_outputs({"reference": self.reference})

    def _new_vpc(self, name: str, args: NetworkArgs) -> NetworkRef:
        child = pulumi.ResourceOptions(parent=self)
        cidr = ipaddress.IPv4Network(args.get("vpc_cidr", "10.0.0.0/16"))
        tags = args.get("tags")
        named = pulumi.Output.from_input(tags or {}).apply(lambda given: {"Name": name, **given})
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=str(cidr),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=named,
            opts=child,
        )
        zones = aws.get_availability_zones_output(
            state="available",
            exclude_zone_ids=ZONES_WITHOUT_PROXY,
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        # No internet gateway and no NAT: what stands here talks to each other, and to Secrets Manager by its endpoint.
        routes = aws.ec2.RouteTable(f"{name}-private", vpc_id=vpc.id, tags=named, opts=child)
        subnet_ids: list[pulumi.Input[str]] = []
        for index, block in zip(range(ZONES), cidr.subnets(new_prefix=max(cidr.prefixlen + 4, 20)), strict=False):
            subnet = aws.ec2.Subnet(
                f"{name}-private-{index}",
                vpc_id=vpc.id,
                cidr_block=str(block),
                availability_zone=zones.names[index],
                tags=named,
                opts=child,
            )
            aws.ec2.RouteTableAssociation(
                f"{name}-private-{index}", subnet_id=subnet.id, route_table_id=routes.id, opts=child
            )
            subnet_ids.append(subnet.id)
        reference: NetworkRef = {"vpc_id": vpc.id, "subnet_ids": subnet_ids}
        if args.get("secrets_endpoint", True):
            reference["secrets_endpoint_security_group_id"] = self._secrets_endpoint(name, vpc, subnet_ids, tags)
        return reference

    def _secrets_endpoint(
        self,
        name: str,
        vpc: aws.ec2.Vpc,
        subnet_ids: list[pulumi.Input[str]],
        tags: pulumi.Input[dict[str, pulumi.Input[str]]] | None,
    ) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-secrets-endpoint",
            vpc_id=vpc.id,
            description="Secrets Manager endpoint: who may reach it is stated by standalone rules",
            tags=tags,
            opts=child,
        )
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self))
        aws.ec2.VpcEndpoint(
            f"{name}-secrets",
            vpc_id=vpc.id,
            vpc_endpoint_type="Interface",
            service_name=region.region.apply(lambda code: f"com.amazonaws.{code}.secretsmanager"),
            subnet_ids=subnet_ids,
            security_group_ids=[group.id],
            private_dns_enabled=True,
            tags=tags,
            opts=child,
        )
        return group.id
