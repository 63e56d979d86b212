"""A VPC and its subnets before anything is made in them: names that resolve, usable zones, free addresses, a way out.

What AWS would report one by one, in the middle of an update or as a proxy that stays `insufficient-resource-limits`, is
said at once.
"""

import ipaddress
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from .answers import Problem

# RDS Proxy cannot be used in these zones, by zone id: RDS User Guide "Using RDS Proxy", limitations.
ZONES_WITHOUT_PROXY = ("use1-az3", "usw1-az2")
# RDS User Guide, "Set up network prerequisites for RDS Proxy": free addresses by the size of the largest instance.
_ADDRESSES_BY_SIZE = {"2xlarge": 15, "4xlarge": 25, "8xlarge": 45, "12xlarge": 60, "16xlarge": 75, "24xlarge": 110}
_ADDRESSES_UP_TO_XLARGE = 10
_ADDRESSES_PER_ENDPOINT = 3
# The first four addresses and the last of a subnet: VPC User Guide, "Subnet CIDR blocks".
_RESERVED_PER_SUBNET = 5


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """What DescribeSubnets says of a subnet."""

    subnet_id: str
    vpc_id: str
    zone_id: str
    free_addresses: int
    zone: str = ""


@dataclass(frozen=True, kw_only=True)
class Vpc:
    """What DescribeVpcs and DescribeVpcAttribute say of a VPC."""

    vpc_id: str
    dns_support: bool
    dns_hostnames: bool
    tenancy: str = "default"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """What DescribeVpcEndpoints says of an endpoint of Secrets Manager."""

    endpoint_id: str
    state: str
    private_dns: bool
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RouteTable:
    """What DescribeRouteTables says of a table: whose it is, and where 0.0.0.0/0 goes."""

    subnet_ids: tuple[str, ...]
    is_main: bool
    default_target: str | None


def next_zone(available: Sequence[str], known: Sequence[str], taken: Sequence[str]) -> str | None:
    """The zone of one more subnet: one that no earlier subnet stands in, whenever that was made; None if there is none.

    Those that are available now come first, then all others of the region: an impaired zone is no reason to say that
    subnets which are long there have none.
    """
    others = [each for each in known if each not in available]
    return next((each for each in [*available, *others] if each not in taken), None)


def needed_addresses(instance_class: str | None, *, extra_endpoints: int = 0) -> int:
    """Free addresses that a proxy in front of this class (None: up to xlarge) needs in its subnets together."""
    size = (instance_class or "").rsplit(".", 1)[-1]
    return _ADDRESSES_BY_SIZE.get(size, _ADDRESSES_UP_TO_XLARGE) + _ADDRESSES_PER_ENDPOINT * extra_endpoints


def subnets_of(network: ipaddress.IPv4Network, zones: int) -> list[ipaddress.IPv4Network]:
    """The subnets of a new VPC, one in each zone: a sixteenth of it each, and at most a /20."""
    blocks = network.subnets(new_prefix=max(network.prefixlen + 4, 20))
    return list(itertools.islice(blocks, zones))


def usable_addresses(network: ipaddress.IPv4Network, zones: int) -> int:
    """The addresses that the subnets of a new VPC have together."""
    return sum(each.num_addresses - _RESERVED_PER_SUBNET for each in subnets_of(network, zones))


def subnet_problems(
    subnets: Sequence[Subnet],
    *,
    vpc_id: str,
    addresses: int,
    taken_by: str = "the proxy needs {} for an instance of this class",
) -> list[Problem]:
    """Everything that keeps a proxy out of these subnets; `taken_by` says what takes so many addresses."""
    found = [
        Problem(
            found=f"subnet {each.subnet_id} is in {each.vpc_id}, not in {vpc_id}", fix="choose subnets of the same VPC"
        )
        for each in subnets
        if each.vpc_id != vpc_id
    ]
    found += [
        Problem(
            found=f"subnet {each.subnet_id} is in zone {each.zone_id}, which has no RDS Proxy",
            fix="choose one in another zone",
        )
        for each in subnets
        if each.zone_id in ZONES_WITHOUT_PROXY
    ]
    zones = {each.zone_id for each in subnets} - set(ZONES_WITHOUT_PROXY)
    if len(zones) < 2:
        named = ", ".join(sorted(zones)) or "none"
        found.append(
            Problem(
                found=f"the subnets are in {len(zones)} usable zone ({named})",
                fix="a proxy needs at least 2, add a subnet",
            )
        )
    free = sum(each.free_addresses for each in subnets if each.zone_id in zones)
    if free < addresses:
        found.append(
            Problem(
                found=f"the subnets have {free} free addresses",
                fix=f"{taken_by.format(addresses)}, choose larger subnets",
            )
        )
    return found


