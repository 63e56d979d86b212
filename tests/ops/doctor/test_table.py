"""The decision table, row by row, and what must hold for any evidence."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.doctor.evidence import Evidence, FunctionEvidence, LoginProblem
from ops.doctor.table import diagnose
from ops.doctor.verdict import Cause
from tests.ops.doctor.samples import APP, CASES, PINS, RAISED, WELL


@pytest.mark.parametrize("cause", list(Cause))
def test_each_cause_is_named_by_its_evidence(cause: Cause) -> None:
    verdict = diagnose(CASES[cause])
    assert verdict.cause is cause, verdict
    assert verdict.numbers and verdict.is_not and verdict.next_step
    assert verdict.title.endswith((".", "app"))


def test_pins_are_told_by_statement_and_session_and_mended_by_their_rules_the_most_frequent_first() -> None:
    verdict = diagnose(CASES[Cause.PINNED])
    assert "31 of 40 pinned sessions: “set timezone = $1” (user app) – SQL changed session settings." in verdict.numbers
    assert any("“deallocate all” (user app, application shop)" in each for each in verdict.numbers)
    first, _, second = verdict.next_step.partition("; “deallocate all”: ")
    assert first.startswith("“set timezone = $1”: ")
    assert second == "sent by psycopg 3, after a rollback once it has prepared: connect with prepare_threshold=None"


def test_a_rule_that_pins_twice_is_mended_once_and_one_that_nobody_knows_leaves_where_to_look() -> None:
    (key, _), pinned = PINS[0], CASES[Cause.PINNED]
    twice = replace(pinned, pins=((key, 5), (replace(key, digest="set role $1"), 4)))
    assert diagnose(twice).next_step.count("initialization query") == 1
    unknown = replace(pinned, pins=((replace(key, rule=""), 5),))
    assert "/aws/rds/proxy/<name>" in diagnose(unknown).next_step


def test_connections_that_statements_keep_are_no_pins_and_no_fault_on_aws() -> None:
    verdict = diagnose(CASES[Cause.HELD_BY_STATEMENTS])
    assert "55 held here by prepared statements; RDS Proxy multiplexes these" in verdict.numbers
    assert "9 clients waited for one in vain" in verdict.numbers
    assert verdict.is_not.startswith("a fault on AWS")
    assert diagnose(replace(CASES[Cause.HELD_BY_STATEMENTS], borrow_latency=1.0, waiting=0)).cause is Cause.PROXY_WORKS


def test_a_stack_that_is_well_says_who_pins() -> None:
    verdict = diagnose(replace(WELL, pinned=1, pins=PINS))
    assert verdict.cause is Cause.HEALTHY
    assert any("“set timezone = $1”" in each for each in verdict.numbers)


def test_functions_that_fail_by_their_own_fault_are_quoted_with_place_share_and_since_when() -> None:
    verdict = diagnose(CASES[Cause.FUNCTION_FAILS])
    assert verdict.title == "Functions fail by their own fault: ValueError at app.py:7 of app."
    assert "app: 882 of 882 invocations (100%) with “ValueError: no such order” at app.py:7" in verdict.numbers
    assert any("since 2026-11-28T12:00:00Z" in each for each in verdict.numbers)
    before = replace(WELL, functions=(replace(APP, errors=9, failures=replace(RAISED, since=None)),))
    assert any("since the beginning of the look or before it" in each for each in diagnose(before).numbers)


def test_the_function_that_failed_last_is_named_by_what_goes_on() -> None:
    old = replace(RAISED, error="KeyError", place="app.py:6", newest="2026-11-28T12:01:00Z")
    repaired = replace(
        RAISED,
        count=2,
        own=2,
        most=1,
        invocations=2,
        error="Runtime.ImportModuleError",
        place=None,
        gone=True,
        newest_error="ValueError",
        newest_message="no such day",
        newest_place="app.py:7",
    )
    two = (replace(APP, failures=old), replace(APP, name="daily-totals", failures=repaired))
    verdict = diagnose(replace(WELL, functions=two))
    assert verdict.title == "Functions fail by their own fault: ValueError at app.py:7 of daily-totals."
    assert verdict.next_step.startswith("mend it at app.py:7 of daily-totals; ")
    assert verdict.numbers[0] == (
        "daily-totals: the last one: “ValueError: no such day” at app.py:7, at 2026-11-28T12:04:00Z"
    )
    assert verdict.numbers[1].startswith("daily-totals: 1 of 2 invocations (50%) with “Runtime.ImportModuleError: ")
    # Where the most frequent one goes on, it comes first.
    mixed = (two[0], replace(two[1], failures=replace(repaired, gone=False)))
    assert "Runtime.ImportModuleError of daily-totals" in diagnose(replace(WELL, functions=mixed)).title


@pytest.mark.parametrize(
    ("error", "message", "step"),
    [
        ("InsufficientPrivilege", "permission denied for table orders", "GRANT … ON … TO <user>"),
        ("ProgrammingError", "(psycopg.errors.InsufficientPrivilege) permission denied for table orders", "GRANT"),
        ("OperationalError", "(1142, \"SELECT command denied to user 'reporting'@'%' for table 'orders'\")", "GRANT"),
        ("OperationalError", '(pymysql.err.OperationalError) (1044, "Access denied for user")', "GRANT"),
        ("ProgrammingError", "1142 (42000): SELECT command denied to user", "GRANT"),
        ("UndefinedTable", 'relation "orders" does not exist', "the migration"),
        ("UndefinedColumnError", 'column "day" does not exist', "the migration"),
        ("ProgrammingError", "(1146, \"Table 'app.orders' doesn't exist\")", "the migration"),
        ("ValueError", "1142 orders", "mend it at app.py:7 of app"),
        ("UniqueViolation", "duplicate key value", "mend it at app.py:7 of app"),
    ],
)
def test_what_the_database_refuses_of_objects_and_rights_is_mended_there(error: str, message: str, step: str) -> None:
    said = replace(RAISED, error=error, message=message)
    verdict = diagnose(replace(WELL, functions=(replace(APP, failures=said),)))
    assert verdict.cause is Cause.FUNCTION_FAILS
    assert step in verdict.next_step
    assert ("the database answered" in verdict.is_not) is not step.startswith("mend")


def test_failures_that_are_over_are_told_as_such_though_they_fell_into_the_look() -> None:
    over = replace(RAISED, count=2, own=2, most=2, invocations=8, ended_well=5, over=True)
    verdict = diagnose(replace(WELL, functions=(replace(APP, errors=2, connections=0, failures=over),)))
    assert (verdict.cause, verdict.finding) == (Cause.FAILED_BEFORE, False)
    assert "app: since then 5 invocations ended well" in verdict.numbers
    # Nobody knows that of the other one, and a function that fails now is not hidden by one that did.
    two = (replace(APP, failures=over), replace(CASES[Cause.FAILED_BEFORE].functions[0], name="report"))
    assert diagnose(replace(WELL, functions=two)).finding
    assert diagnose(replace(WELL, functions=(two[0], replace(APP, errors=5)))).cause is Cause.PROXY_WORKS


def test_one_is_told_as_one() -> None:
    once = replace(RAISED, count=1, own=1, most=1, invocations=1, since="2026-11-28T12:04:00Z")
    seen = replace(WELL, functions=(replace(APP, failures=once),), connections=1, allowed=1, clients=3)
    numbers = diagnose(seen).numbers
    assert "app: 1 of 1 invocation (100%) with “ValueError: no such order” at app.py:7" in numbers
    assert "app: at 2026-11-28T12:04:00Z; 1 failure in its log, 1 by its own fault" in numbers
    assert any(each.startswith("1 database connection, of 1 that") for each in numbers)


_LATE = replace(RAISED, own=0, unclear=882, error="Task timed out", message="after 3.00 seconds", place=None)


@pytest.mark.parametrize(
    ("said", "change", "cause"),
    [
        # Given back before Lambda ended it: the time went by in the function, whatever else the numbers are.
        (replace(_LATE, own=882, unclear=0), {"answer": 14_000.0, "held": 14_100.0}, Cause.FUNCTION_FAILS),
        # Neither given back nor at work in the database: the function kept it and did something else.
        (_LATE, {}, Cause.FUNCTION_FAILS),
        (_LATE, {"answer": 14_000.0, "held": 14_100.0}, Cause.SLOW_QUERIES),
        (_LATE, {"answer": None}, Cause.PROXY_WORKS),
        # Less than half by its own fault.
        (replace(RAISED, own=440), {}, Cause.PROXY_WORKS),
        (replace(RAISED, own=441), {}, Cause.FUNCTION_FAILS),
        # Everyone waits for connections, and a few fail for another reason.
        (
            replace(RAISED, invocations=2000),
            {"connections": 60, "borrow_latency": 200.0, "held": 40.0},
            Cause.POOL_TOO_SMALL,
        ),
        (RAISED, {"connections": 60, "borrow_latency": 200.0, "held": 40.0}, Cause.FUNCTION_FAILS),
    ],
)
def test_a_failure_is_the_functions_own_where_something_says_so(
    said: Any, change: dict[str, Any], cause: Cause
) -> None:
    late = (replace(APP, errors=882, timeouts=882, failures=said),)
    verdict = diagnose(replace(WELL, functions=late, **change))
    assert verdict.cause is cause, verdict
    if cause is Cause.FUNCTION_FAILS and said.error == "Task timed out":
        assert verdict.title == "Functions run out of time in their own code, not in the database."


def test_only_health_and_silence_are_no_findings() -> None:
    assert {cause for cause in Cause if not diagnose(CASES[cause]).finding} == {Cause.HEALTHY, Cause.IDLE}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        # The proxy's own share alone never fills a database, however many sessions there are.
        ({"database_sessions": 70, "connections": 60}, Cause.HEALTHY),
        ({"database_sessions": 70, "connections": 59}, Cause.DATABASE_FULL),
        # One refused login after a rotation, with nobody failing for it.
        ({"failed_logins": 1, "login_problem": LoginProblem.WRONG_PASSWORD}, Cause.HEALTHY),
        # A storm round the proxy: full between two samples, and nobody new gets in.
        (
            {
                "connections": 0,
                "database_sessions": 66,
                "target_state": "UNAVAILABLE",
                "target_reason": "CONNECTION_FAILED",
            },
            Cause.DATABASE_FULL,
        ),
        (
            {
                "connections": 0,
                "database_sessions": 12,
                "target_state": "UNAVAILABLE",
                "target_reason": "CONNECTION_FAILED",
            },
            Cause.DATABASE_DOWN,
        ),
        # So many wait for each connection that it is too small, however soon each has its turn.
        ({"connections": 60, "borrowed": 60.0, "waiting": 419, "borrow_latency": 80.0}, Cause.POOL_TOO_SMALL),
        # Full, but nobody waits: that is what a pool is for.
        ({"connections": 60, "borrowed": 50.0}, Cause.HEALTHY),
        ({"borrow_latency": 100.0, "connections": 60}, Cause.HEALTHY),
        ({"borrow_latency": 100.1, "connections": 60}, Cause.POOL_TOO_SMALL),
        # All are borrowed, and nobody has got one: no latency is measured at all.
        ({"borrow_latency": None, "connections": 60, "borrowed": 60.0}, Cause.POOL_TOO_SMALL),
        # Functions that are ended early for another reason, while somebody waits for a moment.
        (
            {"borrow_timeout": 20, "borrow_latency": 101.0, "answer": 9e3, "functions": (replace(APP, timeouts=5),)},
            Cause.SLOW_QUERIES,
        ),
        # Waiting below the limit is neither a full pool nor anything else that the table knows.
        ({"borrow_latency": 100.1, "connections": 20}, Cause.UNDETERMINED),
        # A transaction that stands no longer than an invocation may last can be somebody's work.
        ({"idle_in_transaction_seconds": 15.0, "in_transaction": 5.0}, Cause.HEALTHY),
        ({"idle_in_transaction_seconds": 15.1, "in_transaction": 5.0}, Cause.IDLE_IN_TRANSACTION),
        ({"availability": 99.9}, Cause.DATABASE_DOWN),
        ({"target_state": None}, Cause.HEALTHY),
        ({"functions": (replace(APP, errors=5),)}, Cause.PROXY_WORKS),
        # The article's rule without its proof: hardly more clients than connections, or pins.
        ({"functions": (replace(APP, errors=5),), "clients": 39}, Cause.UNDETERMINED),
        ({"functions": (replace(APP, errors=5),), "pinned": 5}, Cause.UNDETERMINED),
        ({"functions": (replace(APP, errors=5),), "connections": 61}, Cause.UNDETERMINED),
        ({"functions": (replace(APP, errors=5),), "pinned": None}, Cause.UNDETERMINED),
        # Turned away, and the reason stands above: environments are busy with waiting or with slow statements.
        ({"functions": (replace(APP, throttles=1),)}, Cause.THROTTLED),
        ({"functions": (replace(APP, throttles=5, errors=6),)}, Cause.PROXY_WORKS),
        ({"functions": (replace(APP, throttles=5),), "connections": 60, "borrow_latency": 200.0}, Cause.POOL_TOO_SMALL),
        ({"functions": (replace(APP, throttles=5),), "answer": 8000.0, "held": 8100.0}, Cause.SLOW_QUERIES),
        # While it is modified, a proxy serves.
        ({"proxy_status": "modifying"}, Cause.HEALTHY),
        ({"proxy_status": "incompatible-network"}, Cause.PROXY_DOWN),
        # A busy processor with no more sessions than it bears, more of them while it has time, and what nobody knows.
        ({"cpu": 99.0, "max_connections": 200, "database_sessions": 100}, Cause.HEALTHY),
        ({"cpu": 90.0, "max_connections": 200, "database_sessions": 101}, Cause.CPU_BOUND),
        ({"cpu": 89.9, "max_connections": 200, "database_sessions": 101}, Cause.HEALTHY),
        ({"cpu": 99.0, "max_connections": 200, "database_sessions": 101, "bearable_sessions": None}, Cause.HEALTHY),
        # A proxy that scales, for minutes and for hours.
        ({"target_state": "REGISTERING", "target_seconds": 1800.0}, Cause.PROXY_SCALING),
        ({"target_state": "REGISTERING", "target_seconds": 1801.0}, Cause.PROXY_STUCK),
        (
            {"target_state": "UNAVAILABLE", "target_reason": "PENDING_PROXY_CAPACITY", "target_seconds": 7200.0},
            Cause.PROXY_STUCK,
        ),
        # A slow answer that nobody fails for.
        ({"answer": 8000.0, "held": 8100.0}, Cause.HEALTHY),
    ],
)
def test_a_row_begins_where_it_says(change: dict[str, Any], cause: Cause) -> None:
    assert diagnose(replace(WELL, **change)).cause is cause


def test_one_function_that_has_no_way_is_named_beside_one_that_has() -> None:
    cut_off = FunctionEvidence(name="report", timeout=15, invocations=12, errors=12, connections=0)
    verdict = diagnose(replace(WELL, functions=(APP, cut_off)))
    assert verdict.cause is Cause.NEVER_REACHED
    assert "report" in verdict.title and "app" not in verdict.title


def test_a_function_without_connections_is_not_cut_off_when_everyone_waits() -> None:
    waiting = FunctionEvidence(name="report", timeout=15, invocations=12, errors=12, connections=0)
    full = replace(CASES[Cause.POOL_TOO_SMALL], functions=(APP, waiting))
    assert diagnose(full).cause is Cause.POOL_TOO_SMALL


_counts = st.none() | st.integers(0, 5000)
_numbers = st.none() | st.floats(0, 1e6)
_functions = st.lists(
    st.builds(
        FunctionEvidence,
        name=st.sampled_from(["app", "report"]),
        timeout=st.floats(1, 900),
        invocations=st.integers(0, 1000),
        errors=st.integers(0, 1000),
        timeouts=_counts,
        throttles=st.integers(0, 9),
        connections=_counts,
    ),
    max_size=3,
).map(tuple)
_evidence = st.builds(
    Evidence,
    seconds=st.floats(0.1, 3600),
    proxy_status=st.none() | st.sampled_from(["available", "modifying", "suspended", "refuses connections", "other"]),
    borrow_timeout=_numbers,
    target_state=st.none() | st.sampled_from(["AVAILABLE", "UNAVAILABLE", "REGISTERING", "UNUSED", "other"]),
    target_reason=st.none() | st.sampled_from(["AUTH_FAILURE", "PENDING_PROXY_CAPACITY", "UNREACHABLE"]),
    availability=st.none() | st.floats(0, 100),
    max_connections=_counts,
    reserved_connections=st.integers(0, 9),
    database_sessions=_counts,
    cpu=st.none() | st.floats(0, 100),
    bearable_sessions=_counts,
    target_seconds=_numbers,
    allowed=_counts,
    connections=_counts,
    borrowed=_numbers,
    in_transaction=_numbers,
    pinned=_numbers,
    held_by_statements=_numbers,
    borrow_timeouts=_counts,
    pins=st.just(()) | st.just(PINS),
    clients=_counts,
    clients_received=_counts,
    waiting=_counts,
    borrow_latency=_numbers,
    held=_numbers,
    answer=_numbers,
    idle_in_transaction_seconds=_numbers,
    failed_logins=_counts,
    login_problem=st.none() | st.sampled_from(LoginProblem),
    functions=_functions,
)


@given(_evidence)
def test_any_evidence_gets_one_verdict_with_numbers(seen: Evidence) -> None:
    verdict = diagnose(seen)
    assert verdict.numbers
    if verdict.cause is Cause.HEALTHY:
        assert not seen.errors and not seen.throttles and seen.target_state in (None, "AVAILABLE")
        assert (seen.borrow_latency or 0) <= 100
    if verdict.cause is Cause.PROXY_WORKS:
        assert seen.connections is not None and seen.allowed is not None and seen.clients is not None
        assert seen.connections <= seen.allowed and seen.clients >= 2 * seen.connections


@given(_functions)
def test_without_a_look_at_the_proxy_there_is_only_the_symptom(functions: tuple[FunctionEvidence, ...]) -> None:
    blind = Evidence(seconds=60, functions=tuple(replace(each, connections=None) for each in functions))
    assert diagnose(blind).cause in (Cause.UNDETERMINED, Cause.THROTTLED, Cause.HEALTHY, Cause.IDLE)


def test_a_look_that_is_shorter_than_an_invocation_says_so_of_its_silence() -> None:
    silent = Evidence(seconds=4, clients=0, functions=(replace(APP, invocations=0, timeout=30.0),))
    assert "`--seconds 35`" in diagnose(silent).next_step
    assert "--seconds" not in diagnose(replace(silent, seconds=60)).next_step


def test_json_has_every_number_under_its_name() -> None:
    document = WELL.as_json()
    assert document["databaseSessions"] == 25
    assert document["functions"][0]["invocations"] == 1000
    assert len(document) == len(fields(Evidence)) - 1  # what was not seen is the diagnosis's
