"""Errors of this package: full sentences, without any secret. What the database itself says stays the driver's.

`outcome` is what the metrics line calls each of them.
"""


class RdsConnectionError(Exception):
    """Any error of this package."""

    outcome = "application"


class ConfigurationError(RdsConnectionError):
    """The `DB_*` environment is wrong; the message lists every problem."""

    outcome = "configuration"


class NoConnectionError(RdsConnectionError):
    """No connection could be had; the message says why and what to look at."""

    def __init__(self, message: str, outcome: str = "unavailable") -> None:
        super().__init__(message)
        self.outcome = outcome


class PoolExhaustedError(RdsConnectionError):
    """More connections were asked for at once than DB_POOL_MAX_OPEN allows."""

    outcome = "pool-exhausted"


class OutOfTimeError(RdsConnectionError):
    """The database did not answer while there was still time to say so."""

    outcome = "out-of-time"


def out_of_time() -> OutOfTimeError:
    """The error of a statement, whatever the engine."""
    return OutOfTimeError(
        "the database did not answer before this invocation's time was up; what it was doing may or may not take "
        "effect: raise the function's timeout, or make the statement faster"
    )


class UnfinishedTransactionError(RdsConnectionError):
    """A block ended without an error inside a transaction that was never committed; it was rolled back."""
