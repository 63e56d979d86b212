"""What lines of a log are, on AWS and on the laptop; no AWS is asked."""

import json
from typing import Any

import pytest

from ops.function_logs import Kind
from ops.logs.lines import Reader, errors_alone

ONE, OTHER = "0a1b2c3d-0000-4000-8000-00000000000a", "0a1b2c3d-0000-4000-8000-00000000000b"


def read(*messages: str, streams: str = "") -> list[Any]:
    reader = Reader(function="app")
    events = [
        {"message": message, "timestamp": 1_767_225_600_123, "logStreamName": stream}
        for message, stream in zip(messages, streams or "a" * len(messages), strict=True)
    ]
    return [reader.read(event) for event in events]


def test_a_line_has_the_id_of_the_invocation_that_its_stream_is_in() -> None:
    told = read(
        f"START RequestId: {ONE} Version: $LATEST\n",
        f"START RequestId: {OTHER} Version: $LATEST\n",
        "of one\n",
        "of other\n",
        f"REPORT RequestId: {ONE}\tDuration: 1 ms\n",
        "of nobody\n",
        "of other still\n",
        streams="abababb"[:2] + "ab" + "aab",
    )
    assert [each.request for each in told] == [ONE, OTHER, ONE, OTHER, ONE, "", OTHER]


@pytest.mark.parametrize(
    "line",
    [
        f"[INFO]\t2026-01-01T00:00:00.000Z\t{ONE}\tsaid\n",
        f"2026-01-01T00:00:00.000Z {ONE} Task timed out after 3.00 seconds\n",
        f"RequestId: {ONE} Error: Runtime exited with error: exit status 1\n",
        json.dumps({"level": "INFO", "requestId": ONE}),
        json.dumps({"type": "platform.start", "record": {"requestId": ONE}}),
        json.dumps({"_aws": {}, "RequestId": ONE}),
    ],
)
def test_a_line_that_names_its_request_needs_no_start(line: str) -> None:
    assert read(line)[0].request == ONE


@pytest.mark.parametrize(
    "line",
    [
        "[ERROR] ValueError: no\rTraceback (most recent call last):\r  File",
        f"[ERROR]\t2026-01-01T00:00:00.000Z\t{ONE}\tno\n",
        f"2026-01-01T00:00:00.000Z {ONE} Task timed out after 3.00 seconds\n",
        f"RequestId: {ONE} Error: Runtime exited with error: signal: SIGKILL\n",
        "INIT_REPORT Init Duration: 1.00 ms\tPhase: init\tStatus: error\n",
        json.dumps({"level": "ERROR", "message": "no"}),
        json.dumps({"errorMessage": "no"}),
        json.dumps({"_aws": {}, "Outcome": "authentication"}),
    ],
)
def test_errors_are_told_from_the_rest(line: str) -> None:
    assert read(line)[0].kind is Kind.ERROR


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f"START RequestId: {ONE} Version: $LATEST", Kind.PLATFORM),
        ("an ERROR that a function speaks of", Kind.OTHER),
        (json.dumps({"_aws": {}, "Outcome": "ok"}), Kind.OTHER),
        ("{not json", Kind.OTHER),
        ("[1]", Kind.OTHER),
    ],
)
def test_the_rest_is_no_error(line: str, kind: Kind) -> None:
    assert read(line)[0].kind is kind


def test_a_traceback_is_whole_as_one_event_and_as_one_of_each_line() -> None:
    (told,) = read("[ERROR] ValueError: no\rTraceback (most recent call last):\r\u00a0\u00a0File 'x'\r")
    assert told.lines == ("[ERROR] ValueError: no", "Traceback (most recent call last):", "\u00a0\u00a0File 'x'")
    kinds = [each.kind for each in read("Traceback (most recent call last):\n", "  File\n", "KeyError: 1\n", "next\n")]
    assert kinds == [Kind.ERROR, Kind.ERROR, Kind.ERROR, Kind.OTHER]


def test_a_line_of_metrics_is_told_by_its_values() -> None:
    (told,) = read(json.dumps({"_aws": {"CloudWatchMetrics": []}, "RequestId": ONE, "Outcome": "ok", "Retries": 0}))
    assert told.lines == ("metrics Outcome=ok Retries=0",)
    assert told.time == "2026-01-01T00:00:00.123Z"


ERROR = "[ERROR] ValueError: no\rTraceback (most recent call last):\r  File"
METRICS = json.dumps({"_aws": {}, "Outcome": "error", "RequestId": ONE})
INIT = "INIT_REPORT Init Duration: 1.00 ms\tPhase: init\tStatus: error"
START, END = f"START RequestId: {ONE} Version: 1", f"END RequestId: {ONE}"


@pytest.mark.parametrize(
    ("messages", "kept"),
    [
        ([START, METRICS, ERROR, END], ["[ERROR]"]),
        ([ERROR, INIT, START, ERROR, END], ["[ERROR]", "[ERROR]"]),
        ([START, METRICS, "caught", END, START, ERROR, END], ["metrics", "[ERROR]"]),
        ([START, ERROR, END, START, METRICS, END], ["[ERROR]", "metrics"]),
        ([INIT, START, "fine", END], ["INIT_REPORT"]),
        ([START, METRICS], ["metrics"]),
    ],
)
def test_errors_alone_have_what_sums_a_failure_up_only_where_nothing_else_tells_it(
    messages: list[str], kept: list[str]
) -> None:
    assert [each.lines[0].split()[0] for each in errors_alone(read(*messages))] == kept


def test_an_error_of_one_environment_tells_nothing_of_another() -> None:
    told = read(START, START, METRICS, ERROR, END, END, streams="ababab")
    assert [each.lines[0].split()[0] for each in errors_alone(told)] == ["[ERROR]", "metrics"]
