"""One or two connections per execution environment: opened when needed, reused while warm, never when in doubt."""

import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import ref

from .credentials import Credentials, Login, SecretUnavailableError
from .driver import Driver, DriverConnection, KeptConnection, driver
from .errors import (
    ConfigurationError,
    NoConnectionError,
    OutOfTimeError,
    PoolExhaustedError,
    RdsConnectionError,
    UnfinishedTransactionError,
)
from .failures import BUNDLE_HINT, Failure, is_unknown_authority
from .invocations import NOBODYS, Invocation
from .metrics import proxy_of
from .settings import Settings

if TYPE_CHECKING:
    from .postgresql import AsyncConnection

# The longest wait for a new connection, in seconds. Through a proxy it takes 5 to 30 ms; the rest is for a busy one.
_CONNECT_SECONDS = 5.0
_log = logging.getLogger(__package__)
_C = TypeVar("_C", bound=KeptConnection)


class Room:
    """The place for connections to one endpoint, whatever the style of who has them; its owners hold the lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # a signal handler may close what its own thread is about to take
        self.idle: list[KeptConnection] = []
        # Weak, for who lets one go without closing it must not have its place for ever. (A WeakSet takes microseconds.)
        self.in_use: set[ref[KeptConnection]] = set()
        self.opening = 0

    def holds(self) -> int:
        """How many connections are in use, or about to be."""
        return len(self.in_use) + self.opening

    def clear(self) -> list[KeptConnection]:
        """Forget every connection: those that were there."""
        found = [*self.idle, *(conn for its in self.in_use if (conn := its()) is not None)]
        self.idle.clear()
        self.in_use.clear()
        return found


class Slots(Generic[_C]):
    """What pools of both styles share: which connections there are, and what follows from an error. No I/O.

    At most `max_open` connections at once, of which `max_idle` stay open between invocations.

    Attributes:
        acquired: how often a connection was handed out.
        driver: the module of its engine.
        function_name: of the Lambda function; empty outside Lambda.
        has_stand_in: another pool is asked when this one has no connection, so that it is not to take all the time.
        proxy: what metrics call the proxy.
        settings: what the environment said when it was made.
    """

    def __init__(self, settings: Settings, credentials: Credentials, room: Room, *, has_stand_in: bool = False) -> None:
        self.driver: Driver = driver(settings.engine)
        self.function_name = settings.function_name
        self.has_stand_in = has_stand_in
        self.proxy = proxy_of(settings.host)
        self.acquired = 0
        self.settings = settings
        self._credentials = credentials
        self._max_lifetime = settings.max_lifetime
        self._room = room
        self._is_inherited = False

    def close(self) -> None:
        """Close every connection and forget the secret: before a snapshot, or at the end of a test."""
        with self._room.lock:
            found = self._room.clear()
        for conn in found:
            conn.drop()
        self._credentials.forget()

    def inherit(self) -> None:
        """In a child process: close nothing, for the connections are the parent's."""
        self._is_inherited = True

    def _warm(self, invocation: Invocation) -> _C | None:
        """A connection that is as good as new, if there is one; else there is room for a new one.

        Raises:
            PoolExhaustedError: `max_open` are in use. It does not wait: who waits for himself waits for ever.
        """
        room, most = self._room, self.settings.max_open
        with room.lock:
            conn = room.idle.pop() if room.idle else None
            # One of the other style is of no use here, and two at once would be more than was said.
            if conn is not None and conn.owner is self and conn.is_young(self._max_lifetime) and conn.is_alive():
                room.in_use.add(conn.its)
                self.acquired += 1
                conn.invocation = invocation
                invocation.reused += 1
                return conn  # type: ignore[return-value] # its owner put it there
            if conn is None and room.holds() >= most:
                import gc  # only here, where nothing else helps

                gc.collect()  # who let one go may have left it in a circle, as a traceback does
                room.in_use = {its for its in room.in_use if its() is not None}
            if conn is None and room.holds() >= most:
                advice = "" if most > 1 else ", or set it to 2"
                raise PoolExhaustedError(
                    f"{most} in use and DB_POOL_MAX_OPEN is {most}: end one block before the next begins, or hand the "
                    f"connection on{advice}"
                )
            room.opening += 1
        if conn is not None:
            conn.drop()
        return None

    def _opened(self, conn: _C, invocation: Invocation) -> _C:
        conn.invocation = invocation
        conn.owner = self
        invocation.opened += 1
        with self._room.lock:
            self.acquired += 1
            self._room.in_use.add(conn.its)
            self._room.opening -= 1
        return conn

    def _not_opened(self) -> None:
        with self._room.lock:
            self._room.opening -= 1

    def _keep(self, conn: _C, *, is_idle: bool) -> None:
        """Keep a connection for the next one if it is idle and wanted; else it is closed."""
        kept = is_idle and not conn.stale
        if kept:
            conn.restore()
            # Nothing of an invocation outlives it.
            conn.invocation = NOBODYS
            conn.give_back = None
        room, its = self._room, conn.its
        with room.lock:
            kept = kept and its in room.in_use and len(room.idle) < self.settings.max_idle
            room.in_use.discard(its)
            if kept:
                room.idle.append(conn)
        if not kept and not self._is_inherited:
            conn.drop()

    def _pause(self, error: Exception, login: Login | None, invocation: Invocation) -> float:
        """How long to wait before another attempt to connect, in seconds.

        Raises:
            NoConnectionError: there is to be none.
        """
        settings = self.settings
        reason, failure, hint = self._reason(error)
        problem = f"no connection to {settings.host}:{settings.port} as {settings.user}: {reason}; {hint}"
        pause = None
        if failure is Failure.AUTHENTICATION and self._credentials.refused():
            pause = invocation.retry("login", once=True, at_once=not self._is_early(login, invocation))
        elif failure is Failure.UNAVAILABLE and not self.has_stand_in:
            # A name that nobody knows may be as new as its function, but not for long.
            pause = invocation.retry("connect", once=_is_unknown_name(error))
        if pause is None:
            raise NoConnectionError(problem, failure)
        _log.warning("%s; trying again in %.1f s", problem, pause)
        return pause

    def _reason(self, error: Exception) -> tuple[str, Failure, str]:
        if isinstance(error, SecretUnavailableError):
            return str(error), Failure.UNAVAILABLE, "thousands of environments may be asking at once"
        if not isinstance(error, self.driver.ConnectError):
            return f"the name does not resolve: {error}", Failure.UNAVAILABLE, Failure.UNAVAILABLE.hint
        reason, failure = self.driver.connect_reason(error), self.driver.connect_failure(error)
        return reason, failure, BUNDLE_HINT if is_unknown_authority(reason) else failure.hint

    def _share(self, invocation: Invocation) -> float:
        """Seconds that a step of connecting may take.

        Raises:
            OutOfTimeError: there are none left.
        """
        left = invocation.seconds_left()
        if left <= 0:
            raise OutOfTimeError("no time of this invocation is left to connect in; raise the function's timeout")
        return min(_CONNECT_SECONDS, left / 3 if self.has_stand_in else left)

    def _is_early(self, refused: Login | None, invocation: Invocation) -> bool:
        """Whether the secret holds just what was refused: a proxy takes a moment to read one that was rotated."""
        return self.settings.auth == "secret" and self._credentials.login(self._share(invocation)) == refused


