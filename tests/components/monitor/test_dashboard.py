import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import moto
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.engines import Profile, TargetKind
from lambda_rds_proxy.monitor import metrics
from lambda_rds_proxy.monitor.dashboard import (
    MOST_ALARMS,
    MOST_FUNCTIONS,
    Watched,
    dashboard_body,
    dashboard_url,
)

SCHEMA = json.loads(Path(__file__).with_name("dashboard_schema.json").read_text())
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"
_NAME = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=1, max_size=64)


def functions(names: Iterable[str]) -> dict[str, str]:
    return {f"{name} (label)": name for name in names}


def watched(**changes: Any) -> Watched:
    values: dict[str, Any] = {
        "title": "database",
        "region": "eu-west-1",
        "profile": Profile.PROD,
        "proxy": "orders",
        "database": "orders-1a2b3c4",
        "kind": TargetKind.INSTANCE,
        "max_connections": 79,
        "endpoint": "orders",
        "log_metric": "orders-timeouts",
        "functions": functions(["orders-api"]),
        "alarms": [f"{ARN}bottleneck"],
    }
    return Watched(**{**values, **changes})


def graphs(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [widget["properties"] for widget in body["widgets"] if widget["type"] == "metric"]


def graph(body: dict[str, Any], title: str) -> dict[str, Any]:
    (found,) = [each for each in graphs(body) if each["title"].startswith(title)]
    return found


def lines(body: dict[str, Any]) -> list[list[Any]]:
    return [line for each in graphs(body) for line in each["metrics"]]


@given(
    names=st.sets(_NAME, max_size=400),
    alarms=st.lists(_NAME, max_size=150),
    proxy=_NAME,
    database=_NAME,
    kind=st.sampled_from(TargetKind),
    profile=st.sampled_from(Profile),
    max_connections=st.none() | st.integers(6, 100_000),
)
def test_any_stack_has_a_body_of_the_documented_structure_and_within_the_limits(
    names: set[str], alarms: list[str], **changes: Any
) -> None:
    body = dashboard_body(watched(functions=functions(names), alarms=[f"{ARN}{name}" for name in alarms], **changes))
    jsonschema.validate(body, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert len(lines(body)) <= 2500
    for line in lines(body):
        flat = [part for part in line if isinstance(part, str)]
        assert len(flat) % 2 == 0  # namespace and name, then pairs
        assert all(isinstance(part, str) for part in line[:-1])
    for each in graphs(body):
        ids = [line[-1]["id"] for line in each["metrics"] if "id" in line[-1]]
        assert len(ids) == len(set(ids))
        for line in each["metrics"]:
            for word in re.findall(r"[a-z]\w*", line[-1].get("expression", "")):
                assert word in ids


@given(count=st.integers(0, 40))
def test_widgets_lie_in_the_grid_without_overlapping(count: int) -> None:
    body = dashboard_body(watched(functions=functions(f"f{number}" for number in range(count))))
    taken: set[tuple[int, int]] = set()
    for widget in body["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells


def test_cloudwatch_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with moto.mock_aws():
        client = boto3.client("cloudwatch", region_name="eu-west-1")
        client.put_dashboard(DashboardName="orders", DashboardBody=json.dumps(dashboard_body(watched())))
        kept = client.get_dashboard(DashboardName="orders")["DashboardBody"]
    assert json.loads(kept) == dashboard_body(watched())


def test_every_graph_keeps_its_minute_whatever_range_is_shown() -> None:
    body = dashboard_body(watched())
    assert body["periodOverride"] == "inherit"
    assert {each["period"] for each in graphs(body)} == {60}


def test_availability_is_asked_for_by_average_and_with_the_targets_role() -> None:
    (line,) = graph(dashboard_body(watched()), "Availability")["metrics"]
    assert line[1:-1] == [
        *("AvailabilityPercentage", "ProxyName", "orders", "TargetGroup", "default", "TargetRole", "READ_WRITE")
    ]
    assert line[-1]["stat"] == "Average"


@pytest.mark.parametrize("title", ["Wait for a database connection", "Answer of the database"])
def test_microseconds_are_shown_as_milliseconds_with_the_threshold_in_them_too(title: str) -> None:
    shown = graph(dashboard_body(watched()), title)
    visible = [line for line in shown["metrics"] if line[-1].get("visible", True)]
    assert [line[0]["expression"].endswith("/ 1000") for line in visible] == [True]
    assert shown["yAxis"]["left"]["label"] == "milliseconds"
    assert shown["annotations"]["horizontal"][0]["value"] in (100, 1000)


def test_nothing_that_the_extended_protocol_never_publishes_is_drawn() -> None:
    assert not [line for line in lines(dashboard_body(watched())) if str(line[1:2]).startswith("['QueryRequests")]


def test_thresholds_of_one_value_are_one_line() -> None:
    def limits(profile: Profile) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = graph(dashboard_body(watched(profile=profile)), "Pool")["annotations"][
            "horizontal"
        ]
        return found

    assert limits(Profile.DEV) == [{"label": "nearly full, full", "value": 90}]
    assert [each["value"] for each in limits(Profile.PROD)] == [70, 90]


def test_the_databases_own_connections_stand_under_max_connections() -> None:
    instance = graph(dashboard_body(watched()), "Connections of the database")
    assert instance["metrics"][0][:4] == ["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", "orders-1a2b3c4"]
    assert instance["annotations"]["horizontal"] == [{"label": "max_connections", "value": 79}]
    cluster = graph(dashboard_body(watched(kind=TargetKind.CLUSTER, max_connections=None)), "Connections of the data")
    assert cluster["metrics"][0][2:6] == ["DBClusterIdentifier", "orders-1a2b3c4", "Role", "WRITER"]
    assert "annotations" not in cluster


def test_every_metric_of_the_table_is_on_the_dashboard() -> None:
    table = [each for each in vars(metrics).values() if isinstance(each, metrics.Metric)]
    drawn = {
        (line[0], line[1], line[-1]["stat"]) for line in lines(dashboard_body(watched())) if isinstance(line[0], str)
    }
    names = {"log_metric": "orders-timeouts"}
    assert {(each.namespace, each.metric_name(names), each.statistic) for each in table} <= drawn


def test_what_a_function_does_is_a_line_for_each_and_what_the_handler_measures_one_for_all() -> None:
    body = dashboard_body(watched(functions=functions(["orders-api", "orders-reports"])))
    assert [line[-1]["label"] for line in graph(body, "Errors")["metrics"]] == [
        "orders-api (label)",
        "orders-reports (label)",
    ]
    assert [line[1:4] for line in graph(body, "All functions: time to")["metrics"]] == [
        ["ConnectTime", "Proxy", "orders"],
        ["QueryTime", "Proxy", "orders"],
    ]


def test_what_does_not_fit_is_said_to_be_left_out() -> None:
    many = [f"f{number:04}" for number in range(MOST_FUNCTIONS + 7)]
    body = dashboard_body(watched(functions=functions(many), alarms=[f"{ARN}{name}" for name in many]))
    assert "7 more functions are in the alarms but have no line here" in body["widgets"][0]["properties"]["markdown"]
    (alarms,) = [each["properties"] for each in body["widgets"] if each["type"] == "alarm"]
    assert len(alarms["alarms"]) == MOST_ALARMS
    assert alarms["title"] == f"Alarms, {MOST_ALARMS} of {len(many)}"


@pytest.mark.parametrize(
    ("partition", "region", "start"),
    [
        ("aws", "eu-west-1", "https://eu-west-1.console.aws.amazon.com/"),
        ("aws-cn", "cn-north-1", "https://console.amazonaws.cn/"),
        ("aws-us-gov", "us-gov-west-1", "https://console.amazonaws-us-gov.com/"),
    ],
)
def test_the_page_is_in_the_partitions_console(partition: str, region: str, start: str) -> None:
    url = dashboard_url("orders", region, partition)
    assert url == f"{start}cloudwatch/home?region={region}#dashboards/dashboard/orders"
