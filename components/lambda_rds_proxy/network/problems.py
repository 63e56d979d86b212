"""What cannot go together in the settings of a network. Pure."""

from collections.abc import Iterator

from ..settings.spelling import Spelling
from .args import NetworkSettings


def network_problems(given: NetworkSettings, call: Spelling) -> Iterator[str]:
    """Each contradiction as a sentence that names the settings and the fix."""
    vpc, subnets = call("network.vpc_id"), call("network.subnet_ids")
    existing = "vpc_id" in given
    if existing != ("subnet_ids" in given):
        yield f"{vpc} and {subnets} belong together; give both for an existing VPC, or neither for a new one"
    if existing:
        for field in ("vpc_cidr", "zones"):
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
