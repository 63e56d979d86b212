"""A connection for a block, or for SQLAlchemy, from the one pool of this execution environment."""

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, cast

from .invocation import Invocation, LambdaContext, current
from .metrics import metrics_line, outcome, proxy_of
from .pool import Pool

if TYPE_CHECKING:
    from .postgresql import Connection

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

    __slots__ = ("_conn", "_context", "_invocation", "_outermost", "_pool")

    def __init__(self, context: LambdaContext | None = None) -> None:
        self._context = context

    def __enter__(self) -> "Connection":
        under_way = current.get()
        self._outermost = under_way is None
        self._invocation = invocation = under_way or begin(self._context)
        try:
            self._pool = pool = _pool or the_pool()
            self._conn = conn = pool.acquire(invocation)
        except BaseException as error:
            if self._outermost:
                end(invocation, error)
            raise
        return conn  # type: ignore[return-value] # the same names, whatever the engine

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        ending = error
        try:
            self._pool.release(self._conn, self._invocation, failed=error is not None)
        except BaseException as second:
            ending = second
            raise
        finally:
            if self._outermost:
                end(self._invocation, ending)


def connect() -> "Connection":
    """A connection with autocommit off, as DBAPI users expect, whose `close()` rolls back and gives it back.

    For SQLAlchemy: `create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)`, or
    "mysql+pymysql://". Raises what
    `connection` does.
    """
    conn = the_pool().lend(current.get() or Invocation(None))
    conn.set_autocommit(False)
    return cast("Connection", conn)


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


def begin(context: LambdaContext | None) -> Invocation:
    """Begin an invocation: whatever is nested in it finds it in `current`."""
    invocation = Invocation(context)
    current.set(invocation)
    return invocation


def end(invocation: Invocation, error: BaseException | None) -> None:
    """End an invocation, and in Lambda tell how it went."""
    current.set(None)
    # Looking into os.environ costs more than all the rest of this.
    function = _pool.function_name if _pool is not None else os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if function:
        line = metrics_line(
            invocation,
            outcome=outcome(error, _pool.driver if _pool is not None else None),
            function=function,
            proxy=_pool.proxy if _pool is not None else proxy_of(os.environ.get("DB_HOST", "")),
            milliseconds=int(time.time() * 1000),
        )
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def the_pool() -> Pool:
    """The pool of this execution environment, made at its first use.

    Raises:
        ConfigurationError: the `DB_*` environment is wrong.
    """
    global _pool
    if _pool is None:
        with _pool_lock:
            if _pool is None:
                _pool = Pool.from_environment()
    return _pool
