"""A VPC whose private subnets hold functions, proxy and database, with no way in or out."""

import ipaddress
from collections.abc import Sequence
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws

from ..iam_policies import secrets_endpoint_policy
from ..names import SECURITY_GROUP
from ..preflight.network import (
    ZONES_WITHOUT_PROXY,
    Subnet,
    Vpc,
    needed_addresses,
    next_zone,
    subnet_problems,
    subnets_of,
    vpc_problems,
)
from ..references import NetworkRef, enough_subnets
from ..settings.reading import any_secret, hidden, read, with_defaults
from ..settings.spelling import SPELLING
from ..stack.args import StackSettings, Tags
from ..stack_names import own_name
from .args import NetworkArgs, NetworkSettings
from .flow_logs import log_flows
from .problems import network_problems


class Network(pulumi.ComponentResource):
    """A VPC with private subnets in two zones or more and, where wanted, an endpoint for Secrets Manager."""

    reference: NetworkRef
    """The network, for the other components."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:Network", name, {}, opts)
        args = read(
            NetworkArgs,
            args,
            name,
            part="network",
            problems=lambda given, call: network_problems(
                given.get("settings", {}), call, needed={"the proxy": _addresses_of_proxy(given)}
            ),
        )
        settings = with_defaults(NetworkSettings, args.get("settings", {}))
        stack = with_defaults(StackSettings, args.get("stack", {}))
        if "vpc_id" in settings:
            self.reference = self._existing(name, args, settings)
        else:
            self.reference = self._new_vpc(name, settings, stack)
        if settings.get("secrets_endpoint", "vpc_id" not in settings):
            group = self._secrets_endpoint(name, self.reference, args.get("secrets"), stack.get("tags"))
            self.reference["secrets_endpoint_security_group_id"] = group
        self.register_outputs({"reference": self.reference})

    def _existing(self, name: str, args: NetworkArgs, settings: NetworkSettings) -> NetworkRef:
        call = SPELLING.get().of("network")
        vpc_id, subnet_ids = settings["vpc_id"], enough_subnets(settings["subnet_ids"], call("network.subnet_ids"))
        if settings["preflight"]:
            vpc_id = self._preflight(
                name,
                vpc_id,
                subnet_ids,
                _addresses_of_proxy(args),
                private_dns=settings.get("secrets_endpoint", False),
            )
        reference: NetworkRef = {"vpc_id": vpc_id, "subnet_ids": subnet_ids}
        if "secrets_endpoint_security_group_id" in settings:
            reference["secrets_endpoint_security_group_id"] = settings["secrets_endpoint_security_group_id"]
        return reference

    def _new_vpc(self, name: str, settings: NetworkSettings, stack: StackSettings) -> NetworkRef:
        child = pulumi.ResourceOptions(parent=self)
        cidr = ipaddress.IPv4Network(settings["vpc_cidr"])
        named = pulumi.Output.from_input(stack.get("tags", {})).apply(lambda given: {"Name": name, **given})
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=str(cidr),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=named,
            opts=child,
        )
        # Whoever forgets to give a group gets this one, which lets its members talk to each other and to everybody: the
        # provider takes all rules out when it takes it over. No tags: to put them on is more than a deployer may.
        aws.ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=vpc.id, opts=child)
        if settings["flow_logs"]:
            log_flows(name, vpc=vpc, stack=stack, tags=named, parent=self)
        available, known = self._zones(state="available"), self._zones()
        # No internet gateway and no NAT: what stands here talks to each other, and to Secrets Manager by its endpoint.
        routes = aws.ec2.RouteTable(f"{name}-private", vpc_id=vpc.id, tags=named, opts=child)
        subnets: list[aws.ec2.Subnet] = []
        choose = partial(_zone, SPELLING.get().of("network")("network.zones"), settings["zones"])
        for index, block in enumerate(subnets_of(cidr, settings["zones"])):
            subnet = aws.ec2.Subnet(
                f"{name}-private-{index}",
                vpc_id=vpc.id,
                cidr_block=str(block),
                availability_zone=pulumi.Output.all(
                    available, known, [each.availability_zone for each in subnets]
                ).apply(choose),
                tags=named,
                # A subnet stays where it was made: another zone replaces it, with the database in it, and which zones
                # are available changes by itself, with each that is impaired.
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["availability_zone"]),
            )
            aws.ec2.RouteTableAssociation(
                f"{name}-private-{index}", subnet_id=subnet.id, route_table_id=routes.id, opts=child
            )
            subnets.append(subnet)
        return {"vpc_id": vpc.id, "subnet_ids": [each.id for each in subnets]}

    def _zones(self, *, state: str | None = None) -> pulumi.Output[Sequence[str]]:
        """The zones that RDS Proxy can be used in; of one state, or all of the region."""
        return aws.get_availability_zones_output(
            state=state,
            exclude_zone_ids=list(ZONES_WITHOUT_PROXY),
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            opts=pulumi.InvokeOutputOptions(parent=self),
        ).names

    def _secrets_endpoint(
        self, name: str, network: NetworkRef, secrets: list[pulumi.Input[str]] | None, tags: Tags | None
    ) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-secrets-endpoint",
            name=own_name(SECURITY_GROUP, f"{name}-secrets-endpoint"),
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
            policy=pulumi.Output.all(group.arn, *(secrets or ["*"])).apply(
                lambda known: secrets_endpoint_policy(known[0], known[1:])
            ),
            tags=tags,
            opts=child,
        )
        return group.id

    def _preflight(
        self,
        name: str,
        vpc_id: pulumi.Input[str],
        subnet_ids: pulumi.Input[list[pulumi.Input[str]]],
        addresses: int,
        *,
        private_dns: bool,
    ) -> pulumi.Output[str]:
        """The VPC's id, once it and its subnets were found fit: whoever takes it from here waits for that."""
        options = pulumi.InvokeOptions(parent=self)

        def check(known: list[Any]) -> str:
            vpc, ids, is_secret = str(known[0]), known[1], known[2]
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
            place = aws.ec2.get_vpc(id=vpc, opts=options)
            problems = [
                *vpc_problems(
                    Vpc(
                        vpc_id=vpc,
                        dns_support=place.enable_dns_support,
                        dns_hostnames=place.enable_dns_hostnames,
                        tenancy=place.instance_tenancy,
                    ),
                    private_dns=private_dns,
                ),
                *subnet_problems(subnets, vpc_id=vpc, addresses=addresses),
            ]
            if problems:
                told = "; ".join(map(str, problems))
                if is_secret:
                    told = hidden(told, [vpc, *ids, *(each.vpc_id for each in subnets)])
                raise pulumi.RunError(f'network "{name}" is not fit for a proxy: {told}')
            return vpc

        return pulumi.Output.all(vpc_id, subnet_ids, any_secret(vpc_id, subnet_ids)).apply(check)


def _addresses_of_proxy(args: NetworkArgs) -> int:
    return needed_addresses(args.get("instance_class"), extra_endpoints=args.get("extra_endpoints", 0))


def _zone(setting: str, wanted: int, zones: Sequence[Sequence[str]]) -> str:
    available, known, taken = zones
    zone = next_zone(available, known, taken)
    if zone is None:
        raise pulumi.RunError(
            f"{setting} is {wanted}; this region has {len(known)} that RDS Proxy can be used in, choose at most as many"
        )
    return zone
