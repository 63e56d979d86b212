from dataclasses import replace

import pytest

from lambda_rds_proxy.preflight.network import Subnet, needed_addresses, next_zone, subnet_problems

ONE = Subnet(subnet_id="subnet-1", vpc_id="vpc-1", zone_id="euw1-az1", free_addresses=250)
OTHER = replace(ONE, subnet_id="subnet-2", zone_id="euw1-az2")


def problems(*subnets: Subnet, addresses: int = 10) -> list[str]:
    return list(map(str, subnet_problems(subnets, vpc_id="vpc-1", addresses=addresses)))


def test_two_zones_of_one_vpc_with_free_addresses_have_no_problem() -> None:
    assert problems(ONE, OTHER) == []


@pytest.mark.parametrize(
    ("subnets", "words"),
    [
        ([ONE, replace(OTHER, vpc_id="vpc-2")], "subnet subnet-2 is in vpc-2, not in vpc-1"),
        ([ONE, replace(OTHER, zone_id="euw1-az1")], "the subnets are in 1 usable zone (euw1-az1)"),
        (
            [ONE, OTHER, replace(ONE, subnet_id="s", zone_id="use1-az3")],
            "s is in zone use1-az3, which has no RDS Proxy",
        ),
        (
            [replace(ONE, free_addresses=4), replace(OTHER, free_addresses=5)],
            "have 9 free addresses; the proxy needs 10",
        ),
        ([], "in 0 usable zone (none)"),
    ],
)
def test_what_keeps_a_proxy_out_is_named(subnets: list[Subnet], words: str) -> None:
    assert any(words in problem for problem in problems(*subnets))


def test_addresses_in_a_zone_without_proxy_do_not_count() -> None:
    assert any("have 0 free" in each for each in problems(replace(ONE, zone_id="use1-az3")))


def test_all_problems_are_said_at_once() -> None:
    assert len(problems(replace(ONE, vpc_id="vpc-2", free_addresses=1), addresses=10)) == 3


@pytest.mark.parametrize(
    ("instance_class", "endpoints", "addresses"),
    [("db.t4g.micro", 0, 10), ("db.r6g.xlarge", 0, 10), ("db.r6g.2xlarge", 1, 18), ("db.r6g.24xlarge", 0, 110)],
)
def test_a_proxy_needs_more_addresses_for_larger_instances_and_more_endpoints(
    instance_class: str, endpoints: int, addresses: int
) -> None:
    assert needed_addresses(instance_class, extra_endpoints=endpoints) == addresses


def test_one_more_subnet_stands_in_a_zone_of_its_own_however_the_list_shifted_since_the_others() -> None:
    # Made while a was impaired, so b and c are taken; with a third zone a is free again.
    assert next_zone(["a", "b", "c"], ["a", "b", "c"], ["b", "c"]) == "a"
    # Made in a and b; now a is impaired.
    assert next_zone(["b", "c"], ["a", "b", "c"], ["a", "b"]) == "c"
    assert next_zone(["b", "c"], ["a", "b", "c"], []) == "b"
    assert next_zone(["a"], ["a", "b"], ["a", "b"]) is None
