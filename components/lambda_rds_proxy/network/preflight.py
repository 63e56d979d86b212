"""Checks of subnets before anything is made in them: one VPC, two usable zones, enough free addresses.

Of existing ones only for those who ask: it reads AWS at preview. What AWS would report one by one, in the middle of an
update or as a proxy that stays `insufficient-resource-limits`, is said at once.
"""

import ipaddress
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

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


def subnet_problems(subnets: Sequence[Subnet], *, vpc_id: str, addresses: int) -> list[str]:
    """Everything that keeps a proxy out of these subnets, each as a sentence that names the value and the fix."""
    found = [
        f"subnet {each.subnet_id} is in {each.vpc_id}, not in {vpc_id}; choose subnets of the same VPC"
        for each in subnets
        if each.vpc_id != vpc_id
    ]
    found += [
        f"subnet {each.subnet_id} is in zone {each.zone_id}, which has no RDS Proxy; choose one in another zone"
        for each in subnets
        if each.zone_id in ZONES_WITHOUT_PROXY
    ]
    zones = {each.zone_id for each in subnets} - set(ZONES_WITHOUT_PROXY)
    if len(zones) < 2:
        named = ", ".join(sorted(zones)) or "none"
        found.append(f"the subnets are in {len(zones)} usable zone ({named}); a proxy needs at least 2, add a subnet")
    free = sum(each.free_addresses for each in subnets if each.zone_id in zones)
    if free < addresses:
        found.append(
            f"the subnets have {free} free addresses; the proxy needs {addresses} for an instance of this class, "
            "choose larger subnets"
        )
    return found
