"""What cannot go together in the settings of a network. Pure."""

import ipaddress
from collections.abc import Iterator, Mapping

from ..preflight.network import usable_addresses
from ..settings.reading import with_defaults
from ..settings.spelling import Spelling
from .args import NetworkSettings


def network_problems(given: NetworkSettings, call: Spelling, *, needed: Mapping[str, int]) -> Iterator[str]:
    """Each contradiction as a sentence that names the settings and the fix.

    `needed` are the addresses that a new VPC must have, by what takes them.
    """
    vpc, subnets = call("network.vpc_id"), call("network.subnet_ids")
    existing = "vpc_id" in given
    if existing != ("subnet_ids" in given):
        yield f"{vpc} and {subnets} belong together; give both for an existing VPC, or neither for a new one"
    if existing:
        for field in ("vpc_cidr", "zones", *(["flow_logs"] if given.get("flow_logs") else [])):
            if field in given:
                yield f"{call(f'network.{field}')} is for a new VPC; leave it out when {vpc} names an existing one"
        if given.get("secrets_endpoint") and "secrets_endpoint_security_group_id" in given:
            new, there = call("network.secrets_endpoint"), call("network.secrets_endpoint_security_group_id")
            yield f"{new} and {there} exclude each other; make an endpoint, or name the one there"
    else:
        wrong = ["secrets_endpoint_security_group_id"] if "secrets_endpoint_security_group_id" in given else []
        wrong += ["preflight"] if given.get("preflight") else []
        for field in wrong:
            yield f"{call(f'network.{field}')} is for an existing VPC; give {vpc} and {subnets}, or leave it out"
        yield from _size_problems(given, call, needed)


def _size_problems(given: NetworkSettings, call: Spelling, needed: Mapping[str, int]) -> Iterator[str]:
    """Whether the subnets of a new VPC hold what will stand in them: AWS says it in the middle of an update."""
    network = with_defaults(NetworkSettings, given)
    cidr, zones, sum_needed = ipaddress.IPv4Network(network["vpc_cidr"]), network["zones"], sum(needed.values())
    usable = usable_addresses(cidr, zones)
    if usable < sum_needed:
        larger = (cidr.supernet(new_prefix=prefix) for prefix in range(cidr.prefixlen - 1, 0, -1))
        fits = next(each for each in larger if usable_addresses(each, zones) >= sum_needed)
        shares = ", ".join(f"{count} of {what}" for what, count in needed.items() if count)
        yield (
            f"{call('network.vpc_cidr')} is {cidr}, whose {zones} subnets have {usable} addresses; {sum_needed} are "
            f"needed ({shares}), choose a /{fits.prefixlen} or larger"
        )