class Pool(Slots[DriverConnection]):
    """The connections of plain functions."""

    def acquire(self, invocation: Invocation) -> DriverConnection:
        """A connection, warm or new, that nobody else has until it is released.

        Raises:
            PoolExhaustedError: `max_open` are in use.
            NoConnectionError: none could be had in the time that is left.
        """
        conn = self._warm(invocation)
        if conn is not None:
            return conn
        try:
            conn = self._connect(invocation)
        except BaseException:
            self._not_opened()
            raise
        return self._opened(conn, invocation)

    def release(self, conn: DriverConnection, *, failed: bool) -> None:
        """End what the block left open, then keep the connection if it is as good as new.

        Args:
            failed: the block ended in an error, which then matters more than what is found here.

        Raises:
            UnfinishedTransactionError: a transaction was begun and not ended, so that its work is lost.
        """
        if conn.is_idle():
            self._keep(conn, is_idle=True)
            return
        # With autocommit off, psycopg's convention: the end of a block commits.
        commits = not failed and not conn.is_autocommit()
        try:
            if commits:
                _check_whole(conn)
            if conn.in_transaction():
                if commits and not conn.is_failed():
                    conn.commit()
                else:
                    conn.rollback()
                    _tell_unfinished(failed)
        except (self.driver.Error, RdsConnectionError):
            if not failed:
                raise
        finally:
            self._keep(conn, is_idle=conn.is_idle())

    def lend(self, invocation: Invocation) -> DriverConnection:
        """A connection for a caller that ends with `close()`, which then gives it back with its work rolled back."""
        conn = self.acquire(invocation)

        def give_back(lent: DriverConnection) -> None:
            _note(lent, invocation)
            self.release(lent, failed=True)

        conn.give_back = give_back
        return conn

    def _connect(self, invocation: Invocation) -> DriverConnection:
        while True:
            began, login = time.monotonic(), None
            try:
                login = self._credentials.login(self._share(invocation))
                return self.driver.open_connection(self.settings, login, self._share(invocation))
            except (OSError, self.driver.ConnectError, SecretUnavailableError) as error:
                failed = error  # what follows is not to carry it along: some errors show what was sent
            finally:
                invocation.connect_seconds += time.monotonic() - began
            time.sleep(self._pause(failed, login, invocation))


