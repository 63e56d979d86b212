import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.engines import Profile, TargetKind
from lambda_rds_proxy.monitor.alarms import (
    BOTTLENECK,
    FUNCTION_ALARMS,
    PROXY_ALARMS,
    STACK_ALARMS,
    Alarm,
    Threshold,
    database_alarms,
)
from lambda_rds_proxy.monitor.metrics import LOGS, WRITER
from lambda_rds_proxy.references import ALARMS

ROOT = Path(__file__).resolve().parents[3]
ALL = [*PROXY_ALARMS, *database_alarms(TargetKind.INSTANCE), *STACK_ALARMS, *FUNCTION_ALARMS]
BY_NAME = {alarm.name: alarm for alarm in ALL}
# RDS User Guide, "Monitoring RDS Proxy metrics": gauges that each node of the proxy publishes once a minute.
GAUGES = re.compile(r"ClientConnections(NoTLS)?$|DatabaseConnections(Currently\w+)?$|MaxDatabaseConnectionsAllowed$")
LATENCIES = re.compile(r"Latency$")


@pytest.mark.parametrize("alarm", ALL, ids=lambda alarm: alarm.name)
def test_every_alarm_has_a_name_of_its_own_a_meaning_and_a_reason(alarm: Alarm) -> None:
    assert [each.name for each in ALL].count(alarm.name) == 1
    assert alarm.threshold.reason
    assert alarm.means.endswith(".")
    assert len(alarm.description) <= 1024
    assert alarm.description.endswith(f"docs/runbook.md#{alarm.name}")
    assert alarm.minutes >= 1
    assert (len(alarm.metrics) == 1) is (alarm.expression is None)
    for id_ in alarm.metrics:
        assert re.fullmatch(r"[a-z]\w*", id_)
        assert alarm.expression is None or re.search(rf"\b{id_}\b", alarm.expression)


@pytest.mark.parametrize("alarm", PROXY_ALARMS, ids=lambda alarm: alarm.name)
def test_gauges_of_a_proxy_add_up_over_its_nodes_and_latencies_do_not(alarm: Alarm) -> None:
    for metric in alarm.metrics.values():
        if GAUGES.match(metric.name):
            assert metric.statistic == "Sum"
        if LATENCIES.search(metric.name):
            assert metric.statistic in ("Average", "p99")


def test_latencies_are_compared_in_microseconds() -> None:
    assert BY_NAME["clients-waiting"].threshold.prod == 0.1 * 1_000_000
    assert BY_NAME["slow-queries"].threshold.prod == 1 * 1_000_000


def test_availability_is_an_average_with_the_targets_role_and_unknown_when_it_is_missing() -> None:
    (metric,) = BY_NAME["proxy-unavailable"].metrics.values()
    assert (metric.statistic, metric.of) == ("Average", WRITER)
    assert metric.dimensions({"proxy": "orders"}) == {
        "ProxyName": "orders",
        "TargetGroup": "default",
        "TargetRole": "READ_WRITE",
    }
    assert BY_NAME["proxy-unavailable"].missing == "missing"
    assert BY_NAME["proxy-unavailable"].comparison == "LessThanThreshold"


def test_what_is_not_published_while_there_is_nothing_to_count_is_no_alarm() -> None:
    always_published = {"proxy-unavailable", "database-nearly-full"}
    assert {alarm.name for alarm in ALL if alarm.missing != "notBreaching"} == always_published


def test_no_alarm_waits_for_what_the_extended_protocol_never_publishes_or_for_metrics_that_do_not_exist() -> None:
    names = {metric.name for alarm in ALL for metric in alarm.metrics.values()}
    assert not {name for name in names if name.startswith("QueryRequests")}
    assert "DatabaseConnectionsBorrowTimeout" not in names
    (timeouts,) = BY_NAME["timeouts"].metrics.values()
    assert (timeouts.namespace, timeouts.of) == ("LambdaRdsProxy", LOGS)


def test_the_databases_connections_are_those_of_the_database_and_not_of_the_proxy() -> None:
    (instance,) = database_alarms(TargetKind.INSTANCE)[0].metrics.values()
    (cluster,) = database_alarms(TargetKind.CLUSTER)[0].metrics.values()
    assert instance.dimensions({"database": "orders"}) == {"DBInstanceIdentifier": "orders"}
    assert cluster.dimensions({"database": "orders"}) == {"DBClusterIdentifier": "orders", "Role": "WRITER"}


def test_the_bottleneck_needs_a_used_up_pool_and_waiting_clients_and_no_slow_queries() -> None:
    parts = [*BOTTLENECK.all_of, *BOTTLENECK.none_of]
    assert set(parts) <= {alarm.name for alarm in PROXY_ALARMS}
    assert BOTTLENECK.rule({part: f"x-{part}" for part in parts}) == (
        'ALARM("x-pool-full") AND ALARM("x-clients-waiting") AND NOT ALARM("x-slow-queries")'
    )


def test_a_full_pool_is_one_whose_connections_are_in_use_and_an_idle_one_is_not_full() -> None:
    assert "borrowed" in BY_NAME["pool-full"].metrics
    assert "connections" not in BY_NAME["pool-full"].metrics


def test_a_function_can_ask_for_every_alarm_that_is_of_one_function() -> None:
    assert ALARMS.accepts([alarm.name for alarm in FUNCTION_ALARMS])
    assert not ALARMS.accepts(["errors"])
    assert all(alarm.name in ALARMS.allowed for alarm in FUNCTION_ALARMS)


@given(limit=st.integers(1, 100_000), profile=st.sampled_from(Profile))
def test_prod_alarms_no_later_than_dev(limit: int, profile: Profile) -> None:
    limits = dict.fromkeys(("usable_connections", "timeout_milliseconds", "reserved_concurrency"), limit)
    for alarm in ALL:
        dev, prod = alarm.threshold.value(Profile.DEV, limits), alarm.threshold.value(Profile.PROD, limits)
        assert dev is not None
        assert prod is not None
        assert prod >= dev if alarm.comparison == "LessThanThreshold" else prod <= dev
        if alarm.threshold.share_of:
            assert 0 < (alarm.threshold.value(profile, limits) or 0) < limit


def test_a_share_of_what_is_not_known_is_no_threshold() -> None:
    share = Threshold(dev=0.5, prod=0.5, reason="half", share_of="reserved_concurrency")
    assert share.value(Profile.DEV, {"reserved_concurrency": 20}) == 10
    assert share.value(Profile.DEV, {"reserved_concurrency": None}) is None
    assert share.value(Profile.DEV, {}) is None
