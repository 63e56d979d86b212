"""A VPC whose private subnets hold functions, proxy and database, with no way in or out."""

import ipaddress
from collections.abc import Sequence
from functools import partial
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from ..references import NetworkRef
from .preflight import ZONES_WITHOUT_PROXY, Subnet, needed_addresses, subnet_problems

# Two is what a DB subnet group and a proxy ask for at least; a proxy's default endpoint stands in two zones only.
ZONES = 2
# A subnet takes a sixteenth of the VPC (at most a /20), so more would not be usable in every region anyway.
MOST_ZONES = 6


class PreflightArgs(TypedDict):
    """What existing subnets are checked against; reads AWS at preview."""

    instance_class: str
    """Class of the largest instance behind the proxy: how many addresses a proxy takes follows it."""
    extra_endpoints: NotRequired[int]
    """Endpoints of the proxy beside its default one; default 0."""


class NetworkArgs(TypedDict):
    """A new VPC by `vpc_cidr`, or an existing one by `vpc_id` and `subnet_ids`."""

    vpc_cidr: NotRequired[str]
    """IPv4 network of a new VPC, /16 to /24; default 10.0.0.0/16."""
    zones: NotRequired[int]
    """Availability zones of a new VPC, 2–6, one private subnet in each; default 2."""
    vpc_id: NotRequired[pulumi.Input[str]]
    """Id of an existing VPC."""
    subnet_ids: NotRequired[pulumi.Input[list[pulumi.Input[str]]]]
    """Ids of at least two subnets of the existing VPC."""
    secrets_endpoint: NotRequired[bool]
    """Whether an interface endpoint for Secrets Manager is made (needed as soon as something in the VPC reads a secret
    and has no NAT); default true in a new VPC and false in an existing one."""
    secrets_endpoint_security_group_id: NotRequired[pulumi.Input[str]]
    """Security group of the endpoint that an existing VPC has already."""
    preflight: NotRequired[PreflightArgs]
    """Check the existing subnets first: their VPC, their zones, their free addresses; default no check."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource."""


