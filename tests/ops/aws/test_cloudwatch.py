"""CloudWatch's series, read with everything that one has to know about them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.serverless_database.budget import connection_budget
from ops.aws.cloudwatch import Function, Target, evidence, queries
from ops.doctor.evidence import Evidence
from ops.doctor.table import diagnose
from ops.doctor.verdict import Cause
from tests.ops.aws.series import SERIES

TARGET = Target(dimension="DBInstanceIdentifier", identifier="orders", state="AVAILABLE")
APP = Function(name="orders-app", timeout=15.0)


def read(series: Mapping[str, Sequence[float]], **changes: Any) -> Evidence:
    given: dict[str, Any] = {
        "minutes": 5,
        "engine_family": "POSTGRESQL",
        "target": TARGET,
        "budget": connection_budget(max_connections=79, percent=85, reserved_concurrency=[("app", 20)]),
        "borrow_timeout": 5,
        "functions": [APP],
    }
    return evidence(series, **{**given, **changes})


@pytest.mark.parametrize("cause", list(SERIES))
def test_each_row_is_named_by_its_series(cause: Cause) -> None:
    verdict = diagnose(read(SERIES[cause]))
    assert verdict.cause is cause, verdict


def test_a_borrow_timeout_above_the_functions_timeout_is_named_by_the_same_series() -> None:
    full = {**SERIES[Cause.POOL_TOO_SMALL], "duration0": [15_000.0] * 5}
    assert diagnose(read(full, borrow_timeout=120)).cause is Cause.TIMEOUT_BELOW_BORROW
    assert diagnose(read(full, borrow_timeout=5)).cause is Cause.POOL_TOO_SMALL


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("AUTH_FAILURE", Cause.DATABASE_LOGIN),
        ("CONNECTION_FAILED", Cause.DATABASE_DOWN),
        ("UNREACHABLE", Cause.DATABASE_DOWN),
        ("PENDING_PROXY_CAPACITY", Cause.PROXY_SCALING),
    ],
)
def test_awss_reason_code_has_its_likely_cause(reason: str, cause: Cause) -> None:
    target = Target(dimension="DBInstanceIdentifier", identifier="orders", state="UNAVAILABLE", reason=reason)
    verdict = diagnose(read(SERIES[Cause.HEALTHY], target=target))
    assert verdict.cause is cause
    assert any(reason in number for number in verdict.numbers)


def test_times_come_in_microseconds_and_leave_in_milliseconds() -> None:
    seen = read({"borrowLatency": [1_000, 3_000], "answer": [500_000]})
    assert (seen.borrow_latency, seen.answer) == (2.0, 500.0)


def test_a_hold_is_what_littles_law_says() -> None:
    # 6 borrowed on average over 5 minutes in which 900 were borrowed: 2 s each.
    assert read({"borrowed": [6.0] * 5, "requests": [900.0]}).held == 2000.0


def test_a_counter_without_values_is_zero_and_a_gauge_or_latency_is_unknown() -> None:
    seen = read({})
    assert (seen.clients_received, seen.failed_logins) == (0, 0)
    assert seen.connections is seen.borrow_latency is seen.answer is seen.held is seen.pinned is None
    assert seen.functions[0].timeouts is None
    assert seen.functions[0].connections is None


@pytest.mark.parametrize(
    ("uses", "failures", "unconnected", "connections"),
    [
        (100, 0, 0, 100),
        (100, 30, 10, 90),
        (100, 100, 100, 0),  # never had one
        (100, 100, 0, None),  # every statement failed, or an older handler, which does not say
        (0, 0, 0, None),
    ],
)
def test_uses_with_a_connection_are_those_that_did_not_say_that_they_had_none(
    uses: float, failures: float, unconnected: float, connections: int | None
) -> None:
    seen = read({"uses0": [uses], "failures0": [failures], "unconnected0": [unconnected]})
    assert seen.functions[0].connections == connections


def test_a_function_that_never_had_a_connection_is_told_from_one_whose_statements_fail() -> None:
    works = {**SERIES[Cause.HEALTHY]}
    failing = {"invocations1": [20.0], "errors1": [20.0], "duration1": [90.0], "uses1": [20.0], "failures1": [20.0]}
    both = [APP, Function(name="orders-other", timeout=15.0)]
    never = diagnose(read({**works, **failing, "unconnected1": [20.0]}, functions=both))
    assert never.cause is Cause.NEVER_REACHED
    assert "orders-other" in never.title
    assert diagnose(read({**works, **failing}, functions=both)).cause is Cause.PROXY_WORKS


@pytest.mark.parametrize(("longest", "timeouts"), [(14_499, 0), (14_500, 30), (15_000, 30)])
def test_errors_are_timeouts_only_where_an_invocation_took_that_long(longest: float, timeouts: int) -> None:
    seen = read({"invocations0": [100], "errors0": [30], "duration0": [longest]})
    assert seen.functions[0].timeouts == timeouts


def test_gauges_are_asked_for_by_sum_over_one_minute_and_availability_by_average_with_its_role() -> None:
    asked = {each["Id"]: each["MetricStat"] for each in queries("orders", TARGET, [APP])}
    assert {each["Period"] for each in asked.values()} == {60}
    assert asked["connections"]["Stat"] == "Sum"
    assert asked["borrowLatency"]["Stat"] == "Average"
    assert asked["availability"]["Stat"] == "Average"
    names = {each["Name"]: each["Value"] for each in asked["availability"]["Metric"]["Dimensions"]}
    assert names == {"ProxyName": "orders", "TargetGroup": "default", "TargetRole": "READ_WRITE"}
    assert "QueryRequests" not in {each["Metric"]["MetricName"] for each in asked.values()}
    assert asked["sessions"]["Metric"]["Dimensions"] == [{"Name": "DBInstanceIdentifier", "Value": "orders"}]
    assert len(asked) == len(queries("orders", TARGET, [APP]))


def test_every_series_of_the_rows_is_one_that_is_asked_for() -> None:
    asked = {each["Id"] for each in queries("orders", TARGET, [APP])}
    assert {name for series in SERIES.values() for name in series} <= asked


_ids = [each["Id"] for each in queries("orders", TARGET, [APP])]
_values = st.lists(st.floats(0, 1e9), max_size=5)


@given(st.dictionaries(st.sampled_from(_ids), _values), st.integers(1, 180))
def test_any_series_can_be_judged(series: dict[str, list[float]], minutes: int) -> None:
    seen = read(series, minutes=minutes)
    assert seen.seconds == minutes * 60
    assert diagnose(seen).numbers
