"""The metrics line: valid embedded metric format, and how each ending is called."""

import json
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_connection import errors, postgresql
from rds_connection.invocations import Invocation
from rds_connection.metrics import OUTCOMES, metrics_line, outcome, proxy_of

_seconds = st.floats(0, 900, allow_nan=False)


@given(
    opened=st.integers(0, 9),
    reused=st.integers(0, 9),
    retries=st.integers(0, 2),
    connecting=_seconds,
    query=_seconds,
    ending=st.sampled_from(OUTCOMES),
    function=st.from_regex(r"[a-zA-Z0-9-_]{1,64}", fullmatch=True),
)
def test_a_line_is_json_in_the_embedded_metric_format(
    opened: int, reused: int, retries: int, connecting: float, query: float, ending: str, function: str
) -> None:
    invocation = Invocation(None)
    invocation.opened, invocation.reused = opened, reused
    for what in ("connect", "transaction")[:retries]:
        assert invocation.retry(what) is not None
    invocation.connect_seconds, invocation.query_seconds = connecting, query
    line = metrics_line(invocation, outcome=ending, function=function, proxy="orders", milliseconds=1_764_000_000_000)
    assert "\n" not in line
    found = json.loads(line)
    assert found["_aws"]["Timestamp"] == 1_764_000_000_000
    for directive in found["_aws"]["CloudWatchMetrics"]:
        assert all(found[name] for names in directive["Dimensions"] for name in names)
        assert all(isinstance(found[metric["Name"]], int | float) for metric in directive["Metrics"])
    of = {tuple(each["Dimensions"][0]): {metric["Name"] for metric in each["Metrics"]} for each in directives(line)}
    without = ending != "ok" and not opened + reused
    assert of[("FunctionName",)] == {"Failures"} | ({"NoConnection"} if without else set())
    assert of[("Proxy",)] == {"ConnectionsOpened", "Retries", "Failures", "ConnectTime", "QueryTime"}
    assert (found["FunctionName"], found["Proxy"]) == (function, "orders")
    assert (found["ConnectionsOpened"], found["ConnectionsReused"], found["Retries"]) == (opened, reused, retries)
    assert found["ConnectTime"] == pytest.approx(connecting * 1000, abs=0.001)
    assert found["QueryTime"] == pytest.approx(query * 1000, abs=0.001)
    assert (found["Outcome"], found["Failures"]) == (ending, 0 if ending == "ok" else 1)


def directives(line: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(line)["_aws"]["CloudWatchMetrics"]
    return found


def test_a_healthy_function_has_one_custom_metric_of_its_own() -> None:
    healthy = Invocation(None)
    healthy.opened = 1
    line = metrics_line(healthy, outcome="ok", function="api", proxy="orders", milliseconds=0)
    own = [
        metric for each in directives(line) if each["Dimensions"] == [["FunctionName"]] for metric in each["Metrics"]
    ]
    assert own == [{"Name": "Failures", "Unit": "Count"}]


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("orders.proxy-abc.eu-west-1.rds.amazonaws.com", "orders"),
        ("Orders.proxy-abc.eu-west-1.rds.amazonaws.com", "orders"),
        ("10.0.0.7", "10"),
        ("", "unknown"),
        ('a"b.example', "unknown"),
        ("postgres://user:password@host/", "unknown"),
    ],
)
def test_metrics_call_the_proxy_by_the_first_label_of_its_endpoint(host: str, name: str) -> None:
    assert proxy_of(host) == name


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (None, "ok"),
        (ValueError("the handler's own"), "application"),
        (errors.ConfigurationError("…"), "configuration"),
        (errors.PoolExhaustedError("…"), "pool-exhausted"),
        (errors.OutOfTimeError("…"), "out-of-time"),
        (errors.UnfinishedTransactionError("…"), "application"),
        (errors.NoConnectionError("…"), "unavailable"),
        (errors.NoConnectionError("…", "refused"), "refused"),
        (psycopg.errors.UniqueViolation("…"), "statement"),
        (psycopg.errors.AdminShutdown("…"), "unavailable"),
    ],
)
def test_every_ending_has_one_of_the_stated_names(error: BaseException | None, name: str) -> None:
    assert outcome(error, postgresql) == name
    assert name in OUTCOMES
