"""A function in one transaction, run once more when its connection was lost and nothing can have been committed."""

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from .deferred import refuse_deferred, refuse_unfinished
from .errors import UnfinishedTransactionError
from .failures import Failure
from .invocation import Invocation, LambdaContext, current
from .lease import begin, end, the_pool

_C = TypeVar("_C")
_P = ParamSpec("_P")
_R = TypeVar("_R")


def transaction(function: Callable[Concatenate[_C, _P], _R]) -> Callable[_P, _R]:
    """Run a function in one transaction, with the connection as its first argument.

    It runs once more, on a new connection, when the connection was lost before COMMIT was sent: then nothing can have
    been committed. A COMMIT that got no answer is never repeated; nor is a function that used another connection, or
    ended the transaction itself. What the function does outside the database happens twice, too.

    If an argument is Lambda's context, an answer comes before Lambda ends the invocation.

    Raises:
        TypeError: at once for an async function or a generator, whose body would run after COMMIT; when it is called,
            for one that returns what is still to run, which is rolled back.
        TransactionResolutionUnknown: of `psycopg.errors`, or of `rds_connection.mysql`: COMMIT was sent and no answer
            came, so that it may be committed. After OutOfTimeError, too, it may; after any other error it is not, but
            for what the function itself committed.
        RdsConnectionError: what `connection` raises.
    """

    refuse_deferred(function)

    @functools.wraps(function)
    def in_transaction(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        under_way = current.get()
        if under_way is not None:
            return _repeatedly(under_way, function, *args, **kwargs)
        invocation = begin(_lambda_context(*args, *kwargs.values()))
        try:
            result = _repeatedly(invocation, function, *args, **kwargs)
        except BaseException as error:
            end(invocation, error)
            raise
        end(invocation, None)
        return result

    return in_transaction


def _repeatedly(
    invocation: Invocation, function: Callable[Concatenate[_C, _P], _R], *args: _P.args, **kwargs: _P.kwargs
) -> _R:
    """Run a function in a transaction, and once more if that is harmless and may help."""
    driver = the_pool().driver
    while True:
        attempt = _Attempt(invocation)
        try:
            return attempt.run(function, *args, **kwargs)
        except driver.Error as error:
            lost = driver.statement_failure(error) is Failure.UNAVAILABLE
            if lost and attempt.committing:
                raise driver.TransactionResolutionUnknown(
                    "the connection was lost after COMMIT was sent, so the transaction may be committed or not; look "
                    f"for what it wrote before you repeat it ({' '.join(str(error).split())})"
                ) from error
            if not (lost and attempt.nothing_committed and invocation.retry("transaction")):
                raise


class _Attempt:
    """One run of a function in one transaction.

    Attributes:
        committing: COMMIT may have been sent for it.
        nothing_committed: so that another run is harmless.
    """

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.committing = False
        self.nothing_committed = True

    def run(self, function: Callable[Concatenate[_C, _P], _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """What the function returns, once it is committed."""
        invocation, pool = self._invocation, the_pool()
        conn = pool.acquire(invocation)
        acquired_before, ended_before = pool.acquired, conn.transactions_ended
        failed = True
        try:
            # `raise psycopg.Rollback` ends the block below without a result.
            result = cast(_R, None)
            with conn.transaction():
                try:
                    result = function(cast(_C, conn), *args, **kwargs)
                finally:
                    # Another connection commits on its own; so does a COMMIT that the function sent itself.
                    self.nothing_committed = (
                        pool.acquired == acquired_before and conn.transactions_ended == ended_before
                    )
                refuse_unfinished(result, function)
                if conn.is_failed():
                    raise UnfinishedTransactionError(
                        "a statement failed and its error was caught, so the transaction cannot commit; let the error "
                        "through, or put the statement into a `with conn.transaction():` of its own"
                    )
                # From here on COMMIT may arrive, whatever becomes of its answer.
                self.committing = True
                self.nothing_committed = False
            failed = False
            return result
        finally:
            pool.release(conn, invocation, failed=failed)


def _lambda_context(*arguments: Any) -> LambdaContext | None:  # noqa: ANN401 - whatever a function takes
    for argument in arguments:
        if hasattr(argument, "get_remaining_time_in_millis"):
            return cast(LambdaContext, argument)
    return None
