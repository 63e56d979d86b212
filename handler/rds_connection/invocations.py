"""One use of the database by an invocation: how long it may take, how often it may be retried, and what it did."""

import random
import time
from contextvars import ContextVar
from typing import Protocol

# What must be left of an invocation to tell the caller what went wrong, in seconds.
_ANSWER_SECONDS = 0.5
# Between which a pause before another attempt begins, in seconds: long enough for a pooler's restart to begin to pass,
# and spread out, because thousands of environments lose their connections at the same moment. The upper end doubles
# with each attempt (AWS Architecture Blog, "Exponential Backoff And Jitter") up to the longest.
_PAUSE_SECONDS = (0.2, 1.0)
_LONGEST_PAUSE_SECONDS = 4.0
# How long an invocation goes on connecting, in seconds. A failover of RDS takes 60 to 120 s without a proxy and under
# 35 s through one; whoever waits for longer is told. Without a context nobody knows when Lambda ends the invocation.
_RECOVERY_SECONDS = 60.0
_RECOVERY_SECONDS_WITHOUT_CONTEXT = 10.0
# Lambda's longest timeout, in seconds: what claims to be under way for longer was left behind by one that ended.
_LONGEST_INVOCATION_SECONDS = 900.0
_NEVER = float("inf")
_now = time.monotonic
_random = random.SystemRandom()


class LambdaContext(Protocol):
    """What this package needs of Lambda's context."""

    @property
    def aws_request_id(self) -> str:
        """The invocation's id."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


class Invocation:
    """The outermost block or call of an invocation; whatever is nested shares its time, its retries, its record.

    Attributes:
        deadline: when an answer is due, on the monotonic clock; infinite if nobody told, or once it has ended.
        failed: how the last block in it ended, as metrics call it, if that was an error of ours or the database's.
    """

    # Of the class as long as nothing happens, for one is made in each invocation.
    ended = False
    failed = ""
    opened = 0
    reused = 0
    connect_seconds = 0.0
    query_seconds = 0.0
    _tried: dict[str, int] | None = None
    _outer: "Invocation | None" = None

    def __init__(self, context: object = None) -> None:
        self._began = now = _now()
        self._left = left = None if context is None else seconds_of(context)
        if left is None:
            self.deadline = _NEVER
            self._context = None
        else:
            # A short invocation keeps less back for its answer.
            self.deadline = now + left - (_ANSWER_SECONDS if left > 4 * _ANSWER_SECONDS else left / 4)
            self._context = context

    @classmethod
    def lasting(cls, seconds: float) -> "Invocation":
        """One with just so many seconds: what a login is given."""
        made = cls()
        made.deadline = _now() + seconds
        return made

    def begin(self) -> None:
        """From now on whatever is nested finds it in `current`."""
        outer = current.get()
        if outer is not None:
            self._outer = outer
        current.set(self)

    def end(self) -> None:
        """What kept a connection of it, such as a generator that was left suspended, has no deadline any more."""
        self.ended = True
        self.deadline = _NEVER
        self._context = None
        # A generator may end it while another one is under way, which then stays.
        if current.get() is self:
            outer = self._outer
            current.set(None if outer is None or outer.ended else outer)

    def has(self, context: object) -> bool:
        """Whether a block with this context, if it has one, is nested in this invocation."""
        if self.ended or self._is_gone(_now()):
            return False
        if context is None or context is self._context or seconds_of(context) is None:
            return True
        return self._context is not None and _request_id(context) == self.request_id != ""

    def seconds_left(self) -> float:
        """Seconds until an answer is due; infinite if nobody told."""
        return self.deadline - _now()

    def patience(self, now: float) -> float | None:
        """Seconds that a statement may take; None if nobody told, or if this was left behind by one that is gone."""
        left = self.deadline - now
        if left > 0:
            return None if left == _NEVER else left
        return None if self._is_gone(now) else 0.0

    def _is_gone(self, now: float) -> bool:
        """Whether nothing of it can run any more: Lambda has ended it, and this was left behind."""
        left = _LONGEST_INVOCATION_SECONDS if self._left is None else self._left
        return now > self._began + left + 1.0

    @property
    def request_id(self) -> str:
        """Lambda's id of it; empty if nobody told, or once it has ended."""
        return "" if self._context is None else _request_id(self._context)

    @property
    def retries(self) -> int:
        """How often something was done again."""
        return sum(self._tried.values()) if self._tried else 0

    def retry(self, what: str, *, once: bool = False, at_once: bool = False) -> float | None:
        """The seconds to wait before another attempt at `what`; None if there is to be none.

        Args:
            once: it is refused after one.
            at_once: there is no need for a pause.
        """
        counts = self._tried = self._tried or {}
        tried = counts.get(what, 0)
        shortest, longest = _PAUSE_SECONDS
        recovery = _RECOVERY_SECONDS_WITHOUT_CONTEXT if self._left is None else _RECOVERY_SECONDS
        left = min(self.deadline, self._began + recovery) - _now()
        if (once and tried) or left < 2 * shortest:
            return None
        counts[what] = tried + 1
        if at_once:
            return 0.0
        longest = min(longest * 2 ** min(tried, 10), _LONGEST_PAUSE_SECONDS)
        # As much again is left for the attempt.
        # Of the system, for the state of `random` is the same in all environments of one snapshot.
        return min(_random.uniform(shortest, longest), left / 2)


def under_way(context: object) -> Invocation | None:
    """The invocation that a block with this context is nested in."""
    found = current.get()
    return found if found is not None and found.has(context) else None


def seconds_of(context: object) -> float | None:
    """Seconds until Lambda ends the invocation of a context; None if it is none of Lambda's, whatever else it is."""
    try:
        left = context.get_remaining_time_in_millis()  # type: ignore[attr-defined]
        if type(left) is int:
            return left / 1000
        # A mock answers with a mock. NaN and infinity are no time either.
        return left / 1000 if isinstance(left, int | float) and abs(left) < _NEVER else None
    except Exception:  # whatever an object does that is no context
        return None


def _request_id(context: object) -> str:
    """Lambda's id of the invocation; empty if it is not a text of letters, digits and "-", as metrics need it."""
    try:
        found = context.aws_request_id  # type: ignore[attr-defined]
    except Exception:  # as above
        return ""
    usable = isinstance(found, str) and found.isascii() and found.replace("-", "").isalnum()
    return found if usable else ""


current: ContextVar[Invocation | None] = ContextVar("rds_connection_invocation", default=None)
NOBODYS = Invocation()
"""What a connection belongs to that nobody uses: it has no deadline."""
