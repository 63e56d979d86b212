"""One or two connections per execution environment: opened when needed, reused while warm, never reused when in doubt.

invocation 1        frozen (minutes)         invocation 2
──────────────┐  ┌───────────────────┐  ┌──────────────────────────
connect, query│  │ the server may    │  │ is the socket still alive?
keep it idle  │  │ close the socket  │  │ yes: query · no: connect once
"""

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg.pq import ConnStatus, TransactionStatus

from .credentials import Credentials
from .errors import DatabaseConnectionError, PoolExhaustedError
from .settings import Settings

Connection = psycopg.Connection[Any]
_CONNECT_SECONDS = 5.0
# What must be left of the invocation to tell the caller that connecting failed.
_ANSWER_SECONDS = 0.5
# libpq's shortest connect_timeout.
_SHORTEST_CONNECT_SECONDS = 2
_AUTHENTICATION_FAILURES = ("password authentication failed", "SASL authentication failed", "IAM authentication failed")


class LambdaContext(Protocol):
    """What this package needs of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


class Pool:
    """At most `max_open` connections at once, of which `max_idle` stay open between invocations."""

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self._settings = settings
        self._credentials = credentials
        self._idle: list[tuple[Connection, float]] = []
        self._open = 0
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls) -> "Pool":
        """The pool that the `DB_*` variables describe.

        Raises:
            ConfigurationError: with every problem.
        """
        settings = Settings.from_environment(os.environ)
        return cls(settings, Credentials(settings, os.environ))

    @contextmanager
    def connection(self, context: LambdaContext | None = None) -> Iterator[Connection]:
        """A connection for the length of a `with` block; transactions left open end with it.

        Raises:
            PoolExhaustedError: more than `max_open` are in use.
            DatabaseConnectionError: none could be had in the time that is left.
        """
        conn, opened = self._acquire(context)
        failed = True
        try:
            yield conn
            failed = False
        finally:
            self._release(conn, opened, failed)

    def close(self) -> None:
        """Close what is idle (before a snapshot, or at the end of a test)."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._open -= len(idle)
        for conn, _ in idle:
            conn.close()

    def _acquire(self, context: LambdaContext | None) -> tuple[Connection, float]:
        while True:
            with self._lock:
                warm = self._idle.pop() if self._idle else None
                if warm is None:
                    if self._open >= self._settings.max_open:
                        raise PoolExhaustedError(
                            f"{self._open} connections are in use and DB_POOL_MAX_OPEN is {self._settings.max_open}; "
                            "use one connection at a time, or set it to 2"
                        )
                    self._open += 1
            if warm is None:
                try:
                    return self._connect(context), time.monotonic()
                except BaseException:
                    self._forget()
                    raise
            conn, opened = warm
            if time.monotonic() - opened < self._settings.max_lifetime and is_alive(conn):
                return conn, opened
            conn.close()
            self._forget()

    def _connect(self, context: LambdaContext | None) -> Connection:
        try:
            return self._open_connection(context)
        except psycopg.OperationalError as error:
            # Errors while connecting carry no SQLSTATE: libpq gives text only.
            if any(words in str(error) for words in _AUTHENTICATION_FAILURES) and self._credentials.refused():
                try:
                    return self._open_connection(context)
                except psycopg.OperationalError as second:
                    raise self._no_connection(second) from None
            raise self._no_connection(error) from None

    def _open_connection(self, context: LambdaContext | None) -> Connection:
        settings = self._settings
        seconds = _CONNECT_SECONDS
        if context is not None:
            seconds = min(seconds, context.get_remaining_time_in_millis() / 1000 - _ANSWER_SECONDS)
        if seconds < _SHORTEST_CONNECT_SECONDS:
            raise DatabaseConnectionError(
                f"{max(seconds, 0):.1f} s of this invocation are left, too little to connect; raise the timeout"
            )
        return psycopg.connect(
            host=settings.host,
            port=settings.port,
            dbname=settings.database,
            user=settings.user,
            password=self._credentials.password(),
            # A proxy refuses startup parameters such as `options`; name and encoding are among those it takes.
            application_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "rds_connection"),
            sslmode="verify-full",
            sslrootcert=settings.ssl_root_cert,
            gssencmode="disable",
            connect_timeout=int(seconds),
            # A SELECT without autocommit leaves a transaction open, and the proxy's connection borrowed, until the
            # next invocation. Prepared statements end in DEALLOCATE ALL, which pins the session (psycopg #1105).
            autocommit=True,
            prepare_threshold=None,
        )

    def _release(self, conn: Connection, opened: float, failed: bool) -> None:
        if _end_transaction(conn, failed):
            with self._lock:
                if len(self._idle) < self._settings.max_idle:
                    self._idle.append((conn, opened))
                    return
        conn.close()
        self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._open -= 1

    def _no_connection(self, error: psycopg.OperationalError) -> DatabaseConnectionError:
        reason = " ".join(str(error).split())
        return DatabaseConnectionError(
            f"no connection to {self._settings.host}:{self._settings.port} as {self._settings.user}: {reason}"
        )


def is_alive(conn: Connection) -> bool:
    """Whether an idle connection can be used, told from its socket alone: no round trip."""
    if conn.closed or conn.pgconn.status != ConnStatus.OK:
        return False
    if conn.pgconn.transaction_status != TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    if not poll.poll(0):
        return True
    # Something arrived while we were frozen: a notice, or the end. Reading what is there tells, without waiting.
    try:
        conn.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    # A server that ends a session says so first: an error nobody asked for is the end too.
    return conn.pgconn.status == ConnStatus.OK and not _hung_up(conn)


def _hung_up(conn: Connection) -> bool:
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN | select.POLLRDHUP)
    return any(events & (select.POLLRDHUP | select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))


def _end_transaction(conn: Connection, failed: bool) -> bool:
    """Leave no transaction open: whether the connection is as good as new."""
    if conn.closed or conn.pgconn.status != ConnStatus.OK:
        return False
    try:
        if conn.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            if failed or conn.autocommit:
                conn.rollback()
            else:
                conn.commit()
        if conn.pgconn.transaction_status != TransactionStatus.IDLE:
            return False
        if not conn.autocommit:
            conn.autocommit = True
    except psycopg.Error:
        if not failed:
            conn.close()
            raise
        return False
    return True


_pool: Pool | None = None
_pool_lock = threading.Lock()


@contextmanager
def connection(context: LambdaContext | None = None) -> Iterator[Connection]:
    """A connection of this execution environment's pool; pass Lambda's context so that time limits are known.

    Raises:
        ConfigurationError: the `DB_*` environment is wrong.
        PoolExhaustedError, DatabaseConnectionError: see `Pool.connection`.
    """
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = Pool.from_environment()
    with _pool.connection(context) as conn:
        yield conn