class AsyncPool(Slots["AsyncConnection"]):
    """The connections of coroutines: psycopg's alone, for PyMySQL has none."""

    def __init__(self, settings: Settings, credentials: Credentials, room: Room, *, has_stand_in: bool = False) -> None:
        if settings.engine != "postgresql":
            raise ConfigurationError(
                "DB_ENGINE is not postgresql, and PyMySQL has no connection for asyncio; use `connection` and "
                "`@transaction` in plain functions, and call those with asyncio.to_thread"
            )
        super().__init__(settings, credentials, room, has_stand_in=has_stand_in)

    async def acquire(self, invocation: Invocation) -> "AsyncConnection":
        """As `Pool.acquire`."""
        conn = self._warm(invocation)
        if conn is not None:
            return conn
        try:
            conn = await self._connect(invocation)
        except BaseException:
            self._not_opened()
            raise
        return self._opened(conn, invocation)

    async def release(self, conn: "AsyncConnection", *, failed: bool) -> None:
        """As `Pool.release`."""
        if conn.is_idle():
            self._keep(conn, is_idle=True)
            return
        commits = not failed and not conn.is_autocommit()
        try:
            if commits:
                _check_whole(conn)
            if conn.in_transaction():
                if commits and not conn.is_failed():
                    await conn.commit()
                else:
                    await conn.rollback()
                    _tell_unfinished(failed)
        except (self.driver.Error, RdsConnectionError):
            if not failed:
                raise
        finally:
            self._keep(conn, is_idle=conn.is_idle())

    async def lend(self, invocation: Invocation) -> "AsyncConnection":
        """As `Pool.lend`."""
        conn = await self.acquire(invocation)

        async def give_back(lent: "AsyncConnection") -> None:
            _note(lent, invocation)
            await self.release(lent, failed=True)

        conn.give_back = give_back
        return conn

    async def _connect(self, invocation: Invocation) -> "AsyncConnection":
        import asyncio  # psycopg has loaded it, and PyMySQL does without

        from .postgresql import open_async_connection

        while True:
            began, login = time.monotonic(), None
            try:
                # Secrets Manager, and SnapStart's credentials, are read over a network.
                login = await asyncio.to_thread(self._credentials.login, self._share(invocation))
                return await open_async_connection(self.settings, login, self._share(invocation))
            except (OSError, self.driver.ConnectError, SecretUnavailableError) as error:
                failed = error
            finally:
                invocation.connect_seconds += time.monotonic() - began
            await asyncio.sleep(await asyncio.to_thread(self._pause, failed, login, invocation))


def _note(lent: KeptConnection, invocation: Invocation) -> None:
    """Note how a lent connection comes back: its errors went to whom it was lent to, who may tell nobody."""
    if lent.late:
        invocation.failed = OutOfTimeError.outcome
    elif lent.stale or lent.is_lost():
        invocation.failed = Failure.READ_ONLY if lent.stale else Failure.UNAVAILABLE


def _tell_unfinished(failed: bool) -> None:
    if not failed:
        raise UnfinishedTransactionError(
            "the block ended inside a transaction, which was rolled back; use `with conn.transaction():`, and let its "
            "errors through"
        )


def _check_whole(conn: KeptConnection) -> None:
    """With autocommit off the end of a block commits, so that it has to tell what cannot be committed."""
    if conn.is_lost() and not conn.late:
        raise UnfinishedTransactionError(
            "the connection was lost in a block with autocommit off, and its error was caught; what was not "
            "committed by then is gone"
        )
    if conn.late or not conn.closed:
        conn.check()
    if conn.is_busy():
        raise UnfinishedTransactionError("the block left a pipeline open; use `with conn.pipeline():`")


def _is_unknown_name(error: Exception) -> bool:
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
