"""A function in one transaction, run once more when its connection was lost and nothing can have been committed."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from .deferred import is_async, refuse_deferred, refuse_unfinished, signature_without_connection
from .driver import KeptConnection
from .environment import acquired, invocation
from .errors import RdsConnectionError, UnfinishedTransactionError
from .failures import Failure
from .invocations import Invocation, seconds_of
from .lease import aacquire, acquire
from .pool import Slots

_C = TypeVar("_C")
_P = ParamSpec("_P")
_R = TypeVar("_R")
_NONE = object()


@overload
def transaction(function: Callable[Concatenate[_C, _P], _R], /) -> Callable[_P, _R]: ...


@overload
def transaction(*, read_only: bool = False) -> Callable[[Callable[Concatenate[_C, _P], _R]], Callable[_P, _R]]: ...


def transaction(function: Any = _NONE, /, *, read_only: bool = False) -> Any:
    """Run a function, plain or async, in one transaction, with the connection as its first argument.

    It runs once more, on a new connection, when the connection was lost before COMMIT was sent, or led to a server that
    only reads: then nothing can have been committed. A BEGIN that did not get through is repeated while there is time.
    A COMMIT that got no answer is never repeated; nor is a function that used another connection, or ended the
    transaction itself. What the function does outside the database happens twice, too.

    If an argument is Lambda's context, an answer comes before Lambda ends the invocation.

    Args:
        function: an async one gets psycopg's AsyncConnection, as of `aconnection`.
        read_only: `@transaction(read_only=True)` begins with READ ONLY, at the reader, as `connection` has it.

    Raises:
        TypeError: at once for a generator, whose body would run after COMMIT; when it is called, for one that returns
            what is still to run, which is rolled back.
        TransactionResolutionUnknown: of `psycopg.errors`, or of `rds_connection.mysql`: COMMIT was sent and no answer
            came, so that it may be committed. After OutOfTimeError, too, it may; after any other error it is not, but
            for what the function itself committed.
        RdsConnectionError: what `connection` raises.
    """
    if function is _NONE:
        return functools.partial(_decorated, read_only=read_only)
    return _decorated(function, read_only=read_only)


def _decorated(function: Callable[..., Any], *, read_only: bool) -> Callable[..., Any]:
    refuse_deferred(function)

    @functools.wraps(function)
    def in_transaction(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the function's own
        with invocation(_context(args, kwargs)) as under_way:
            attempt = None
            while True:
                pool, conn = acquire(under_way, read_only=read_only)
                attempt = _Attempt(function, under_way, pool, conn, before=attempt)
                try:
                    # `raise psycopg.Rollback` ends the block below without a result.
                    with conn.transaction():
                        with attempt.running():
                            attempt.result = function(conn, *args, **kwargs)
                        attempt.check()
                    return attempt.succeeded()
                except Exception as error:
                    pause = attempt.pause(error)
                finally:
                    pool.release(conn, failed=attempt.failed)
                time.sleep(pause)

    @functools.wraps(function)
    async def in_async_transaction(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the function's own
        import asyncio  # psycopg has loaded it, and PyMySQL does without

        with invocation(_context(args, kwargs)) as under_way:
            attempt = None
            while True:
                pool, conn = await aacquire(under_way, read_only=read_only)
                attempt = _Attempt(function, under_way, pool, conn, before=attempt)
                try:
                    async with conn.transaction():
                        with attempt.running():
                            attempt.result = await function(conn, *args, **kwargs)
                        attempt.check()
                    return attempt.succeeded()
                except Exception as error:
                    pause = attempt.pause(error)
                finally:
                    await pool.release(conn, failed=attempt.failed)
                await asyncio.sleep(pause)

    made: Callable[..., Any] = in_async_transaction if is_async(function) else in_transaction
    signature = signature_without_connection(function)
    if signature is not None:
        vars(made)["__signature__"] = signature  # a framework fills in what it finds there
    return made


class _Attempt:
    """One run of a function in one transaction.

    Attributes:
        result: what the function returned.
        failed: the transaction did not come to its end.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        under_way: Invocation,
        pool: Slots[Any],
        conn: KeptConnection,
        *,
        before: "_Attempt | None",
    ) -> None:
        self.result: Any = None
        self.failed = True
        self._function = function
        self._invocation = under_way
        self._driver = pool.driver
        self._conn = conn
        self._before = acquired(), conn.transactions_ended
        self._ran = False
        self._is_second: bool = before is not None and (before._ran or before._is_second)
        self._committing = False
        self._nothing_committed = True

    @contextmanager
    def running(self) -> Iterator[None]:
        """The time in which the function runs."""
        self._ran = True
        try:
            yield
        finally:
            # Another connection commits on its own; so does a COMMIT that the function sent itself.
            self._nothing_committed = self._before == (acquired(), self._conn.transactions_ended)

    def check(self) -> None:
        """Refuse to commit what is no result, or cannot be committed.

        Raises:
            TypeError: the function returned what is still to run.
            UnfinishedTransactionError: a statement failed, and nobody was told.
        """
        refuse_unfinished(self.result, self._function)
        self._conn.check()
        if self._conn.is_busy():
            raise UnfinishedTransactionError(
                "a pipeline was left open, so that the transaction cannot end; use `with conn.pipeline():`"
            )
        if self._conn.is_failed():
            raise UnfinishedTransactionError(
                "a statement failed and its error was caught, so the transaction cannot commit; let the error through, "
                "or put the statement into a `with conn.transaction():` of its own"
            )
        # From here on COMMIT may arrive, whatever becomes of its answer.
        self._committing = True

    def succeeded(self) -> Any:  # noqa: ANN401 - the function's own
        """The result, for its transaction is committed."""
        self.failed = False
        return self.result

    def pause(self, error: Exception) -> float:
        """How long to wait before the next attempt, in seconds.

        Raises:
            TransactionResolutionUnknown: nobody knows whether this one was committed.
            Exception: the error itself, if another attempt could do harm or would not help.
        """
        found = None if isinstance(error, RdsConnectionError) else _behind(error, self._driver.Error)
        if found is None:
            raise error
        failure = self._driver.statement_failure(found)
        if self._committing and failure is Failure.UNAVAILABLE:
            raise self._driver.TransactionResolutionUnknown(
                "the connection was lost after COMMIT was sent, so the transaction may be committed or not; look for "
                f"what it wrote before you repeat it ({' '.join(str(found).split())})"
            ) from error
        # Whatever an error says: what is in the midst of a COPY hears of its end in other words.
        lost = self._conn.is_lost() or (found is error and failure is Failure.UNAVAILABLE)
        may_help = self._conn.stale or (lost and not self._committing)
        pause = None
        if may_help and self._nothing_committed and not (self._ran and self._is_second):
            # A BEGIN that did not get through is as a connect; the function itself runs twice at most.
            pause = self._invocation.retry("transaction" if self._ran else "begin")
        if pause is None:
            raise error
        return pause


def _behind(error: BaseException, kind: type[Exception]) -> Exception | None:
    """The driver's error that an error is, was raised from, or groups, as those of a TaskGroup are."""
    left, seen = [error], set()
    while left:
        each = left.pop()
        if isinstance(each, kind):
            return each
        seen.add(id(each))
        context = None if each.__suppress_context__ else each.__context__
        members = each.exceptions if isinstance(each, BaseExceptionGroup) else ()
        left += [other for other in (each.__cause__, context, *members) if other is not None and id(other) not in seen]
    return None


def _context(args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """Lambda's context, if it is among the arguments."""
    return next((each for each in (*args, *kwargs.values()) if seconds_of(each) is not None), None)