def vpc_problems(vpc: Vpc, *, private_dns: bool) -> list[Problem]:
    """What of a VPC keeps a proxy out, or its name from being found; an endpoint with `private_dns` asks for more."""
    found, change = [], f"aws ec2 modify-vpc-attribute --vpc-id {vpc.vpc_id}"
    # source: VPC User Guide, "DNS attributes for your VPC": without it the VPC's own DNS server answers nobody.
    if not vpc.dns_support:
        found.append(
            Problem(
                found=f"{vpc.vpc_id} has enableDnsSupport off, so nothing in it finds the proxy by its name",
                fix=f"{change} --enable-dns-support",
            )
        )
    # source: the same page; CreateVpcEndpoint refuses PrivateDnsEnabled without both.
    if private_dns and not vpc.dns_hostnames:
        found.append(
            Problem(
                found=f"{vpc.vpc_id} has enableDnsHostnames off, without which AWS makes no endpoint with private DNS",
                fix=f"{change} --enable-dns-hostnames",
            )
        )
    # source: RDS User Guide, "Using RDS Proxy", limitations.
    if vpc.tenancy == "dedicated":
        found.append(
            Problem(
                found=f"{vpc.vpc_id} has tenancy dedicated, where RDS Proxy cannot be used",
                fix=f"aws ec2 modify-vpc-tenancy --vpc-id {vpc.vpc_id} --instance-tenancy default",
            )
        )
    return found


def endpoint_problems(endpoints: Sequence[Endpoint], *, makes_one: bool, group: str | None) -> list[Problem]:
    """Whether an endpoint of Secrets Manager can be made, or the one that is named is there."""
    there = [each for each in endpoints if each.state.lower() in ("available", "pending", "pendingacceptance")]
    with_names = next((each for each in there if each.private_dns), None)
    if makes_one and with_names:
        groups = ", ".join(with_names.groups) or "its security group"
        return [
            Problem(
                found=f"{with_names.endpoint_id} has Secrets Manager's private name already, and a VPC takes it once",
                fix=f"set secretsEndpointSecurityGroupId to {groups} instead of secretsEndpoint",
            )
        ]
    if group and not any(group in each.groups for each in there):
        return [
            Problem(
                found=f"no endpoint of Secrets Manager has {group}, which secretsEndpointSecurityGroupId names",
                fix="name the group of one, set secretsEndpoint to true instead, or leave both out with a NAT",
            )
        ]
    return []


def way_out_problems(
    subnet_ids: Sequence[str], endpoints: Sequence[Endpoint], routes: Sequence[RouteTable]
) -> list[Problem]:
    """Whether what reads a secret reaches Secrets Manager: by an endpoint's private name, or by a route out."""
    if any(each.private_dns and each.state.lower() == "available" for each in endpoints):
        return []
    main = next((each for each in routes if each.is_main), None)
    without = []
    for subnet in subnet_ids:
        table = next((each for each in routes if subnet in each.subnet_ids), main)
        target = table.default_target if table else None
        # source: Lambda Developer Guide, "Enable internet access for VPC-connected Lambda functions": behind an
        # internet gateway a function has no public address, so that route leads it nowhere.
        if target is None or target.startswith("igw-"):
            without.append(subnet)
    if not without:
        return []
    return [
        Problem(
            found=f"{', '.join(without)}: no route to a NAT, and the VPC has no endpoint of Secrets Manager with "
            "private DNS, so what reads a secret there waits until it times out",
            fix="set secretsEndpoint to true, or add a NAT and its route",
        )
    ]
