"""What decides: sums, allowed values, policies of resources, what a stack has already. Properties, mostly."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.preflight.account import Concurrency, Proxies, Quota, Share
from lambda_rds_proxy.preflight.answers import NotSeen, Verdict, listed
from lambda_rds_proxy.preflight.capacity import LEAST_UNRESERVED, concurrency, quotas
from lambda_rds_proxy.preflight.database import takes
from lambda_rds_proxy.preflight.deployed import deployed
from lambda_rds_proxy.preflight.needs import Deployed
from lambda_rds_proxy.preflight.network import RouteTable, way_out_problems
from lambda_rds_proxy.preflight.proxies import proxies
from lambda_rds_proxy.preflight.resource_policies import lets
from lambda_rds_proxy.preflight.shapes import by_number, route_table
from tests.components.preflight.samples import good, needs, policy

COUNTS = st.integers(0, 2000)
DEV, EXISTING = needs("dev"), needs("existing")


@given(limit=COUNTS, others=COUNTS, held=COUNTS, reserved=COUNTS)
def test_a_reservation_is_refused_exactly_if_it_grows_and_leaves_less_than_lambda_keeps(
    limit: int, others: int, held: int, reserved: int
) -> None:
    seen = Concurrency(limit=limit, unreserved=max(0, limit - others - held))
    of = replace(DEV, reserved_concurrency=reserved, deployed=Deployed(reserved_concurrency=held))
    (row,) = concurrency(of, replace(good("dev"), concurrency=seen))
    left = seen.unreserved + held - reserved
    assert (row.verdict is Verdict.FINDING) == (reserved > held and left < LEAST_UNRESERVED)


@given(used=COUNTS, most=COUNTS, there=st.integers(0, 3))
def test_a_quota_is_held_against_what_is_added_and_not_against_what_is_there(used: int, most: int, there: int) -> None:
    of = replace(DEV, counts={"proxies": 2}, deployed=Deployed(counts={"proxies": there}))
    found = quotas(of, replace(good("dev"), quotas={"proxies": Quota(used=used, most=most)}))
    added = 2 - there
    assert [each.verdict is Verdict.FINDING for each in found] == ([used + added > most] if added > 0 else [])


SHARES = st.dictionaries(st.sampled_from(["a", "b", "c", EXISTING.proxy_name]), st.integers(1, 100))


@given(shares=SHARES, own=st.integers(1, 100))
def test_the_sum_is_of_every_proxy_once_with_the_settings_of_the_stacks_own(shares: dict[str, int], own: int) -> None:
    others = sum(percent for name, percent in shares.items() if name != EXISTING.proxy_name)
    of = replace(EXISTING, percent=own, other_proxies_percent=others)
    seen = Proxies(shares=tuple(Share(proxy=name, percent=percent) for name, percent in shares.items()))
    found = proxies(of, replace(good("existing"), proxies=seen))
    assert [each.verdict is Verdict.FINDING for each in found] == [own + others > 90]
    assert str(own + others) in found[0].found


def test_a_share_that_is_not_seen_is_told_and_is_no_reason_to_call_the_setting_too_high() -> None:
    seen = Proxies(shares=(Share(proxy="a", percent=NotSeen(why="denied")),), not_seen={"b": "denied"})
    found = proxies(EXISTING, replace(good("existing"), proxies=seen))
    said = [each for each in found if each.verdict is Verdict.NOT_SEEN]
    assert [each.found for each in said] == ["the sum is without a, b: denied"]
    assert [each.verdict for each in found if each not in said] == [Verdict.OK]


@given(low=st.integers(-5, 50), size=st.integers(0, 50), value=st.integers(-60, 120))
def test_a_range_takes_what_is_in_it(low: int, size: int, value: int) -> None:
    assert takes(f"{low}-{low + size}", str(value)) == (low <= value <= low + size)


@pytest.mark.parametrize(
    ("allowed", "value", "is_taken"),
    [
        (None, "x", True),
        ("", "x", True),
        ("0,1", "1", True),
        ("0,1", "ON", False),
        ("ON,OFF", "on", True),
        ("-1,0-2147483647", "-1", True),
        ("0.0-1.0", "0.5", True),
        ("6-262143", "LEAST({DBInstanceClassMemory/9531392},5000)", True),
        ("6-262143", "many", False),
        ("auto_explain,pg_stat_statements", "pg_stat_statements,auto_explain", True),
        ("auto_explain,pg_stat_statements", "pg_stat_statements,nothing", False),
    ],
)
def test_the_text_of_allowed_values_is_read_as_rds_means_it(allowed: str | None, value: str, is_taken: bool) -> None:
    assert takes(allowed, value) is is_taken


SERVICE = {"Service": ("a.amazonaws.com",)}


@pytest.mark.parametrize(
    ("statements", "is_let"),
    [
        ([{"Principal": {"Service": "a.amazonaws.com"}, "Action": "x:Do"}], True),
        ([{"Principal": {"Service": ["b.amazonaws.com", "a.amazonaws.com"]}, "Action": ["X:D*"]}], True),
        ([{"Principal": {"Service": "b.amazonaws.com"}, "Action": "x:*"}], False),
        ([{"Principal": "*", "Action": "x:*"}], True),
        ([{"Principal": {"AWS": "*"}, "Action": "x:Other"}], False),
        ([{"Principal": "*", "NotAction": "x:Other"}], True),
        ([{"Principal": "*", "NotAction": "x:*"}], False),
        ([{"NotPrincipal": {"AWS": "1"}, "Action": "x:*"}], False),
        ([{"Principal": "*", "Action": "x:*", "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}], True),
        (
            [{"Principal": "*", "Action": "x:*", "Condition": {"StringEquals": {"AWS:SourceAccount": ["2", "3"]}}}],
            False,
        ),
        # A condition on what is not known here may hold: it allows, and denies nothing for sure.
        ([{"Principal": "*", "Action": "x:*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}], True),
        (
            [
                {"Principal": "*", "Action": "x:*"},
                {"Effect": "Deny", "Principal": "*", "Action": "x:*", "Condition": {"Bool": {"aws:X": "false"}}},
            ],
            True,
        ),
        ([{"Principal": "*", "Action": "x:*"}, {"Effect": "Deny", "Principal": "*", "Action": "x:Do"}], False),
    ],
)
def test_a_policy_lets_a_service_do_what_it_says(statements: list[dict[str, Any]], is_let: bool) -> None:
    assert lets(policy(*statements), "x:Do", SERVICE, {"aws:SourceAccount": "1"}) is is_let


def test_versions_are_sorted_by_their_numbers() -> None:
    assert sorted(["17.10", "17.9", "8.0.mysql_aurora.3.10.4", "8.0.mysql_aurora.3.8.0"], key=by_number) == [
        *("8.0.mysql_aurora.3.8.0", "8.0.mysql_aurora.3.10.4", "17.9", "17.10")
    ]


@pytest.mark.parametrize(
    ("tables", "is_out"),
    [
        ([RouteTable(subnet_ids=("s",), is_main=False, default_target="nat-1")], True),
        ([RouteTable(subnet_ids=(), is_main=True, default_target="tgw-1")], True),
        ([RouteTable(subnet_ids=(), is_main=True, default_target="igw-1")], False),
        (
            [
                RouteTable(subnet_ids=("s",), is_main=False, default_target=None),
                RouteTable(subnet_ids=(), is_main=True, default_target="nat-1"),
            ],
            False,
        ),
        ([], False),
    ],
)
def test_a_way_out_is_a_route_of_the_subnets_own_table_or_the_main_one(tables: list[RouteTable], is_out: bool) -> None:
    assert (way_out_problems(["s"], [], tables) == []) is is_out


def test_a_route_whose_target_is_gone_leads_nowhere() -> None:
    route = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}
    assert route_table({"Routes": [route]}).default_target == "nat-1"
    assert route_table({"Routes": [{**route, "State": "blackhole"}]}).default_target is None


def test_a_state_tells_what_is_the_stacks_own() -> None:
    found = deployed(
        [
            {"type": "pulumi:pulumi:Stack"},
            {"type": "aws:rds/cluster:Cluster", "urn": "u::database", "outputs": {"clusterIdentifier": "database-1"}},
            {"type": "aws:rds/clusterInstance:ClusterInstance", "outputs": {"identifier": "database-0-1"}},
            {"type": "aws:rds/proxy:Proxy", "outputs": {"name": "p"}},
            {"type": "aws:lambda/function:Function", "outputs": {"name": "f", "reservedConcurrentExecutions": 20}},
            {"type": "aws:lambda/function:Function", "outputs": {"name": "g", "reservedConcurrentExecutions": -1}},
            {"type": "aws:lambda/function:Function", "outputs": {"name": {"ciphertext": "secret"}}},
        ],
        name="database",
        addresses=17,
    )
    assert (found.database, found.reserved_concurrency) == ("database-1", 20)
    assert found.names["function"] == {"f", "g"}
    assert found.names["database"] == {"database-1", "database-0-1"}
    assert (found.counts["DBClusters"], found.counts["proxies"], found.counts["network interfaces"]) == (1, 1, 17)


def test_of_many_names_the_first_are_told_and_how_many_more() -> None:
    assert listed("abc", most=2) == "a, b and 1 more"
    assert listed([]) == ""
