"""The failures that a function's log tells of: how many, which most often, and by whose fault. Pure."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from ops.function_logs import TIMED_OUT, Event, Failure, failures, outcome, whole

# Of a look, the part at whose end a failure may well be one that went on since before.
_BEGINNING = 0.1
# Errors by which a function says that database, proxy or network did not let it: of this project's handler, of drivers
# (PEP 249; psycopg's own below OperationalError) and of Python. Whatever else there is, is the function's own.
_NOT_OWN = re.compile(
    r"NoConnection|OutOfTime|OperationalError|InterfaceError|Connect|Timeout|TooMany|Shutdown|QueryCanceled|"
    r"gaierror|SSL|InvalidPassword|InvalidAuthorization|IdleInTransaction|LockNotAvailable"
)
# Ends of a use of the database, as the handler's metrics call them, after which the connection was given back.
_GIVEN_BACK = ("ok", "application", "statement")
# And those that are the function's own fault as well.
_OWN_ENDS = (*_GIVEN_BACK, "configuration", "pool-exhausted")


@dataclass(frozen=True, kw_only=True)
class LoggedFailures:
    """The failures of one function that its log tells of.

    Attributes:
        count: of them all.
        own: of them, by the function's own fault.
        unclear: of them, time-outs that may have been in the function or in the database: it gave no connection back.
        invocations: that ended in the same time.
        error, message, place: of the most frequent failure; a message in one line, without secrets.
        most: how often that one came.
        since: when it came first, None when that was at the beginning of the look or may have been before.
        last: when it came last.
    """

    count: int
    own: int
    unclear: int
    invocations: int
    error: str
    message: str
    place: str | None
    most: int
    since: str | None
    last: str


@dataclass(frozen=True, kw_only=True)
class _Seen:
    at: float
    failure: Failure
    own: bool | None


def logged_failures(
    logged: Iterable[Event], *, start: float, end: float, invocations: int | None = None
) -> LoggedFailures | None:
    """What came between two times says; None when that tells of no failure.

    Args:
        logged: lines or events with their times, of one function.
        invocations: how many ended in that time, where this is not all that was logged.
    """
    whole_events = list(whole(logged))
    ended, found = sum(each.text.startswith("REPORT ") for each in whole_events), _failures(whole_events)
    if not found:
        return None
    # Own failures first: where as many are of either sort, the reason that can be read counts.
    kinds = Counter((each.failure.kind, each.failure.place, each.own) for each in found)
    key = max(kinds, key=lambda kind: (kinds[kind], kind[2] is True))
    most = sorted(
        (each for each in found if (each.failure.kind, each.failure.place, each.own) == key), key=lambda each: each.at
    )
    shown = most[-1].failure
    return LoggedFailures(
        count=len(found),
        own=sum(each.own is True for each in found),
        unclear=sum(each.own is None for each in found),
        invocations=max(ended if invocations is None else invocations, len(found)),
        error=shown.kind,
        message=shown.message,
        place=shown.place,
        most=len(most),
        since=_moment(most[0].at) if most[0].at > start + _BEGINNING * (end - start) else None,
        last=_moment(most[-1].at),
    )


def _failures(found: list[Event]) -> list[_Seen]:
    uses: dict[str, str] = {}
    for event in found:
        ended = outcome(event.text)
        if ended is not None and event.request_id is not None:
            uses[event.request_id] = ended
    return [
        _Seen(at=event.at, failure=told, own=_is_own(told, uses.get(event.request_id or "")))
        for event, told in failures(found)
    ]


def _is_own(told: Failure, use: str | None) -> bool | None:
    """Whether a failure is the function's own fault, by how its last use of the database ended; None: nothing says."""
    if told.kind == TIMED_OUT:
        return None if use is None else use in _GIVEN_BACK
    return not _NOT_OWN.search(told.kind) and (use is None or use in _OWN_ENDS)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
