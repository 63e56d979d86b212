"""The failures that a function's log tells of: how many, which most often, and by whose fault. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ops.function_logs import TIMED_OUT, Event, Failure, failures, is_report, outcome, whole

from .refused import next_step

# Of a look, the part at whose end a failure may well be one that went on since before.
_BEGINNING = 0.1
# Chance, as failures were frequent, of seeing none for so long; below it they are over.
_UNLIKELY = 0.05
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
        gone: whether it is over, and an own failure of another kind came last.
        newest: when any failure came last.
        newest_error, newest_message, newest_place: of that one; None where it is the most frequent one's kind.
        ended_well: invocations since then that did; None where the log was read for its failures alone.
        over: whether these are so many that nothing fails any more.
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
    gone: bool = False
    newest: str
    newest_error: str | None = None
    newest_message: str | None = None
    newest_place: str | None = None
    ended_well: int | None = None
    over: bool = False


@dataclass(frozen=True, kw_only=True)
class _Seen:
    at: float
    failure: Failure
    own: bool | None

    @property
    def sort(self) -> tuple[str, str | None, bool | None]:
        return self.failure.kind, self.failure.place, self.own


def logged_failures(
    logged: Iterable[Event], *, start: float, end: float, invocations: int | None = None
) -> LoggedFailures | None:
    """What came between two times says; None when that tells of no failure.

    Args:
        logged: lines or events with their times, of one function.
        invocations: how many ended in that time, where the log was read for its failures alone: then nothing says
            what came after the last of them, and they count as going on.
    """
    ended = _ended(list(whole(logged)))
    found = [each for each in ended if each is not None]
    if not found:
        return None
    # Own failures first: where as many are of either sort, the reason that can be read counts; then the newest.
    sorts = [each.sort for each in found]
    counts = Counter(sorts)
    key = max(reversed(sorts), key=lambda sort: (counts[sort], sort[2] is True))
    most, newest = [each for each in found if each.sort == key], found[-1]
    shown, first, last = most[-1].failure, min(each.at for each in most), max(each.at for each in most)
    is_another = newest.failure.kind != shown.kind or newest.failure.place != shown.place
    return LoggedFailures(
        count=len(found),
        own=sum(each.own is True for each in found),
        unclear=sum(each.own is None for each in found),
        invocations=max(len(ended) if invocations is None else invocations, len(found)),
        error=shown.kind,
        message=shown.message,
        place=shown.place,
        most=len(most),
        since=_moment(first) if first > start + _BEGINNING * (end - start) else None,
        last=_moment(last),
        gone=newest.own is True and is_over([sort == key for sort in sorts]),
        newest=_moment(newest.at),
        newest_error=newest.failure.kind if is_another else None,
        newest_message=newest.failure.message if is_another else None,
        newest_place=newest.failure.place if is_another else None,
        ended_well=ended[::-1].index(newest) if invocations is None else None,
        over=invocations is None and is_over([each is not None for each in ended]),
    )


def is_over(failed: Sequence[bool]) -> bool:
    """Whether what failed in some of these invocations, in their order, does so no more.

    It is over where so many came after the last of them that chance hardly explains it, by their share until then.
    """
    since = list(reversed(failed)).index(True)
    share = sum(failed) / (len(failed) - since)
    return bool((1 - share) ** since < _UNLIKELY)


def _ended(found: list[Event]) -> list[_Seen | None]:
    """The invocations that ended, in their order; None for one that ended well."""
    uses: dict[str, str] = {}
    for event in found:
        ended = outcome(event.text)
        if ended is not None and event.request_id is not None:
            uses[event.request_id] = ended
    told = {id(event): failure for event, failure in failures(found)}
    all_of_them: dict[int, _Seen | None] = {}
    failed: set[tuple[str, str | None]] = set()  # whose report is yet to come
    well: dict[str, int] = {}
    for number, event in enumerate(found):
        mine = (event.stream, event.request_id)
        if (failure := told.get(id(event))) is not None:
            # What Lambda says of a time-out may stand behind its report.
            if (reported := well.pop(event.request_id or "", None)) is not None:
                del all_of_them[reported]
            else:
                failed.add(mine)
            own = _is_own(failure, uses.get(event.request_id or ""))
            all_of_them[number] = _Seen(at=event.at, failure=failure, own=own)
        elif is_report(event.text):
            if failed & (whose := {mine, (event.stream, None)}):
                failed -= whose
            else:
                all_of_them[number] = None
                well[event.request_id or ""] = number
    return list(all_of_them.values())


def _is_own(told: Failure, use: str | None) -> bool | None:
    """Whether a failure is the function's own fault, by how its last use of the database ended; None: nothing says."""
    if told.kind == TIMED_OUT:
        return None if use is None else use in _GIVEN_BACK
    is_own = next_step(told.kind, told.message) is not None or not _NOT_OWN.search(told.kind)
    return is_own and (use is None or use in _OWN_ENDS)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
