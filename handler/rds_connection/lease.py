"""What a handler uses: a connection for a block, a function in a transaction, a connection for SQLAlchemy."""

import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from contextvars import Token
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import psycopg

from .errors import UnfinishedTransactionError
from .failures import Failure, statement_failure
from .invocation import Invocation, LambdaContext, current
from .metrics import metrics_line, outcome
from .pool import Pool
from .postgresql import Connection

_P = ParamSpec("_P")
_R = TypeVar("_R")

_pool: Pool | None = None
_pool_lock = threading.Lock()


class connection:  # noqa: N801 - reads as what it gives: `with connection() as conn`
    """A connection for a `with` block, in autocommit; what the block leaves open ends with it.

    Each statement stands for itself, and none is ever repeated: only `transaction` can know that a second attempt does
    nothing twice. Connecting is repeated once, for nothing ran yet.

    Args:
        context: Lambda's context, so that an answer comes before Lambda ends the invocation. A block inside another, or
            inside `transaction`, has the outer one's.

    Raises:
        ConfigurationError: the `DB_*` environment is wrong.
        PoolExhaustedError: DB_POOL_MAX_OPEN connections are in use.
        NoConnectionError: none could be had in the time that is left.
        OutOfTimeError: a statement did not end in that time.
        UnfinishedTransactionError: the block left a transaction open.
    """

    __slots__ = ("_conn", "_context", "_invocation", "_pool", "_use")

    def __init__(self, context: LambdaContext | None = None) -> None:
        self._context = context

    def __enter__(self) -> Connection:
        self._use = _Use(self._context)
        self._invocation = self._use.__enter__()
        try:
            self._pool = _the_pool()
            self._conn = self._pool.acquire(self._invocation)
        except BaseException as error:
            self._use.__exit__(type(error), error, None)
            raise
        return self._conn

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        ended_in = error
        try:
            self._pool.release(self._conn, self._invocation, failed=error is not None)
        except BaseException as second:
            ended_in = second
            raise
        finally:
            self._use.__exit__(None, ended_in, None)


def transaction(function: Callable[Concatenate[Connection, _P], _R]) -> Callable[_P, _R]:
    """Run a function in one transaction, with the connection as its first argument.

    It runs once more, on a new connection, when the connection was lost before COMMIT was sent: then nothing can have
    been committed. A COMMIT that got no answer is never repeated; nor is a function that used another connection, or
    ended the transaction itself. What the function does outside the database happens twice, too.

    If an argument is Lambda's context, an answer comes before Lambda ends the invocation. Raises what `connection`
    does.
    """

    @functools.wraps(function)
    def in_transaction(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with _Use(_lambda_context(*args, *kwargs.values())) as invocation:
            while True:
                attempt = _Attempt(invocation)
                try:
                    return attempt.run(function, *args, **kwargs)
                except psycopg.Error as error:
                    if not attempt.nothing_committed or statement_failure(error) is not Failure.UNAVAILABLE:
                        raise
                    if not invocation.retry("transaction"):
                        raise

    return in_transaction


def connect() -> Connection:
    """A connection with autocommit off, as DBAPI users expect, whose `close()` rolls back and gives it back.

    For SQLAlchemy: `create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)`. Raises what
    `connection` does.
    """
    conn = _the_pool().lend(current.get() or Invocation(None))
    conn.autocommit = False
    return conn


def close() -> None:
    """Close idle connections and forget what was read from the environment: for tests and before a snapshot."""
    global _pool
    with _pool_lock:
        pool, _pool = _pool, None
    if pool is not None:
        pool.close()


def close_before_snapshot() -> None:
    """With SnapStart, leave no connection and no secret in the snapshot that thousands of environments start from."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        from snapshot_restore_py import register_before_snapshot  # part of Lambda's runtime

        register_before_snapshot(close)


class _Use:
    """The invocation under way, or a new one that ends with this block and tells how it went."""

    __slots__ = ("_context", "_token", "invocation")

    def __init__(self, context: LambdaContext | None) -> None:
        self._context = context
        self._token: Token[Invocation | None] | None = None

    def __enter__(self) -> Invocation:
        under_way = current.get()
        if under_way is not None:
            return under_way
        self.invocation = Invocation(self._context)
        self._token = current.set(self.invocation)
        return self.invocation

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self._token is None:
            return
        current.reset(self._token)
        function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        if function:
            line = metrics_line(
                self.invocation, outcome=outcome(error), function=function, milliseconds=int(time.time() * 1000)
            )
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


class _Attempt:
    """One run of a function in one transaction; afterwards `nothing_committed` says whether another is harmless."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.nothing_committed = True

    def run(self, function: Callable[Concatenate[Connection, _P], _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """What the function returns, once it is committed."""
        invocation, pool = self._invocation, _the_pool()
        conn = pool.acquire(invocation)
        used_before, ended_before = invocation.opened + invocation.reused, conn.transactions_ended
        failed = True
        try:
            # `raise psycopg.Rollback` ends the block below without a result.
            result = cast(_R, None)
            with conn.transaction():
                try:
                    result = function(conn, *args, **kwargs)
                finally:
                    # Another connection commits on its own; so does a COMMIT that the function sent itself.
                    self.nothing_committed = (
                        invocation.opened + invocation.reused == used_before and conn.transactions_ended == ended_before
                    )
                if conn.is_failed():
                    raise UnfinishedTransactionError(
                        "a statement failed and its error was caught, so the transaction cannot commit; let the error "
                        "through, or put the statement into a `with conn.transaction():` of its own"
                    )
                # From here on COMMIT may arrive, whatever becomes of its answer.
                self.nothing_committed = False
            failed = False
            return result
        finally:
            pool.release(conn, invocation, failed=failed)


def _the_pool() -> Pool:
    global _pool
    if _pool is None:
        with _pool_lock:
            if _pool is None:
                _pool = Pool.from_environment()
    return _pool


def _lambda_context(*arguments: Any) -> LambdaContext | None:  # noqa: ANN401 - whatever a function takes
    for argument in arguments:
        if hasattr(argument, "get_remaining_time_in_millis"):
            return cast(LambdaContext, argument)
    return None
