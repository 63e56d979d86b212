import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.storm.results import Phase, StormResult, StormSettings
from tests.ops.storm.samples import phase, result


def test_the_json_has_the_names_of_the_contract() -> None:
    found = json.loads(json.dumps(result().as_json()))
    assert set(found) == {
        "at", "machine", "versions",
        "maxConnections", "environments", "connectionsPerEnvironment", "phases", "pgbenchRequestsPerSecond",
    }  # fmt: skip
    assert found["phases"]["proxy"] == {
        "served": 4,
        "failed": {},
        "requestsPerSecond": 0.3,
        "p50Ms": 3.0,
        "p95Ms": 4.0,
        "p99Ms": 4.0,
        "medianClientMs": 3.0,
        "peakDatabaseConnections": 67,
        "peakPinned": 3,
        "peakHeldByStatements": 2,
        "idleLeftBehind": 67,
        "secondsToRecover": 0.01,
    }
    assert found["phases"]["direct"]["failed"] == {"refused": 7}
    assert found["phases"]["direct"]["p50Ms"] is None
    assert found["phases"]["direct"]["peakPinned"] is None


def test_requests_of_the_cold_start_count_as_served_but_not_in_the_rate() -> None:
    cold = Phase(name="proxy", path="", seconds=2.0, cold_seconds=3.0, served_at=[1.0, 2.9, 3.1, 4.0, 5.0, 5.2])
    assert cold.requests_per_second == 1.5


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1), st.floats(min_value=0, max_value=100))
def test_a_percentile_is_one_of_the_latencies_and_grows_with_the_percent(values: list[float], percent: float) -> None:
    measured = phase("proxy", values)
    found = measured.percentile(percent)
    assert found in [round(value, 2) for value in values]
    assert found is not None and found <= (measured.percentile(100) or 0.0)


def test_what_nobody_could_measure_is_null() -> None:
    empty = StormResult(settings=StormSettings(), max_connections=None, ceiling=None)
    assert empty.as_json()["maxConnections"] is None
    assert empty.as_json()["pgbenchRequestsPerSecond"] is None
    assert Phase(name="proxy", path="", seconds=1.0).as_json()["peakDatabaseConnections"] is None


@pytest.mark.parametrize(("environments", "connections", "clients"), [(500, 2, 1000), (1000, 5, 5000), (1, 1, 1)])
def test_every_connection_of_every_environment_is_a_client(environments: int, connections: int, clients: int) -> None:
    assert StormSettings(environments=environments, connections=connections).clients == clients


def test_the_client_in_the_middle_is_one_of_all_clients_and_not_of_those_that_were_served() -> None:
    few = Phase(name="direct", path="", seconds=1.0, medians=[1.0, 2.0, 3.0], never_served=4)
    assert few.median_client is None
    few.never_served = 2
    assert few.median_client == 3.0
    assert Phase(name="direct", path="", seconds=1.0).median_client is None


@given(st.lists(st.integers(0, 100), min_size=1))
def test_the_peak_is_never_below_what_was_seen_last(looks: list[int]) -> None:
    seen = Phase(name="direct", path="", seconds=1.0)
    assert [seen.saw(each) for each in looks] == looks
    assert seen.peak_connections == max(looks)
