"""What a function's log tells of its failures."""

from uuid import UUID

import pytest

from ops.doctor.logged import LoggedFailures, is_over, logged_failures
from ops.function_logs import Event

WELL = ""
IMPORT = "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'orders'"
VALUE = '[ERROR] ValueError: no such day\nTraceback (most recent call last):\n  File "/var/task/app.py", line 7, in day'


def log(*ends: str, report: str = "REPORT RequestId: {}\tDuration: 1.00 ms") -> list[Event]:
    """Events of invocations, one a second, each of which ended so."""
    found = []
    for number, end in enumerate(ends):
        request = str(UUID(int=number))
        texts = (f"START RequestId: {request} Version: $LATEST", end.format(request), report.replace("{}", request))
        found += [Event(text=text, at=float(number), stream="one") for text in texts if text]
    return found


def told(*ends: str, report: str = "REPORT RequestId: {}\tDuration: 1.00 ms") -> LoggedFailures:
    found = logged_failures(log(*ends, report=report), start=0.0, end=100.0)
    assert found is not None
    return found


def test_of_kinds_that_are_as_frequent_the_newest_is_named() -> None:
    found = told(IMPORT, VALUE)
    assert (found.error, found.place, found.invocations) == ("ValueError", "app.py:7", 2)
    assert (found.newest_error, found.most, found.count) == (None, 1, 2)


def test_the_newest_stands_beside_the_most_frequent_and_says_whether_that_is_gone() -> None:
    found = told(IMPORT, IMPORT, WELL, VALUE)
    assert (found.error, found.most, found.newest_error) == ("Runtime.ImportModuleError", 2, "ValueError")
    assert (found.newest_message, found.newest_place) == ("no such day", "app.py:7")
    assert (found.newest, found.gone, found.over) == ("1970-01-01T00:00:03Z", True, False)
    refused = told(IMPORT, IMPORT, "[ERROR] NoConnectionError: no connection within 5 s")
    assert (refused.newest_error, refused.gone) == ("NoConnectionError", False)
    mixed = told(
        IMPORT, VALUE, IMPORT, VALUE, IMPORT, VALUE, IMPORT, VALUE, IMPORT, VALUE, VALUE, IMPORT, IMPORT, VALUE
    )
    assert (mixed.newest_error, mixed.gone) == (None, False)


@pytest.mark.parametrize(
    ("failed", "over"),
    [
        ([True], False),
        ([True, False], True),
        ([True, True, True, False], True),
        # Half of them fail: four that do not are chance in 1 of 16, five in 1 of 32.
        ([False, True, False, False, False, False], False),
        ([False, True, False, False, False, False, False], True),
        ([*[False] * 9, True, *[False] * 20], False),
        ([*[False] * 9, True, *[False] * 29], True),
    ],
)
def test_failures_are_over_where_chance_does_not_explain_what_came_since(failed: list[bool], over: bool) -> None:
    assert is_over(failed) is over


def test_invocations_that_ended_well_since_the_last_failure_are_counted() -> None:
    found = told(WELL, VALUE, VALUE, WELL, WELL, WELL, WELL, WELL)
    assert (found.ended_well, found.over, found.invocations) == (5, True, 8)
    assert (told(VALUE).ended_well, told(VALUE).over) == (0, False)


def test_a_report_in_json_is_the_end_of_an_invocation_as_well() -> None:
    report = '{"type": "platform.report", "record": {"requestId": "{}", "status": "success"}}'
    assert told(VALUE, WELL, report=report).over


def test_a_time_out_that_is_told_behind_its_report_is_one_invocation() -> None:
    events = log(WELL, WELL)
    late = Event(text=f"2026-11-28T12:00:00.000Z {UUID(int=1)} Task timed out after 3.00 seconds", at=1.0, stream="one")
    found = logged_failures([*events, late], start=0.0, end=100.0)
    assert found is not None
    assert (found.count, found.invocations, found.ended_well, found.over) == (1, 2, 0, False)


def test_an_invocation_that_could_not_begin_did_not_end_well() -> None:
    texts = (IMPORT, "INIT_REPORT Init Duration: 9.00 ms\tPhase: invoke\tStatus: error")
    events = [Event(text=text, stream="one") for text in texts] + log(WELL)
    found = logged_failures(events, start=0.0, end=100.0)
    assert found is not None
    assert (found.invocations, found.ended_well, found.over) == (1, 0, False)


def test_a_log_that_was_read_for_its_failures_alone_says_nothing_of_what_came_since() -> None:
    failures = [each for each in log(VALUE, IMPORT) if each.text.startswith("[ERROR]")]
    found = logged_failures(failures, start=0.0, end=100.0, invocations=40)
    assert found is not None
    assert (found.ended_well, found.over, found.invocations) == (None, False, 40)


@pytest.mark.parametrize(
    ("said", "own"),
    [
        ("OperationalError: (1142, \"SELECT command denied to user 'reporting'@'%' for table 'orders'\")", 1),
        ("OperationalError: (1054, \"Unknown column 'day' in 'field list'\")", 1),
        ("OperationalError: (2013, 'Lost connection to MySQL server during query')", 0),
        ("OperationalError: (1045, \"Access denied for user 'app'@'%'\")", 0),
    ],
)
def test_what_the_database_answers_about_objects_and_rights_is_the_functions_own(said: str, own: int) -> None:
    assert told(f"[ERROR] {said}").own == own
