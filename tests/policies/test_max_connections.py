"""Percents: what each proxy takes, what those of one database take together, and what is not known."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policies.analyzed import SENTINEL, Resource, analyze, messages, policies
from tests.policies.resources import database, group, proxy, target

TOTAL = "rds-proxy-max-connections-total"


def shared(*percents: Any) -> list[Resource]:
    """One database with a proxy per percent."""
    db = database()
    stack = [db]
    for index, percent in enumerate(percents):
        through = proxy(f"p{index}")
        stack += [through, group(through, percent, f"g{index}"), target(through, db, f"t{index}")]
    return stack


@given(st.lists(st.floats(1, 90).map(round), min_size=1, max_size=5))
def test_the_proxies_of_a_database_are_rejected_exactly_when_their_sum_is_above_the_limit(percents: list[int]) -> None:
    rejected = TOTAL in policies(analyze(shared(*percents), stages="stack"))
    assert rejected == (len(percents) > 1 and sum(percents) > 90)


def test_an_unknown_share_is_no_verdict_but_the_known_ones_can_be_enough() -> None:
    assert messages(TOTAL, analyze(shared(50, SENTINEL))) == []
    assert len(messages(TOTAL, analyze(shared(50, 45, SENTINEL)))) == 1


def test_a_reader_endpoint_shares_its_proxys_percent() -> None:
    stack = shared(85)
    through = stack[1]
    reader = Resource(
        "aws:rds/proxyEndpoint:ProxyEndpoint", "reader", {"dbProxyName": "p0"}, feeds={"dbProxyName": [through]}
    )
    assert analyze([*stack, reader]) == []


def test_a_target_may_take_its_proxys_name_from_the_target_group() -> None:
    db, one, two = database(), proxy("one"), proxy("two")
    groups = [group(one, 50, "g1"), group(two, 50, "g2")]
    targets = [target(groups[0], db, "t1"), target(groups[1], db, "t2")]
    for each in targets:
        each.inputs = {**each.inputs, "dbProxyName": SENTINEL}
    assert len(messages(TOTAL, analyze([db, one, two, *groups, *targets]))) == 1


def test_an_instance_of_a_cluster_that_names_the_cluster_is_the_cluster() -> None:
    cluster = Resource("aws:rds/cluster:Cluster", "db", {"engine": "aurora-postgresql"})
    member = Resource(
        "aws:rds/clusterInstance:ClusterInstance",
        "db-1",
        {"engine": "aurora-postgresql", "clusterIdentifier": SENTINEL},
        feeds={"clusterIdentifier": [cluster]},
    )
    one, two = proxy("one"), proxy("two")
    targets = [
        Resource(
            "aws:rds/proxyTarget:ProxyTarget",
            f"t-{through.name}",
            {"dbProxyName": through.name, "dbClusterIdentifier": SENTINEL},
            feeds={"dbProxyName": [through], "dbClusterIdentifier": [at]},
        )
        for through, at in ((one, cluster), (two, member))
    ]
    stack = [cluster, member, one, two, group(one, 50, "g1"), group(two, 50, "g2"), *targets]
    assert len(messages(TOTAL, analyze(stack))) == 1


def test_known_names_join_what_dependencies_do_not() -> None:
    db = database(identifier="orders")
    stack: list[Resource] = [db]
    for name in ("one", "two"):
        stack += [proxy(name), group(proxy(name), 50, f"g-{name}")]
        stack[-1].feeds = {}
        inputs = {"dbProxyName": name, "dbInstanceIdentifier": "orders"}
        stack.append(Resource("aws:rds/proxyTarget:ProxyTarget", f"t-{name}", inputs))
    assert len(messages(TOTAL, analyze(stack))) == 1


def test_an_aws_native_target_group_names_its_databases_itself() -> None:
    stack: list[Resource] = []
    for name in ("one", "two"):
        inputs = {"dbProxyName": name, "engineFamily": "POSTGRESQL", "requireTls": True, "auth": [{"secretArn": "x"}]}
        stack.append(Resource("aws-native:rds:DbProxy", name, inputs))
        pool: dict[str, Any] = {
            "dbProxyName": name,
            "connectionPoolConfigurationInfo": {"maxConnectionsPercent": 60},
            "dbClusterIdentifiers": ["orders"],
        }
        stack.append(Resource("aws-native:rds:DbProxyTargetGroup", f"g-{name}", pool))
    (message,) = messages(TOTAL, analyze(stack))
    assert "120 %" in message


def test_an_update_to_a_higher_percent_is_rejected_before_it_is_made() -> None:
    through = proxy()
    pool = group(through, 95)
    pool.outputs = {"dbProxyName": "proxy", "connectionPoolConfig": {"maxConnectionsPercent": 85}}
    assert "rds-proxy-max-connections" in policies(analyze([through, pool], stages="resource"))


def test_a_pool_that_is_left_to_aws_is_not_read_from_the_outputs() -> None:
    through = proxy()
    pool = group(through, None)
    pool.outputs = {"dbProxyName": "proxy", "connectionPoolConfig": {"maxConnectionsPercent": 85}}
    assert len(messages(TOTAL, analyze([through, pool]))) == 1
    assert analyze([through, pool], stages="stack") == []  # without the inputs, what is there counts


@pytest.mark.parametrize("family", ["SQLSERVER", "sqlserver"])
def test_a_sql_server_pool_that_is_left_to_aws_takes_10_percent(family: str) -> None:
    through = proxy(family=family)
    assert analyze([through, group(through, None)]) == []


@pytest.mark.parametrize("outputs", [{}, {"engineFamily": SENTINEL}])
def test_an_engine_that_is_not_known_is_no_verdict(outputs: dict[str, Any]) -> None:
    through = proxy()
    through.inputs = {**through.inputs, "engineFamily": SENTINEL}
    through.outputs = outputs
    assert messages(TOTAL, analyze([through])) == []


def test_a_target_group_of_another_stacks_proxy_is_not_taken_for_a_missing_one() -> None:
    pool = group(proxy("elsewhere"))
    pool.feeds = {}
    assert len(messages(TOTAL, analyze([proxy(), pool]))) == 1


@pytest.mark.parametrize("percent", ["abc", True, [], {}])
def test_a_percent_that_is_no_number_is_the_providers_to_refuse(percent: Any) -> None:
    through = proxy()
    assert analyze([through, group(through, percent)]) == []


def test_three_proxies_are_named_with_what_each_takes_on_the_last_of_them() -> None:
    (found,) = analyze(shared(40, 40, 40), stages="stack")
    assert found.name == "p2"
    assert "p0 40 % + p1 40 % + p2 40 % = 120 %" in found.message


def test_the_limit_itself_is_allowed_for_one_proxy_and_for_a_sum() -> None:
    assert analyze(shared(90)) == []
    assert analyze(shared(45, 45)) == []
    through = proxy(family="SQLSERVER")
    at_limit = {TOTAL: {"maxPercent": 10}, "rds-proxy-max-connections": {"maxPercent": 10}}
    assert analyze([through, group(through, None)], config=at_limit) == []


def test_a_default_pool_says_whether_the_target_group_or_its_setting_is_missing() -> None:
    through = proxy()
    (without,) = messages(TOTAL, analyze([through]))
    (silent,) = messages(TOTAL, analyze([through, group(through, None)]))
    assert "since no target group in this stack sets it" in without
    assert "since its target group does not set it" in silent
    assert "Set connectionPoolConfig.maxConnectionsPercent to at most 90" in silent


def test_a_proxy_that_is_not_known_yet_hides_no_other() -> None:
    unknown, bad = proxy("a"), proxy("b")
    unknown.inputs, unknown.outputs = {"engineFamily": SENTINEL}, {"engineFamily": SENTINEL}
    assert [found.name for found in analyze([unknown, bad], stages="stack")] == ["b"]


def test_a_target_group_that_cannot_be_matched_may_be_any_proxys() -> None:
    through = proxy()
    pool = group(through, 85)
    pool.inputs, pool.feeds = {**pool.inputs, "dbProxyName": SENTINEL}, {}
    pool.outputs = pool.inputs
    assert messages(TOTAL, analyze([through, pool])) == []


def test_an_exemption_of_a_target_group_holds() -> None:
    through = proxy()
    pool = group(through, 95)
    exempt = {"exemptions": [{"urn": pool.urn, "reason": "reporting only", "expires": "2099-12-31"}]}
    assert messages("rds-proxy-max-connections", analyze([through, pool]))
    assert not messages(
        "rds-proxy-max-connections", analyze([through, pool], config={"rds-proxy-max-connections": exempt})
    )


def named(through: Resource, name: str, **database_of: str) -> Resource:
    """A target that names its database by its identifier."""
    inputs = {"dbProxyName": through.name, "targetGroupName": "default", **database_of}
    return Resource("aws:rds/proxyTarget:ProxyTarget", name, inputs)


@pytest.mark.parametrize("in_stack", [True, False])
def test_proxies_that_name_their_database_share_it_in_this_stack_or_another(in_stack: bool) -> None:
    a, b, c = proxy("a"), proxy("b"), proxy("c")
    stack = [a, b, c, group(a, 60, "ga"), group(b, 60, "gb"), group(c, 60, "gc")]
    stack += [database(identifier="orders")] if in_stack else []
    stack += [named(a, "ta", dbInstanceIdentifier="orders"), named(b, "tb", dbInstanceIdentifier="orders")]
    stack += [named(c, "tc", dbClusterIdentifier="orders")]  # a cluster of that name is another database
    (found,) = analyze(stack, stages="stack")
    assert found.name == "b"
    assert "a 60 % + b 60 % = 120 %" in found.message


def test_what_belongs_to_a_cluster_under_the_clusters_name_does_not_hide_what_its_proxies_take_together() -> None:
    a, b = proxy("a"), proxy("b")
    cluster, writer, custom = (
        Resource(f"aws:rds/{kind}:{kind[0].upper()}{kind[1:]}", kind, {"clusterIdentifier": "orders"})
        for kind in ("cluster", "clusterInstance", "clusterEndpoint")
    )
    stack = [cluster, writer, custom, a, b, group(a, 60, "ga"), group(b, 60, "gb")]
    stack += [target(a, cluster, "ta"), named(b, "tb", dbClusterIdentifier="orders")]
    assert [found.name for found in analyze(stack, stages="stack")] == ["b"]


def test_databases_of_one_name_in_two_regions_are_two() -> None:
    a, b = proxy("a"), proxy("b")
    stack = [a, b, group(a, 60, "ga"), group(b, 60, "gb")]
    east, west = (named(of, "t" + of.name, dbInstanceIdentifier="orders") for of in (a, b))
    assert [found.name for found in analyze([*stack, east, west], stages="stack")] == ["b"]
    for link, region in ((east, "us-east-1"), (west, "us-west-2")):
        link.inputs = {**link.inputs, "region": region}
    assert analyze([*stack, east, west], stages="stack") == []


def test_a_target_by_name_and_one_by_dependency_are_on_the_same_database() -> None:
    db, a, b = database(identifier="orders"), proxy("a"), proxy("b")
    stack = [db, a, b, group(a, 60, "ga"), group(b, 60, "gb")]
    stack += [target(a, db, "ta"), named(b, "tb", dbInstanceIdentifier="orders")]
    assert [found.name for found in analyze(stack, stages="stack")] == ["b"]


def test_a_target_that_takes_the_proxys_name_from_the_target_group_is_that_proxys() -> None:
    db, a, b = database(), proxy("a"), proxy("b")
    pools = [group(a, 60, "ga"), group(b, 60, "gb")]
    stack = [db, a, b, *pools]
    for pool in pools:
        through = target(a, db, f"t{pool.name}")
        through.inputs, through.feeds = (
            {**through.inputs, "dbProxyName": SENTINEL},
            {**through.feeds, "dbProxyName": [pool]},
        )
        stack.append(through)
    assert [found.name for found in analyze(stack, stages="stack")] == ["b"]


def elsewhere(token: str, feeds: Any = None, **inputs: Any) -> Resource:
    """A target group that is no target group by its type."""
    return Resource(token, "pool", inputs, dict.fromkeys(inputs, SENTINEL), feeds or {})


_DESIRED = '{"DBProxyName": "proxy", "ConnectionPoolConfigurationInfo": {"MaxConnectionsPercent": 80}}'


@pytest.mark.parametrize(
    "pool",
    [
        elsewhere("aws:cloudcontrol/resource:Resource", typeName="AWS::RDS::DBProxyTargetGroup", desiredState=_DESIRED),
        elsewhere(
            "aws-native:index:ExtensionResource",
            type="AWS::RDS::DBProxyTargetGroup",
            properties={"DBProxyName": "proxy"},
        ),
        elsewhere("aws:cloudformation/stack:Stack", templateBody="DBProxyName: proxy"),
        elsewhere("aws-native:cloudformation:Stack", parameters={"ProxyName": "proxy"}),
        elsewhere("command:local:Command", create="aws rds modify-db-proxy-target-group --db-proxy-name proxy"),
        elsewhere("pulumi-python:dynamic:Resource", dbProxyName="proxy"),
    ],
    ids=lambda pool: pool.token,
)
def test_a_target_group_of_no_type_of_its_own_is_no_missing_one(pool: Resource) -> None:
    assert messages(TOTAL, analyze([proxy(), pool])) == []
    assert len(messages(TOTAL, analyze([proxy("another"), pool]))) == 1
    by_feeding = elsewhere(
        pool.token, {next(iter(pool.inputs)): [proxy("fed")]}, **dict.fromkeys(pool.inputs, SENTINEL)
    )
    assert messages(TOTAL, analyze([proxy("fed"), by_feeding])) == []


def native_group(name: Any, feeds: Any = None, percent: Any = 80) -> Resource:
    inputs = {"dbProxyName": name, "connectionPoolConfigurationInfo": {"maxConnectionsPercent": percent}}
    outputs = dict.fromkeys(inputs, SENTINEL)
    return Resource("aws-native:rds:DbProxyTargetGroup", "pool", inputs, outputs, feeds or {})


def test_a_classic_proxy_may_have_a_target_group_of_aws_native() -> None:
    through = proxy()
    assert messages(TOTAL, analyze([through, native_group(SENTINEL, {"dbProxyName": [through]})])) == []
    assert messages(TOTAL, analyze([through, native_group("PROXY")])) == []
    unnamed = proxy("p")
    del unnamed.inputs["name"]  # type: ignore[attr-defined]
    unnamed.outputs = {**unnamed.inputs, "name": SENTINEL}
    assert messages(TOTAL, analyze([unnamed, native_group("orders-1a2b3c4")])) == []
    assert len(messages(TOTAL, analyze([through, native_group(SENTINEL, {"dbProxyName": [through]}, percent=95)]))) == 0
    assert policies(analyze([through, native_group(SENTINEL, {"dbProxyName": [through]}, percent=95)])) == {
        "rds-proxy-max-connections"
    }


def test_of_many_proxies_the_first_are_named_and_the_rest_are_counted() -> None:
    (message,) = messages(TOTAL, analyze(shared(*[20] * 12)))
    assert "p0 20 % + p1 20 %" in message and "+ 4 more = 240 %" in message
