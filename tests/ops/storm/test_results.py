import json
import re
from collections import Counter

import pytest
from typer.testing import CliRunner

from ops.__main__ import app
from ops.load import describe
from ops.report import render
from ops.storm import Phase, StormResult, StormSettings, _groups


def phase(name: str, latencies: list[float], **errors: int) -> Phase:
    samples = [(0.1, 3, 1), (0.2, 67, 5)]
    return Phase(name=name, seconds=10.0, latencies=latencies, errors=Counter(errors), samples=samples)


def result() -> StormResult:
    return StormResult(
        settings=StormSettings(environments=500, connections=2),
        max_connections=79,
        ceiling=67,
        phases={"direct": phase("direct", [], refused=7), "proxy": phase("proxy", [1.0, 2.0, 3.0, 4.0])},
        pgbench_requests_per_second=20_000.04,
    )


def test_the_json_has_the_names_of_the_contract() -> None:
    found = json.loads(json.dumps(result().as_json()))
    assert set(found) == {
        "maxConnections", "environments", "connectionsPerEnvironment", "phases", "pgbenchRequestsPerSecond",
    }  # fmt: skip
    assert found["phases"]["proxy"] == {
        "served": 4,
        "failed": {},
        "requestsPerSecond": 0.4,
        "p50Ms": 3.0,
        "p95Ms": 4.0,
        "p99Ms": 4.0,
        "peakDatabaseConnections": 67,
        "idleLeftBehind": 0,
        "secondsToRecover": 0.0,
    }
    assert found["phases"]["direct"]["failed"] == {"refused": 7}
    assert found["phases"]["direct"]["p50Ms"] is None


@pytest.mark.parametrize(("environments", "connections"), [(500, 2), (1000, 5), (1, 1), (51, 1), (7, 3)])
def test_every_client_has_a_process_and_none_has_too_many(environments: int, connections: int) -> None:
    groups = _groups(StormSettings(environments=environments, connections=connections))
    assert sum(groups) == environments * connections
    assert max(groups) <= 50


def test_the_report_loads_nothing_from_elsewhere_and_shows_both_phases() -> None:
    page = render(result())
    assert not re.search(r"(src|href)\s*=|https?://|<script", page)
    assert page.count("<svg") == 2
    assert "max_connections 79" in page and "direct: refused" in page


def test_error_texts_are_escaped_in_the_report() -> None:
    storm = result()
    storm.phases["direct"].errors["<b>"] = 1
    assert "<b>" not in render(storm)


def test_failures_at_a_limit_are_counted_under_their_own_words() -> None:
    assert describe(RuntimeError("FATAL:  sorry, too many clients already")) == "too many clients already"
    assert describe(ValueError("no connection to host: because")) == "ValueError: because"


def test_more_clients_than_a_laptop_takes_are_refused() -> None:
    done = CliRunner().invoke(app, ["storm", "--environments", "5001", "--connections", "1"])
    assert done.exit_code == 2


def test_help_shows_the_command_with_examples() -> None:
    done = CliRunner().invoke(app, ["storm", "--help"])
    assert done.exit_code == 0
    assert "--environments" in done.output and "Examples" in done.output
