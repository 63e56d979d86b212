"""Settings of a network: a new VPC, or an existing one."""

import ipaddress
from typing import NotRequired, TypedDict

import pulumi

from ..references import LEAST_SUBNETS, SECURITY_GROUP, SUBNETS
from ..settings.checks import Checks, default, matching, number, passes
from ..stack.args import StackSettings

# Two is what a DB subnet group and a proxy ask for at least; a proxy's default endpoint stands in two zones only. A
# subnet takes a sixteenth of the VPC (at most a /20), so more than six would not be usable in every region anyway.
LEAST_ZONES, MOST_ZONES = LEAST_SUBNETS, 6


class NetworkSettings(TypedDict):
    """A new VPC by `vpc_cidr` and `zones`, or an existing one by `vpc_id` and `subnet_ids`."""

    vpc_cidr: NotRequired[str]
    """IPv4 network of a new VPC, /16 to /24, each subnet a sixteenth of it (a /24 has room for the smallest stacks
    only); default 10.0.0.0/16."""
    zones: NotRequired[int]
    """Availability zones of a new VPC, 2 to 6, one private subnet in each; default 2."""
    vpc_id: NotRequired[pulumi.Input[str]]
    """An existing VPC instead of a new one; needs `subnet_ids`."""
    subnet_ids: NotRequired[pulumi.Input[list[pulumi.Input[str]]]]
    """At least 2 private subnets of the existing VPC, in at least 2 zones."""
    secrets_endpoint: NotRequired[bool]
    """Whether an interface endpoint for Secrets Manager is made, which whatever reads a secret needs where there is no
    NAT; without it one is made in a new VPC when something there reads a secret, and none in an existing one."""
    secrets_endpoint_security_group_id: NotRequired[pulumi.Input[str]]
    """Security group of the Secrets Manager endpoint that an existing VPC has."""
    flow_logs: NotRequired[bool]
    """Whether the traffic of a new VPC is logged: who talked to whom, and what was refused; default false."""
    preflight: NotRequired[bool]
    """Whether an existing VPC is checked first: its DNS settings, its subnets' zones and free addresses (reads AWS at
    preview; `python -m ops preflight` asks all else as well); default false."""


class NetworkArgs(TypedDict):
    """The network that functions, proxy and database stand in."""

    settings: NotRequired[NetworkSettings]
    """Which network; without it a new VPC."""
    stack: NotRequired[StackSettings]
    """What holds for all resources."""
    instance_class: NotRequired[str]
    """Class of the largest instance behind the proxy: how many addresses a proxy takes follows it, and a new VPC, or
    one with `preflight`, must have them."""
    extra_endpoints: NotRequired[int]
    """Endpoints of the proxy beside the one it always has, which take addresses too; none without it."""
    secrets: NotRequired[list[pulumi.Input[str]]]
    """The secrets that may be used through an endpoint that is made, by ARN or by name, with * and ?; every one of the
    account without it."""


def _is_network(text: str) -> bool:
    return 16 <= ipaddress.IPv4Network(text).prefixlen <= 24


CHECKS: Checks = {
    "vpc_cidr": passes(_is_network, "an IPv4 network between /16 and /24 such as 10.0.0.0/16", default="10.0.0.0/16"),
    "zones": number(LEAST_ZONES, MOST_ZONES, default=2),
    "vpc_id": matching(r"vpc-[0-9a-f]+", "the id of a VPC such as vpc-0123456789abcdef0"),
    "subnet_ids": SUBNETS,
    "secrets_endpoint_security_group_id": SECURITY_GROUP,
    "flow_logs": default(False),
    "preflight": default(False),
}
