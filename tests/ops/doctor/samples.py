"""Evidence of each cause, as CloudWatch and a laptop show it: a row's smallest proof."""

from dataclasses import replace
from typing import Any

from ops.doctor.evidence import Evidence, FunctionEvidence, LoginProblem
from ops.doctor.logged import LoggedFailures
from ops.doctor.verdict import Cause
from ops.pinning.counts import PinKey

APP = FunctionEvidence(name="app", timeout=15.0, invocations=1000, errors=0, timeouts=0, connections=1000)
WELL = Evidence(
    seconds=60,
    borrow_timeout=5,
    proxy_status="available",
    target_state="AVAILABLE",
    availability=100,
    max_connections=79,
    reserved_connections=9,
    database_sessions=25,
    cpu=30.0,
    bearable_sessions=100,
    bearable_percent=90,
    allowed=60,
    connections=20,
    borrowed=4.0,
    in_transaction=2.0,
    pinned=0,
    clients=400,
    clients_received=50,
    waiting=0,
    borrow_latency=0.4,
    held=6.0,
    answer=4.0,
    idle_in_transaction_seconds=0.1,
    failed_logins=0,
    functions=(APP,),
)
_FAILING = (replace(APP, errors=120),)
_LATE = (replace(APP, errors=120, timeouts=120),)
RAISED = LoggedFailures(
    count=882,
    own=882,
    unclear=0,
    invocations=882,
    error="ValueError",
    message="no such order",
    place="app.py:7",
    most=882,
    since="2026-11-28T12:00:00Z",
    last="2026-11-28T12:04:00Z",
    newest="2026-11-28T12:04:00Z",
)
_REFUSED = replace(RAISED, own=0, error="NoConnectionError", message="no connection within 5 s", place=None)
_FULL: dict[str, Any] = {"connections": 59, "borrowed": 58.0, "borrow_latency": 900.0, "waiting": 200}

PINS = (
    (PinKey(reason="SQL changed session settings.", rule="set", digest="set timezone = $1", user="app"), 31),
    (
        PinKey(reason="SQL discarded.", rule="deallocate", digest="deallocate all", user="app", application="shop"),
        9,
    ),
)

CASES: dict[Cause, Evidence] = {
    Cause.PROXY_DOWN: Evidence(seconds=5, proxy_status="refuses connections", functions=_FAILING),
    Cause.DATABASE_FULL: replace(WELL, database_sessions=71, target_state="UNAVAILABLE", functions=_FAILING),
    Cause.DATABASE_LOGIN: replace(WELL, target_state="UNAVAILABLE", target_reason="AUTH_FAILURE"),
    Cause.DATABASE_DOWN: replace(WELL, target_state="UNAVAILABLE", target_reason="CONNECTION_FAILED"),
    Cause.PROXY_SCALING: replace(WELL, target_state="UNAVAILABLE", target_reason="PENDING_PROXY_CAPACITY"),
    Cause.PROXY_STUCK: replace(WELL, target_state="REGISTERING", target_seconds=3600.0),
    Cause.NO_TARGET: replace(WELL, target_state="UNUSED"),
    Cause.TOKEN_EXPIRED: replace(WELL, failed_logins=9, login_problem=LoginProblem.EXPIRED_TOKEN, functions=_FAILING),
    Cause.WRONG_PASSWORD: replace(WELL, failed_logins=9, login_problem=LoginProblem.WRONG_PASSWORD, functions=_FAILING),
    Cause.IAM_THROTTLED: replace(WELL, failed_logins=9, login_problem=LoginProblem.THROTTLED, functions=_FAILING),
    Cause.LOGIN_REFUSED: replace(WELL, failed_logins=9, functions=_FAILING),
    Cause.FUNCTION_FAILS: replace(
        WELL, functions=(replace(APP, invocations=882, errors=882, connections=0, failures=RAISED),)
    ),
    Cause.FAILED_BEFORE: replace(WELL, log_seconds=300.0, functions=(replace(APP, failures=_REFUSED),)),
    Cause.NEVER_REACHED: replace(
        WELL, clients=0, clients_received=0, connections=0, functions=(replace(APP, errors=1000, connections=0),)
    ),
    Cause.PINNED: replace(WELL, **_FULL, pinned=55, pins=PINS, functions=_LATE),
    Cause.HELD_BY_STATEMENTS: replace(WELL, **_FULL, held_by_statements=55.0, borrow_timeouts=9, functions=_LATE),
    Cause.IDLE_IN_TRANSACTION: replace(WELL, in_transaction=12.0, borrowed=12.0, idle_in_transaction_seconds=240.0),
    Cause.TIMEOUT_BELOW_BORROW: replace(WELL, **_FULL, borrow_timeout=120, held=40.0, answer=35.0, functions=_LATE),
    Cause.CPU_BOUND: replace(
        WELL, cpu=99.0, database_sessions=25, bearable_sessions=20, held=9000.0, answer=8800.0, functions=_LATE
    ),
    Cause.SLOW_QUERIES: replace(WELL, held=9000.0, answer=8800.0, functions=_LATE),
    Cause.TRANSACTIONS_TOO_LONG: replace(WELL, **_FULL, held=2000.0, answer=30.0, functions=_LATE),
    Cause.POOL_TOO_SMALL: replace(WELL, **_FULL, held=40.0, answer=35.0, functions=_FAILING),
    Cause.THROTTLED: replace(WELL, functions=(replace(APP, throttles=300),)),
    Cause.PROXY_WORKS: replace(WELL, functions=_LATE),
    Cause.UNDETERMINED: replace(WELL, borrow_latency=None, functions=_LATE),
    Cause.IDLE: replace(WELL, clients=0, clients_received=0, functions=()),
    Cause.HEALTHY: WELL,
}
