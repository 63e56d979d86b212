"""One or two connections per execution environment: opened when needed, reused while warm, never when in doubt."""

import logging
import os
import threading
import time

from .credentials import Credentials, Login
from .driver import Driver, DriverConnection, driver
from .errors import (
    NoConnectionError,
    OutOfTimeError,
    PoolExhaustedError,
    RdsConnectionError,
    UnfinishedTransactionError,
)
from .failures import Failure
from .invocation import Invocation
from .metrics import proxy_of
from .settings import Settings

# The longest wait for a new connection, in seconds. Through a proxy it takes 5 to 30 ms; the rest is for a busy one.
_CONNECT_SECONDS = 5.0
_log = logging.getLogger(__package__)


class Pool:
    """At most `max_open` connections at once, of which `max_idle` stay open between invocations.

    Attributes:
        acquired: how often a connection was handed out.
        driver: the module of its engine.
        function_name: of the Lambda function; empty outside Lambda.
        proxy: what metrics call the proxy.
    """

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self.driver: Driver = driver(settings.engine)
        self._settings = settings
        self._credentials = credentials
        self._max_lifetime = settings.max_lifetime
        self.function_name = settings.function_name
        self.proxy = proxy_of(settings.host)
        self._idle: list[DriverConnection] = []
        self._open = 0
        self.acquired = 0
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls) -> "Pool":
        """The pool that the `DB_*` variables describe.

        Raises:
            ConfigurationError: with every problem.
        """
        settings = Settings.from_environment(os.environ)
        return cls(settings, Credentials(settings, os.environ))

    def acquire(self, invocation: Invocation) -> DriverConnection:
        """A connection, warm or new, that nobody else has until it is released.

        Raises:
            PoolExhaustedError: `max_open` are in use. It does not wait: who waits for himself waits for ever.
            NoConnectionError: none could be had in the time that is left.
        """
        with self._lock:
            self.acquired += 1
            conn = self._idle.pop() if self._idle else None
            if conn is None:
                if self._open >= self._settings.max_open:
                    raise PoolExhaustedError(
                        f"{self._open} in use and DB_POOL_MAX_OPEN is {self._settings.max_open}: end one block before "
                        "the next begins, hand the connection on, or set it to 2"
                    )
                self._open += 1
        if conn is not None and conn.is_young(self._max_lifetime) and conn.is_alive():
            invocation.reused += 1
        else:
            try:
                if conn is not None:
                    conn.close()
                conn = self._connect(invocation)
            except BaseException:
                self._forget()
                raise
        conn.deadline = invocation.deadline
        conn.query_seconds = 0.0
        return conn

    def release(self, conn: DriverConnection, invocation: Invocation, *, failed: bool) -> None:
        """End what the block left open, then keep the connection if it is as good as new.

        Args:
            failed: the block ended in an error, which then matters more than what is found here.

        Raises:
            UnfinishedTransactionError: a transaction was begun and not ended, so that its work is lost.
        """
        if conn.is_idle():
            invocation.query_seconds += conn.query_seconds
            self._put_back(conn)
            return
        try:
            _end(conn, failed=failed)
        except (self.driver.Error, RdsConnectionError):
            if not failed:
                raise
        finally:
            invocation.query_seconds += conn.query_seconds
            if conn.is_idle():
                self._put_back(conn)
            else:
                self._discard(conn)

    def lend(self, invocation: Invocation) -> DriverConnection:
        """A connection for a caller that ends with `close()`, which then gives it back with its work rolled back."""
        conn = self.acquire(invocation)
        conn.give_back = lambda lent: self.release(lent, invocation, failed=True)
        return conn

    def close(self) -> None:
        """Close what is idle and forget the secret: before a snapshot, or at the end of a test."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._open -= len(idle)
        for conn in idle:
            conn.close()
        self._credentials.forget()

    def _connect(self, invocation: Invocation) -> DriverConnection:
        settings = self._settings
        while True:
            began = time.monotonic()
            try:
                login = self._credentials.login(_share(invocation))
                conn = self.driver.open_connection(settings, login, _share(invocation))
            except OSError as error:
                reason, failure = f"the name does not resolve: {error}", Failure.UNAVAILABLE
            except self.driver.ConnectError as error:
                reason, failure = self.driver.connect_reason(error), self.driver.connect_failure(error)
            else:
                invocation.opened += 1
                return conn
            finally:
                invocation.connect_seconds += time.monotonic() - began
            problem = f"no connection to {settings.host}:{settings.port} as {settings.user}: {reason}; {failure.hint}"
            if failure is Failure.AUTHENTICATION:
                again = self._credentials.refused() and invocation.retry(
                    "connect", pause=self._is_early(login, invocation)
                )
            else:
                again = failure is Failure.UNAVAILABLE and invocation.retry("connect")
            if not again:
                raise NoConnectionError(problem, failure)
            _log.warning("%s; trying once more", problem)

    def _is_early(self, refused: Login, invocation: Invocation) -> bool:
        """Whether the secret holds just what was refused: a proxy takes a moment to read one that was rotated."""
        return self._settings.auth == "secret" and self._credentials.login(_share(invocation)) == refused

    def _put_back(self, conn: DriverConnection) -> None:
        conn.restore()
        with self._lock:
            if len(self._idle) < self._settings.max_idle:
                self._idle.append(conn)
                return
        self._discard(conn)

    def _discard(self, conn: DriverConnection) -> None:
        conn.close()
        self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._open -= 1


def _share(invocation: Invocation) -> float:
    """Seconds that a step of connecting may take."""
    seconds = min(_CONNECT_SECONDS, invocation.seconds_left())
    if seconds <= 0:
        raise OutOfTimeError("no time of this invocation is left to connect in; raise the function's timeout")
    return seconds


def _end(conn: DriverConnection, *, failed: bool) -> None:
    """Leave no transaction open; a connection that cannot be mended stays as it is and is closed by the caller."""
    if not conn.in_transaction():
        return
    # With autocommit off, psycopg's convention: the end of a block commits.
    if not failed and not conn.is_autocommit() and not conn.is_failed():
        conn.commit()
        return
    conn.rollback()
    if not failed:
        raise UnfinishedTransactionError(
            "the block ended inside a transaction, which was rolled back; use `with conn.transaction():`, and let its "
            "errors through"
        )