class Network(pulumi.ComponentResource):
    """A VPC with private subnets in two zones or more and, where wanted, an endpoint for Secrets Manager."""

    reference: NetworkRef
    """The network, for the other components."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:Network", name, {}, opts)
        problems = _problems(args)
        if problems:
            raise ValueError(f'network "{name}" ' + "; ".join(problems))
        vpc_id, subnet_ids = args.get("vpc_id"), args.get("subnet_ids")
        if vpc_id is not None and subnet_ids is not None:
            if "preflight" in args:
                vpc_id = self._preflight(name, vpc_id, subnet_ids, args["preflight"])
            self.reference = {"vpc_id": vpc_id, "subnet_ids": subnet_ids}
            if "secrets_endpoint_security_group_id" in args:
                self.reference["secrets_endpoint_security_group_id"] = args["secrets_endpoint_security_group_id"]
        else:
            self.reference = self._new_vpc(name, args)
        if args.get("secrets_endpoint", vpc_id is None):
            group = self._secrets_endpoint(name, self.reference, args.get("tags"))
            self.reference["secrets_endpoint_security_group_id"] = group
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
            exclude_zone_ids=list(ZONES_WITHOUT_PROXY),
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        # No internet gateway and no NAT: what stands here talks to each other, and to Secrets Manager by its endpoint.
        routes = aws.ec2.RouteTable(f"{name}-private", vpc_id=vpc.id, tags=named, opts=child)
        subnet_ids: list[pulumi.Input[str]] = []
        blocks = cidr.subnets(new_prefix=max(cidr.prefixlen + 4, 20))
        for index, block in zip(range(args.get("zones", ZONES)), blocks, strict=False):
            subnet = aws.ec2.Subnet(
                f"{name}-private-{index}",
                vpc_id=vpc.id,
                cidr_block=str(block),
                availability_zone=zones.names.apply(partial(_zone, index)),
                tags=named,
                opts=child,
            )
            aws.ec2.RouteTableAssociation(
                f"{name}-private-{index}", subnet_id=subnet.id, route_table_id=routes.id, opts=child
            )
            subnet_ids.append(subnet.id)
        return {"vpc_id": vpc.id, "subnet_ids": subnet_ids}

    def _secrets_endpoint(
        self, name: str, network: NetworkRef, tags: pulumi.Input[dict[str, pulumi.Input[str]]] | None
    ) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-secrets-endpoint",
            vpc_id=network["vpc_id"],
            description="Secrets Manager endpoint: who may reach it is stated by standalone rules",
            tags=tags,
            opts=child,
        )
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self))
        aws.ec2.VpcEndpoint(
            f"{name}-secrets",
            vpc_id=network["vpc_id"],
            vpc_endpoint_type="Interface",
            service_name=region.region.apply(lambda code: f"com.amazonaws.{code}.secretsmanager"),
            subnet_ids=network["subnet_ids"],
            security_group_ids=[group.id],
            private_dns_enabled=True,
            tags=tags,
            opts=child,
        )
        return group.id

    def _preflight(
        self,
        name: str,
        vpc_id: pulumi.Input[str],
        subnet_ids: pulumi.Input[list[pulumi.Input[str]]],
        args: PreflightArgs,
    ) -> pulumi.Output[str]:
        """The VPC's id, once its subnets were found fit: whoever takes it from here waits for that."""
        addresses = needed_addresses(args["instance_class"], extra_endpoints=args.get("extra_endpoints", 0))
        options = pulumi.InvokeOptions(parent=self)

        def check(known: list[Any]) -> str:
            vpc, ids = str(known[0]), known[1]
            found = [aws.ec2.get_subnet(id=each, opts=options) for each in ids]
            subnets = [
                Subnet(
                    subnet_id=each.id,
                    vpc_id=each.vpc_id,
                    zone_id=each.availability_zone_id,
                    free_addresses=each.available_ip_address_count,
                )
                for each in found
            ]
            problems = subnet_problems(subnets, vpc_id=vpc, addresses=addresses)
            if problems:
                raise pulumi.RunError(f'network "{name}" is not fit for a proxy: ' + "; ".join(problems))
            return vpc

        return pulumi.Output.all(vpc_id, subnet_ids).apply(check)


def _zone(index: int, names: Sequence[str]) -> str:
    if index >= len(names):
        raise pulumi.RunError(
            f"zones is {index + 1} or more; this region has {len(names)} that RDS Proxy can be used in"
        )
    return names[index]


def _problems(args: NetworkArgs) -> list[str]:
    vpc_id, subnet_ids = args.get("vpc_id"), args.get("subnet_ids")
    found = []
    if (vpc_id is None) != (subnet_ids is None):
        found.append("has vpc_id or subnet_ids alone; give both, or vpc_cidr for a new VPC")
    existing = vpc_id is not None
    if existing:
        found += [
            f"has {each} and vpc_id; a new VPC or an existing one, not both"
            for each in ("vpc_cidr", "zones")
            if each in args
        ]
        if isinstance(subnet_ids, list) and len(subnet_ids) < ZONES:
            found.append(f"has {len(subnet_ids)} subnet; a proxy needs at least {ZONES}, in different zones")
        if args.get("secrets_endpoint") and "secrets_endpoint_security_group_id" in args:
            found.append("has secrets_endpoint and secrets_endpoint_security_group_id; a new endpoint or the one there")
    else:
        found += [
            f"has {each} without vpc_id; it is for an existing VPC"
            for each in ("secrets_endpoint_security_group_id", "preflight")
            if each in args
        ]
    if not ZONES <= args.get("zones", ZONES) <= MOST_ZONES:
        found.append(f"has zones {args['zones']}; it must be between {ZONES} and {MOST_ZONES}")
    return found
