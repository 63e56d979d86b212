"""One use of the database by an invocation: how long it may take, how often it may be retried, and what it did."""

import random
import time
from contextvars import ContextVar
from typing import Protocol

# What must be left of an invocation to tell the caller what went wrong, in seconds.
_ANSWER_SECONDS = 0.5
# The pause before the one retry, in seconds: long enough for a pooler's restart to begin to pass, and spread out,
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
    """The outermost block or call of an invocation; whatever is nested shares its time, its one retry, its record."""

    __slots__ = ("connect_seconds", "deadline", "opened", "query_seconds", "request_id", "retries", "reused")

    def __init__(self, context: LambdaContext | None) -> None:
        self.deadline = _deadline(context)
        self.request_id = context.aws_request_id if context is not None else ""
        self.opened = 0
        self.reused = 0
        self.retries = 0
        self.connect_seconds = 0.0
        self.query_seconds = 0.0

    def seconds_left(self) -> float:
        """Seconds until an answer is due; infinite if nobody told."""
        return self.deadline - time.monotonic()

    def retry(self, *, pause: bool = True) -> bool:
        """Wait a moment, then allow a second attempt; refused if there was one, or if no time would be left for it."""
        seconds = random.uniform(*_PAUSE_SECONDS) if pause else 0.0  # noqa: S311 - spreads load, hides nothing
        if self.retries or self.seconds_left() < 2 * seconds:
            return False
        self.retries += 1
        time.sleep(seconds)
        return True


current: ContextVar[Invocation | None] = ContextVar("rds_connection_invocation", default=None)


def _deadline(context: LambdaContext | None) -> float:
    """When an answer is due, on the monotonic clock; a short invocation keeps less back for it."""
    if context is None:
        return float("inf")
    left = context.get_remaining_time_in_millis() / 1000
    return time.monotonic() + left - min(_ANSWER_SECONDS, left / 4)
