from pathlib import Path
from typing import Any

import pytest

from docs.pictures.laptop_metrics import LAPTOP_METRICS, LaptopSample, metric_of, p90
from docs.pictures.series import Line, evaluate, lines
from lambda_rds_proxy.engines import TargetKind
from lambda_rds_proxy.monitor import metrics as cloudwatch
from lambda_rds_proxy.monitor.metrics import Metric
from ops.doctor.evidence import FunctionEvidence
from tests.docs.pictures.stage import body, sample

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "dashboard.md").read_text()


def graph(title: str, **changes: Any) -> list[list[Any]]:
    (found,) = [
        each["properties"]["metrics"]
        for each in body(**changes)["widgets"]
        if each["type"] == "metric" and each["properties"]["title"].startswith(title)
    ]
    metrics: list[list[Any]] = found
    return metrics


def drawn(title: str, **seen: Any) -> dict[str, Any]:
    return {line.label: line.points for line in lines(graph(title), [sample(**seen)])}


def test_an_expression_is_computed_of_lines_that_are_not_drawn() -> None:
    assert drawn("Pool") == {
        "open": [(1.0, pytest.approx(100 * 34 / 67))],
        "in use": [(1.0, pytest.approx(100 * 20.1 / 67))],
    }


def test_milliseconds_of_the_laptop_are_milliseconds_again_after_cloudwatchs_microseconds() -> None:
    assert drawn("Wait for a database connection") == {"average": [(1.0, 12.0)]}
    assert drawn("Answer of the database") == {"average": [(1.0, 3.0)]}


def test_the_proxys_connections_and_the_databases_own_are_told_apart() -> None:
    assert drawn("Client connections")["to the database"] == [(1.0, 34)]
    assert drawn("Connections of the database") == {"connections": [(1.0, 36)]}
    cluster = lines(graph("Connections of the database", kind=TargetKind.CLUSTER), [sample()])
    assert cluster == [Line(label="connections", points=[(1.0, 36)])]


def test_functions_have_the_numbers_of_their_own_log() -> None:
    assert drawn("Invocations") == {"api": [(1.0, 7)]}
    assert drawn("Errors") == {"api": [(1.0, 2)]}
    assert drawn("Duration, p90") == {"api": [(1.0, 9)]}
    assert drawn("Duration, longest") == {"api": [(1.0, 100)]}
    assert drawn("Concurrent") == {"api": [(1.0, 4)]}
    turned_away = FunctionEvidence(name="orders-api", timeout=3, throttles=9)
    assert drawn("Throttles", functions=(turned_away,)) == {"api": [(1.0, 9)]}
    assert drawn("Handler: failures") == {"api": [(1.0, 1)]}


def test_what_is_of_all_functions_adds_up_over_their_logs() -> None:
    one = sample()
    twice = [LaptopSample(at=1.0, evidence=one.evidence, functions={**one.functions, "x": one.functions["orders-api"]})]

    def found(title: str) -> dict[str, Any]:
        return {line.label: line.points for line in lines(graph(title), twice)}

    assert found("All functions: uses") == {"uses": [(1.0, 6)], "connections opened": [(1.0, 4)]}
    assert found("All functions: timeouts") == {
        "timeouts": [(1.0, 2)],
        "retries": [(1.0, 0)],
        "failures": [(1.0, 2)],
    }
    assert found("All functions: time to") == {"connect": [(1.0, 30)], "query": []}


def test_what_the_laptop_has_no_number_for_says_so_and_is_no_zero() -> None:
    assert drawn("Clients without TLS") == {"clients in plain text": None}
    assert drawn("Set-ups")["refused by the database"] is None


def test_what_the_gate_counts_stands_for_what_the_proxy_counts() -> None:
    assert drawn("Pinned share", pinned=17.0) == {"pinned": [(1.0, 50)]}
    assert drawn("Set-ups", clients_received=5, failed_logins=2)["clients set up"] == [(1.0, 3)]


def test_a_sample_in_which_a_number_could_not_be_seen_is_left_out() -> None:
    seen = [sample(1.0), sample(2.0, database_sessions=None), sample(3.0, database_sessions=40)]
    (line,) = lines(graph("Connections of the database"), seen)
    assert line.points == [(1.0, 36), (3.0, 40)]


@pytest.mark.parametrize(("state", "share"), [("AVAILABLE", 100), ("UNAVAILABLE", 0)])
def test_availability_is_that_of_the_target(state: str, share: float) -> None:
    assert drawn("Availability", target_state=state) == {"average over the proxy's nodes": [(1.0, share)]}


def test_every_metric_of_the_dashboard_is_one_that_is_known() -> None:
    for widget in body()["widgets"]:
        for line in widget["properties"].get("metrics", []):
            if isinstance(line[0], str):
                assert metric_of(line)[0] is not None, line
    assert metric_of(["AWS/RDS", "QueryRequests", "ProxyName", "orders", {"stat": "Sum"}]) == (None, "")


def test_division_by_zero_and_values_that_are_not_there_make_no_value() -> None:
    assert evaluate("100 * a / b", {"a": 1, "b": 0}) is None
    assert evaluate("a + b - 1", {"a": 1, "b": None}) is None
    assert evaluate("a + b - 1", {"a": 1, "b": 3}) == 3
    with pytest.raises(NameError, match="max"):
        evaluate("max(a, 0)", {"a": 1})


def test_p90_is_what_nine_of_ten_are_not_above() -> None:
    assert p90(range(1, 11)) == 9
    assert p90([5]) == 5
    assert p90([]) is None


def test_the_document_says_of_every_metric_what_it_is_on_the_laptop() -> None:
    table = [each for each in vars(cloudwatch).values() if isinstance(each, Metric)]
    assert LAPTOP_METRICS.keys() <= {*table, *(cloudwatch.database_sessions(kind) for kind in TargetKind)}
    rows = [row for row in DOCUMENT.splitlines() if row.startswith("| `")]
    for metric in table:
        (row,) = [row for row in rows if row.startswith(f"| `{metric.name}`")]
        number = LAPTOP_METRICS.get(metric)
        assert (number.source if number else "no number:") in row
