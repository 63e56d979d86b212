"""One use of the database by an invocation: how long it may take, how often it may be retried, and what it did."""

import random
import time
from contextvars import ContextVar
from typing import Protocol

# What must be left of an invocation to tell the caller what went wrong, in seconds.
_ANSWER_SECONDS = 0.5
# The pause before a retry, in seconds: long enough for a pooler's restart to begin to pass, and spread out,
# because thousands of environments lose their connections at the same moment.
_PAUSE_SECONDS = (0.2, 1.0)


class LambdaContext(Protocol):
    """What this package needs of Lambda's context."""

    @property
    def aws_request_id(self) -> str:
        """The invocation's id."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


class Invocation:
    """The outermost block or call of an invocation; whatever is nested shares its time, its retries, its record."""

    __slots__ = ("_retried", "connect_seconds", "deadline", "opened", "query_seconds", "request_id", "reused")

    def __init__(self, context: LambdaContext | None) -> None:
        self.deadline = _deadline(context)
        self.request_id = context.aws_request_id if context is not None else ""
        self.opened = 0
        self.reused = 0
        self._retried: tuple[str, ...] = ()
        self.connect_seconds = 0.0
        self.query_seconds = 0.0

    def seconds_left(self) -> float:
        """Seconds until an answer is due; infinite if nobody told."""
        return self.deadline - time.monotonic()

    @property
    def retries(self) -> int:
        """How often something was done a second time: at most once to connect, and once to run a transaction."""
        return len(self._retried)

    def retry(self, what: str, *, pause: bool = True) -> bool:
        """Wait a moment, then allow a second attempt at `what`; refused after one, or without time for it."""
        seconds = random.uniform(*_PAUSE_SECONDS) if pause else 0.0  # noqa: S311 - spreads load, hides nothing
        if what in self._retried or self.seconds_left() < 2 * seconds:
            return False
        self._retried += (what,)
        time.sleep(seconds)
        return True


current: ContextVar[Invocation | None] = ContextVar("rds_connection_invocation", default=None)


def _deadline(context: LambdaContext | None) -> float:
    """When an answer is due, on the monotonic clock; a short invocation keeps less back for it."""
    if context is None:
        return float("inf")
    left = context.get_remaining_time_in_millis() / 1000
    return time.monotonic() + left - min(_ANSWER_SECONDS, left / 4)
