"""What a recorded network looks like."""

import pytest

from tests.local.provider.conftest import recorded


@pytest.mark.parametrize(("given", "zone"), [({}, "a"), ({"availabilityZone": "eu-west-1c"}, "c")])
def test_a_subnet_stands_in_the_zone_that_was_asked_for_or_in_the_first(given: dict[str, str], zone: str) -> None:
    _, subnet = recorded("aws:ec2/subnet:Subnet", given)
    expected = (f"eu-west-1{zone}", f"euw1-az{'abc'.index(zone) + 1}")
    assert (subnet["availabilityZone"], subnet["availabilityZoneId"]) == expected


def test_a_vpc_has_its_own_default_group_and_tables() -> None:
    identifier, vpc = recorded("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16"})
    number = identifier.removeprefix("vpc-")
    assert vpc["defaultSecurityGroupId"] == f"sg-{number}"
    assert vpc["mainRouteTableId"] == vpc["defaultRouteTableId"] == f"rtb-{number}"
