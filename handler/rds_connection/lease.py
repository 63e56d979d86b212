"""A connection for a block, or for SQLAlchemy, from the pools of this execution environment."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from .driver import DriverConnection
from .environment import begin, leave, reader, writer
from .errors import NoConnectionError
from .invocations import Invocation, LambdaContext, under_way
from .pool import AsyncPool, Pool, Slots

if TYPE_CHECKING:
    from .postgresql import AsyncConnection, Connection

_log = logging.getLogger(__package__)
_ENTERED = "this block is entered already, and has one connection; write `connection()` anew for another"


class connection:  # noqa: N801 - reads as what it gives: `with connection() as conn`
    """A connection for a `with` block, in autocommit; what the block leaves open ends with it.

    Each statement stands for itself, and none is ever repeated: only `transaction` can know that a second attempt does
    nothing twice. Connecting is repeated while there is time, for nothing ran yet.

    Args:
        context: Lambda's context, so that an answer comes before Lambda ends the invocation. A block inside another, or
            inside `transaction`, has the outer one's. What is no context of Lambda's is as none.
        read_only: connect to DB_READER_HOST, and begin transactions with READ ONLY. With DB_READER_FALLBACK true the
            writer stands in where there is no reader, or none to be had; it refuses no single statement that writes.

    Raises:
        ConfigurationError: the `DB_*` environment is wrong, or has no reader.
        PoolExhaustedError: DB_POOL_MAX_OPEN connections are in use.
        NoConnectionError: none could be had in the time that is left.
        OutOfTimeError: a statement did not end in that time.
        UnfinishedTransactionError: the block left a transaction open.
    """

    __slots__ = ("_conn", "_context", "_invocation", "_outermost", "_pool", "_read_only")

    def __init__(self, context: LambdaContext | object = None, *, read_only: bool = False) -> None:
        self._context = context
        self._read_only = read_only
        self._invocation: Invocation | None = None

    def __enter__(self) -> "Connection":
        if self._invocation is not None:
            raise RuntimeError(_ENTERED)
        found = under_way(self._context)
        self._outermost = found is None
        self._invocation = invocation = found or begin(self._context)
        try:
            self._pool, self._conn = acquire(invocation, read_only=self._read_only)
        except BaseException as error:
            self._invocation = None
            leave(invocation, error, outermost=self._outermost)
            raise
        return self._conn  # type: ignore[return-value] # the same names, whatever the engine

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        ending, invocation = error, self._invocation
        if invocation is None:
            return  # it was left already
        try:
            self._pool.release(self._conn, failed=error is not None)
        except BaseException as second:
            ending = second
            raise
        finally:
            self._invocation = None
            leave(invocation, ending, outermost=self._outermost)


class aconnection:  # noqa: N801 - as above
    """`connection` for `async with`: psycopg's AsyncConnection, by the same rules; PostgreSQL only.

    It is kept from one event loop to the next, so that a handler may call `asyncio.run` in each invocation.
    """

    __slots__ = ("_conn", "_context", "_invocation", "_outermost", "_pool", "_read_only")

    def __init__(self, context: LambdaContext | object = None, *, read_only: bool = False) -> None:
        self._context = context
        self._read_only = read_only
        self._invocation: Invocation | None = None

    async def __aenter__(self) -> "AsyncConnection":
        if self._invocation is not None:
            raise RuntimeError(_ENTERED)
        found = under_way(self._context)
        self._outermost = found is None
        self._invocation = invocation = found or begin(self._context)
        try:
            self._pool, self._conn = await aacquire(invocation, read_only=self._read_only)
        except BaseException as error:
            self._invocation = None
            leave(invocation, error, outermost=self._outermost)
            raise
        return self._conn

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        ending, invocation = error, self._invocation
        if invocation is None:
            return
        try:
            await self._pool.release(self._conn, failed=error is not None)
        except BaseException as second:
            ending = second
            raise
        finally:
            self._invocation = None
            leave(invocation, ending, outermost=self._outermost)


def connect(context: LambdaContext | object = None) -> "Connection":
    """A connection with autocommit off, as DBAPI users expect, whose `close()` rolls back and gives it back.

    For SQLAlchemy: `create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)`, or
    "mysql+pymysql://". In an `invocation` block, and in any other, its statements end with the invocation. Raises what
    `connection` does.
    """
    with _noted(context) as its:
        conn = writer(Pool).lend(its)
        try:
            conn.set_autocommit(False)
        except BaseException:
            conn.close()
            raise
    return cast("Connection", conn)


async def aconnect(context: LambdaContext | object = None) -> "AsyncConnection":
    """`connect` for SQLAlchemy's asyncio: `create_async_engine(…, async_creator=aconnect, poolclass=NullPool)`."""
    with _noted(context) as its:
        conn = await writer(AsyncPool).lend(its)
        try:
            await conn.set_autocommit(False)
        except BaseException:
            await conn.close()
            raise
    return conn


@contextmanager
def _noted(context: object) -> Iterator[Invocation]:
    """The invocation under way, or one that nobody tells of, with a note of how it failed in this block."""
    its = under_way(context) or Invocation(context)
    try:
        yield its
    except BaseException as error:
        leave(its, error, outermost=False)
        raise


def acquire(invocation: Invocation, *, read_only: bool) -> tuple[Pool, DriverConnection]:
    """A connection, and the pool that it goes back to. Raises what `connection` does."""
    if not read_only:
        pool = writer(Pool)
        return pool, pool.acquire(invocation)
    found = reader(Pool)
    if found is not None:
        try:
            conn = found.acquire(invocation)
        except NoConnectionError as error:
            _stand_in(found, error)
        else:
            conn.only_read()
            return found, conn
    pool = writer(Pool)
    conn = pool.acquire(invocation)
    conn.only_read()
    return pool, conn


async def aacquire(invocation: Invocation, *, read_only: bool) -> tuple[AsyncPool, "AsyncConnection"]:
    """As `acquire`, for asyncio."""
    if not read_only:
        pool = writer(AsyncPool)
        return pool, await pool.acquire(invocation)
    found = reader(AsyncPool)
    if found is not None:
        try:
            conn = await found.acquire(invocation)
        except NoConnectionError as error:
            _stand_in(found, error)
        else:
            conn.only_read()
            return found, conn
    pool = writer(AsyncPool)
    conn = await pool.acquire(invocation)
    conn.only_read()
    return pool, conn


def _stand_in(pool: Slots[Any], error: NoConnectionError) -> None:
    """Let the writer stand in for a reader that gave no connection, if it may."""
    if not pool.has_stand_in:
        raise error
    _log.warning("%s; the writer stands in", error)
