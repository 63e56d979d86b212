from hypothesis import given
from hypothesis import strategies as st

from docs.pictures.function_lines import function_lines
from rds_connection.invocations import Invocation
from rds_connection.metrics import metrics_line


def begun(number: int) -> str:
    return f"START RequestId: {number} Version: $LATEST\n"


def ended(number: int, milliseconds: float = 12.5) -> str:
    return (
        f"END RequestId: {number}\nREPORT RequestId: {number}\tDuration: {milliseconds} ms\tBilled Duration: 13 ms\t"
        "Memory Size: 256 MB\tMax Memory Used: 43 MB\tInit Duration: 99.9 ms\n"
    )


def measured(opened: int) -> str:
    invocation = Invocation(None)
    invocation.opened, invocation.connect_seconds = opened, 0.025
    return metrics_line(invocation, outcome="ok", function="orders-api", proxy="orders", milliseconds=0) + "\n"


def test_durations_and_the_handlers_metrics_are_read_of_its_own_lines() -> None:
    found = function_lines(begun(1) + measured(1) + ended(1) + begun(2) + measured(0) + ended(2, 7))
    assert (found.invocations, found.durations, found.running) == (2, [12.5, 7.0], 0)
    assert found.metrics["ConnectionsOpened"] == [1, 0]
    assert found.metrics["ConnectTime"] == [25, 25]
    assert set(found.metrics) >= {"Retries", "Failures", "QueryTime"}


def test_invocations_that_are_under_way_count_into_the_next_sample() -> None:
    first = function_lines(begun(1) + begun(2) + begun(3) + ended(1))
    assert (first.running, first.concurrency) == (2, 3)
    second = function_lines(ended(2), first.running)
    assert (second.running, second.concurrency) == (1, 2)


def test_what_a_function_prints_itself_is_no_metric() -> None:
    assert function_lines('{"_aws": 1}\n{"_aws": {"CloudWatchMetrics": []}}\n{"_aws"\nhello\n').metrics == {}


def test_errors_and_timeouts_are_counted() -> None:
    found = function_lines("2026-11-25T12:00:00Z 1 Task timed out after 3.00 seconds\n[ERROR] ValueError: no\n")
    assert (found.errors, found.timeouts) == (2, 1)


@given(st.text(), st.integers(0, 1000))
def test_any_text_is_read(text: str, running: int) -> None:
    found = function_lines(text, running)
    assert found.concurrency >= max(found.running, running)
