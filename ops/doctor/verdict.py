"""What the doctor can say: a cause, in words. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """What can be the matter; `healthy`, `idle` and `proxy-works` are what can be said when nothing is."""

    PROXY_DOWN = "proxy-down"
    DATABASE_FULL = "database-full"
    DATABASE_LOGIN = "database-login"
    DATABASE_DOWN = "database-down"
    PROXY_SCALING = "proxy-scaling"
    PROXY_STUCK = "proxy-stuck"
    NO_TARGET = "no-target"
    TOKEN_EXPIRED = "token-expired"  # noqa: S105 - no password
    WRONG_PASSWORD = "wrong-password"  # noqa: S105 - no password
    IAM_THROTTLED = "iam-throttled"
    LOGIN_REFUSED = "login-refused"
    FUNCTION_FAILS = "function-fails"
    NEVER_REACHED = "never-reached"
    PINNED = "pinned"
    HELD_BY_STATEMENTS = "held-by-statements"
    IDLE_IN_TRANSACTION = "idle-in-transaction"
    TIMEOUT_BELOW_BORROW = "timeout-below-borrow"
    CPU_BOUND = "cpu-bound"
    SLOW_QUERIES = "slow-queries"
    TRANSACTIONS_TOO_LONG = "transactions-too-long"
    POOL_TOO_SMALL = "pool-too-small"
    THROTTLED = "throttled"
    FAILED_BEFORE = "failed-before"
    PROXY_WORKS = "proxy-works"
    UNDETERMINED = "undetermined"
    IDLE = "idle"
    HEALTHY = "healthy"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A cause in words.

    Attributes:
        title: what is the matter, in one sentence.
        numbers: what was seen, and led to it.
        is_not: what one might think and need not look at.
        next_step: what to do first.
        over: whether it has passed, so that nobody has to do anything.
    """

    cause: Cause
    title: str
    numbers: tuple[str, ...]
    is_not: str
    next_step: str
    over: bool = False

    @property
    def finding(self) -> bool:
        """Whether somebody has to do something."""
        return self.cause not in (Cause.HEALTHY, Cause.IDLE) and not self.over
