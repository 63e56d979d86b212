"""The events of a function's log, and what failed where."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.function_logs import (
    TIMED_OUT,
    Event,
    Failure,
    failure,
    failures,
    one_line,
    outcome,
    place,
    whole,
)
from rds_connection.invocations import Invocation
from rds_connection.metrics import metrics_line

ONE, TWO = "11111111-2222-4333-8444-555555555555", "66666666-2222-4333-8444-555555555555"
# As the runtime writes it: carriage returns and no-break spaces in a file, line feeds in CloudWatch.
TRACEBACK = (
    'Traceback (most recent call last):\r\xa0\xa0File "/var/task/app.py", line 7, in handler\r\xa0\xa0\xa0\xa0total()'
    '\r\xa0\xa0File "/var/task/orders/sums.py", line 3, in total\r\xa0\xa0\xa0\xa0raise ValueError("no such order")'
    '\r\xa0\xa0File "/var/task/psycopg/connection.py", line 99, in execute'
)
ERROR = f"[ERROR] ValueError: no such order\r{TRACEBACK}"


def events(lines: list[str], streams: str = "") -> list[Event]:
    found = zip(lines, streams or "a" * len(lines), strict=True)
    return list(whole(Event(text=text, stream=stream) for text, stream in found))


@pytest.mark.parametrize("text", [ERROR, ERROR.replace("\r", "\n")])
def test_a_failure_has_its_type_its_message_and_the_place_in_the_application(text: str) -> None:
    assert failure(text) == Failure(kind="ValueError", message="no such order", place="orders/sums.py:3")


def test_an_error_in_the_json_format_is_the_same() -> None:
    said = {
        "timestamp": "2026-11-28T12:00:00.000Z",
        "level": "ERROR",
        "errorMessage": "no such order",
        "errorType": "ValueError",
        "requestId": ONE,
        "stackTrace": ['  File "/var/task/app.py", line 7, in handler\n    total(event)\n'],
    }
    (event,) = events([json.dumps(said)])
    assert failure(event.text) == Failure(kind="ValueError", message="no such order", place="app.py:7")
    assert event.request_id == ONE


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (f"2026-11-28T12:00:00.000Z {ONE} Task timed out after 3.00 seconds", TIMED_OUT, "after 3.00 seconds"),
        (f"RequestId: {ONE} Error: Runtime exited with error: signal: killed", "Runtime.ExitError", "Runtime exited"),
        ("[ERROR] Runtime.ImportModuleError: Unable to import\rTraceback …:", "Runtime.ImportModuleError", "Unable"),
        ("[ERROR] KeyError", "KeyError", ""),
        ('{"record":{"requestId":"1","status":"timeout"},"type":"platform.report"}', TIMED_OUT, ""),
    ],
)
def test_every_way_to_fail_is_one(text: str, kind: str, message: str) -> None:
    found = failure(text)
    assert found is not None and found.kind == kind and found.message.startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        "[ERROR]\t2026-11-28T12:00:00.000Z\tid\tthe handler logged this",
        f"START RequestId: {ONE} Version: $LATEST",
        '{"level":"ERROR","message":"logged"}',
        "ValueError: printed",
        "",
    ],
)
def test_what_a_handler_only_says_is_no_failure(text: str) -> None:
    assert failure(text) is None


def test_the_innermost_frame_counts_where_none_is_the_applications() -> None:
    assert place('File "/var/runtime/bootstrap.py", line 5, in x\rFile "/var/lang/lib/python3.13/ssl.py", line 9') == (
        "/var/lang/lib/python3.13/ssl.py:9"
    )
    assert place("nothing") is None
    assert place('File "/x/functions/orders-app/0123456789abcdef/app.py", line 5, in x') == "app.py:5"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app:hunter2@db/orders",
        "postgresql://app:hun@ter2@db/orders",
        "host=db password=hunter2 dbname=x",
        "password='hunter2'",
        '{"DB_PASSWORD": "hunter2"}',
        "client_secret: hunter2",
        "X-Amz-Security-Token=hunter2&x=1",
        "Authorization: Bearer hunter2hunter2",
        "token=hunter2",
        "refused eyJhbGciOihunter2.eyJhbGciOi.x",
        "refused AKIAHUNTER2HUNTER2AB",
        "-----BEGIN PRIVATE KEY-----\nhunter2",
    ],
)
def test_no_secret_is_quoted(text: str) -> None:
    found = one_line(f"it failed with {text}")
    assert "hunter2" not in found.lower() and "***" in found and found.startswith("it failed with")


def test_a_message_about_a_password_stays_readable() -> None:
    text = 'password authentication failed for user "app": the token is expired'
    assert one_line(text) == text


@given(st.text())
def test_any_text_is_one_short_line(text: str) -> None:
    found = one_line(text)
    assert len(found.splitlines()) <= 1 and len(found) <= 200


def test_events_are_of_the_request_that_is_under_way_in_their_stream() -> None:
    invocation = Invocation(SimpleNamespace(aws_request_id=TWO, get_remaining_time_in_millis=lambda: 1000))
    line = metrics_line(invocation, outcome="ok", function="app", proxy="orders", milliseconds=5000)
    log = [
        f"START RequestId: {ONE} Version: $LATEST",
        ERROR,
        f"START RequestId: {TWO} Version: $LATEST",
        ERROR,
        line,
        f"REPORT RequestId: {ONE}\tDuration: 1 ms",
        f"of another service: RequestId: {TWO}",
        "printed",
    ]
    found = events(log, "aabbbaab")
    assert [each.request_id for each in found] == [ONE, ONE, TWO, TWO, TWO, ONE, None, TWO]
    assert (outcome(found[4].text), outcome(found[1].text)) == ("ok", None)


def init_report(phase: str, status: str = "error\tError Type: Runtime.ImportModuleError") -> str:
    return f"INIT_REPORT Init Duration: 1670.77 ms\tPhase: {phase}\tStatus: {status}"


INVOCATION = [
    f"START RequestId: {ONE} Version: $LATEST",
    f"END RequestId: {ONE}",
    f"REPORT RequestId: {ONE}\tDuration: 98.71 ms",
]
IMPORT = "[ERROR] Runtime.ImportModuleError: Unable to import module 'search'\nTraceback (most recent call last):"
DIED = f"RequestId: {ONE} Error: Runtime exited with error: exit status 1\nRuntime.ExitError"
FIRST_IN_JSON = json.dumps({"type": "platform.initReport", "record": {"phase": "init", "status": "error"}})
ERROR_IN_JSON = json.dumps({"errorType": "Runtime.ImportModuleError", "errorMessage": "no", "stackTrace": []})


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        # As Lambda logs a module that is missing: by itself, and once more of the invocation.
        ([IMPORT, init_report("init"), IMPORT, init_report("invoke"), *INVOCATION], 1),
        ([init_report("init"), init_report("invoke"), INVOCATION[0], DIED, *INVOCATION[1:]], 1),
        # The first try ran out of time and the second did not.
        ([init_report("init", "timeout"), *INVOCATION], 0),
        # What came before nobody called, or what nobody repeated yet.
        ([IMPORT, init_report("init")], 0),
        ([ERROR_IN_JSON, FIRST_IN_JSON, ERROR_IN_JSON], 1),
        ([INVOCATION[0], ERROR, *INVOCATION[1:], INVOCATION[0].replace(ONE, TWO), ERROR], 2),
        ([INVOCATION[0], ERROR, DIED, *INVOCATION[1:]], 1),
    ],
)
def test_a_failed_invocation_counts_once(lines: list[str], count: int) -> None:
    found = failures(events(lines))
    assert len(found) == count
    # Other environments have failed beside it.
    assert len(failures(events([IMPORT, *lines], "b" + "a" * len(lines)))) == count + 1


def test_an_error_whose_message_has_several_lines_is_one_event() -> None:
    text = f"[ERROR] OperationalError: refused\n\tIs it running?\r{TRACEBACK}"
    first, second = events([*text.split("\n"), "END RequestId: 1"])
    assert failure(first.text) == Failure(
        kind="OperationalError", message="refused Is it running?", place="orders/sums.py:3"
    )
    assert second.text == "END RequestId: 1"


@given(st.lists(st.text() | st.sampled_from(["[ERROR] x", "START RequestId: ", '{"_aws"', '{"_aws":[]}', ERROR])))
def test_any_lines_are_read(lines: list[str]) -> None:
    for each in events(lines):
        failure(each.text)
        outcome(each.text)
