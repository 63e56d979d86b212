"""What a function's log says of its invocations: Lambda's own lines and the handler's metrics lines. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ops.doctor.evidence import LoginProblem
from ops.function_logs import TIMED_OUT, Event, document, failures, outcome, whole

_OUT_OF_TIME = "out-of-time"
# The words of RDS Proxy, PostgreSQL and PgBouncer; an expired token is a matter of the words of the laptop's gate.
_EXPIRED = re.compile(r"token is expired", re.IGNORECASE)
_THROTTLED = re.compile(r"too many competing requests", re.IGNORECASE)
_WRONG = re.compile(r"password authentication failed|SASL authentication failed|The password that was provided")


@dataclass(frozen=True, kw_only=True)
class LoggedInvocations:
    """Counts over some part of a log.

    Attributes:
        connections: None when no line of the handler's metrics is in it.
        login_problem: why a login was refused last, by the text of errors, which any driver writes.
    """

    invocations: int = 0
    errors: int = 0
    timeouts: int = 0
    connections: int | None = None
    login_problem: LoginProblem | None = None


def read_log(logged: Iterable[Event]) -> LoggedInvocations:
    """Count what lines or events of one function hold."""
    found = list(whole(logged))
    failed, ends = failures(found), [end for each in found if (end := outcome(each.text)) is not None]
    problems = [problem for event, _ in failed if (problem := login_problem(event.text)) is not None]
    connections = [count for each in found if (count := _connections(each.text)) is not None]
    return LoggedInvocations(
        invocations=sum(each.text.startswith("REPORT RequestId: ") for each in found),
        errors=len(failed),
        timeouts=sum(told.kind == TIMED_OUT for _, told in failed) + ends.count(_OUT_OF_TIME),
        connections=sum(connections) if connections else None,
        login_problem=problems[-1] if problems else None,
    )


def login_problem(text: str) -> LoginProblem | None:
    """Why a login was refused, by the words of the refusal; None when the text is about something else."""
    if _EXPIRED.search(text):
        return LoginProblem.EXPIRED_TOKEN
    if _THROTTLED.search(text):
        return LoginProblem.THROTTLED
    if _WRONG.search(text):
        return LoginProblem.WRONG_PASSWORD
    return None


def _connections(text: str) -> int | None:
    """How often a use of the database took a connection, when the event is the handler's line of metrics."""
    said = document(text)
    try:
        return int(said["ConnectionsOpened"]) + int(said["ConnectionsReused"])
    except (KeyError, TypeError, ValueError):
        return None
