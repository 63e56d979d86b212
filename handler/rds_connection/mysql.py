"""The MySQL side: opening a connection, telling in what state one is, and what an error means.

Sources of the errors: RDS User Guide, "Troubleshooting RDS Proxy", MySQL Reference Manual, "Server Error Message
Reference", and MariaDB's "Error Codes".
"""

import functools
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CR, ER, SERVER_STATUS
from pymysql.cursors import Cursor
from pymysql.protocol import MysqlPacket

from .addresses import shares
from .credentials import Login, check_sendable
from .deferred import Block
from .errors import ConfigurationError, OutOfTimeError, RdsConnectionError
from .failures import Failure
from .settings import Settings

if TYPE_CHECKING:  # generic in its types alone
    _PyMySQL = pymysql.connections.Connection[Cursor]
else:
    _PyMySQL = pymysql.connections.Connection
Error = pymysql.Error
ConnectError = pymysql.err.OperationalError
_IN_TRANSACTION = SERVER_STATUS.SERVER_STATUS_IN_TRANS
_NEVER = float("inf")
# A socket takes no timeout of 0 for one: it would stop blocking.
_SHORTEST_SECONDS = 0.001
_now = time.monotonic

_AUTHENTICATION = {ER.ACCESS_DENIED_ERROR, 1698}
_REFUSED = {
    ER.DBACCESS_DENIED_ERROR,
    ER.BAD_DB_ERROR,
    ER.HOST_NOT_PRIVILEGED,
    ER.NOT_SUPPORTED_AUTH_MODE,
    CR.CR_SSL_CONNECTION_ERROR,
    CR.CR_AUTH_PLUGIN_CANNOT_LOAD,
    1820,  # the password must be changed first
    1862,  # the password has expired
    3118,  # the account is locked
    3159,  # TLS is required: MySQL and RDS Proxy
    4151,  # the account is locked: MariaDB
}
_UNAVAILABLE = {
    ER.CON_COUNT_ERROR,
    ER.SERVER_SHUTDOWN,
    ER.ABORTING_CONNECTION,
    ER.NET_READ_ERROR,
    ER.NET_READ_INTERRUPTED,
    ER.NET_ERROR_ON_WRITE,
    ER.NET_WRITE_INTERRUPTED,
    CR.CR_SERVER_GONE_ERROR,
    CR.CR_SERVER_LOST,
    CR.CR_SERVER_LOST_EXTENDED,
    1927,  # the connection was killed: MariaDB
    4031,  # the server closed a silent connection
    9501,  # RDS Proxy's borrow timeout
}


class TransactionResolutionUnknown(pymysql.err.OperationalError):
    """COMMIT was sent and no answer came, so that the transaction may be committed or not."""


class Connection(_PyMySQL):
    """PyMySQL's connection, with psycopg's `execute` and `transaction`, and with an end: statements do not wait past
    the invocation's deadline.

    Attributes: see `DriverConnection`.
    """

    if TYPE_CHECKING:  # PyMySQL's own, which its types leave out
        _sock: Any
        _closed: bool
        _result: Any

        def _force_close(self) -> None: ...

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401 - PyMySQL's own
        self.deadline = _NEVER
        self.query_seconds = 0.0
        self.transactions_ended = 0
        self.give_back: Callable[[Any], None] | None = None
        self.opened_at = (time.monotonic(), time.time())
        self._status = 0
        # An error comes without the state of the transaction: it may have ended, or a procedure have begun one.
        self._in_doubt = False
        self._statement_failed = False
        self._depth = 0
        super().__init__(**arguments, defer_connect=True)

    def connect(self, sock: Any = None) -> None:  # noqa: ANN401 - PyMySQL's own
        """Log in over a socket that is connected."""
        super().connect(sock)
        self._readable = select.poll()
        self._readable.register(self._sock.fileno(), select.POLLIN)

    @property
    def server_status(self) -> int:
        """What the server said of the session with its last answer: PyMySQL sets it."""
        return self._status

    @server_status.setter
    def server_status(self, status: int) -> None:
        self._status = status
        self._in_doubt = False
        if not status & _IN_TRANSACTION:
            self.transactions_ended += 1

    @property
    def closed(self) -> bool:
        """Whether it can no longer be used."""
        return not self.open

    def execute(self, query: str, args: Any = None) -> Cursor:  # noqa: ANN401 - PyMySQL's own
        """A cursor with the result of one statement, as psycopg's connections have it."""
        cursor = self.cursor()
        cursor.execute(query, args)
        return cursor

    def transaction(self) -> Block[None]:
        """BEGIN and COMMIT around a block, or ROLLBACK after its error; inside another one a savepoint."""
        return Block(self._transaction())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        depth, name = self._depth, f"rds_connection_{self._depth}"
        if depth == 0:
            self._statement_failed = False
        self.query(f"SAVEPOINT {name}" if depth else "BEGIN")
        self._depth = depth + 1
        try:
            yield
        except BaseException:
            self._depth = depth
            # What ended the block matters more; a deadlock has undone the savepoint, too.
            with suppress(pymysql.Error, RdsConnectionError):
                self.query(f"ROLLBACK TO {name}" if depth else "ROLLBACK")
            raise
        self._depth = depth
        self.query(f"RELEASE SAVEPOINT {name}" if depth else "COMMIT")

    def commit(self) -> None:
        """Commit the open transaction.

        Raises:
            pymysql.ProgrammingError: it belongs to a `transaction` block, which does that.
        """
        self._outside_a_block("commit")
        super().commit()

    def rollback(self) -> None:
        """Roll back the open transaction.

        Raises:
            pymysql.ProgrammingError: it belongs to a `transaction` block, which does that.
        """
        self._outside_a_block("rollback")
        super().rollback()

    def close(self) -> None:
        """Close the connection, or give it back to its pool if it was lent by `connect`."""
        give_back, self.give_back = self.give_back, None
        if give_back is not None:
            give_back(self)
        elif not self._closed:
            if self._is_streaming():
                self._result.unbuffered_active = False  # else it would read the rest when it is collected
            super().close()

    def is_young(self, lifetime: float) -> bool:
        """Whether it was opened less than `lifetime` seconds ago, by the clock that went on in a freeze."""
        monotonic, wall = self.opened_at
        return _now() - monotonic < lifetime and time.time() - wall < lifetime

    def is_alive(self) -> bool:
        """Whether an idle connection can be used, told from its socket alone: no round trip.

        A server says nothing to an idle client, so whatever there is to read is the end, or cause for doubt.
        """
        return self.is_idle() and not self._readable.poll(0)

    def is_idle(self) -> bool:
        """Whether the connection is known to be open, outside a transaction, with no result left to read."""
        return (
            self._sock is not None
            and not self._in_doubt
            and not self._status & _IN_TRANSACTION
            and not self._is_streaming()
            and not self._has_more_results()
        )

    def in_transaction(self) -> bool:
        """Whether a transaction is open; asked of the server if its last answer did not tell."""
        if (self._in_doubt or self._has_more_results()) and not self._is_streaming():
            self.query("DO 0")  # after the results that are still to come
        return bool(self._status & _IN_TRANSACTION)

    def is_failed(self) -> bool:
        """Whether an error ended the transaction, as a deadlock does; most leave it as it was before the statement."""
        return self._statement_failed and not self.in_transaction()

    def is_autocommit(self) -> bool:
        """Whether each statement commits by itself."""
        return self.get_autocommit()

    def set_autocommit(self, value: bool) -> None:
        """Whether each statement is to commit by itself."""
        self.autocommit(value)

    def restore(self) -> None:
        """Take back what a block may have set on the connection object; needs an idle connection."""
        self.cursorclass = Cursor
        self._depth = 0
        if not self.get_autocommit():
            try:
                self.autocommit(True)
            except (pymysql.Error, RdsConnectionError):
                self._force_close()  # the next one who wants it sees that, and opens another

    def _outside_a_block(self, what: str) -> None:
        if self._depth:
            raise pymysql.ProgrammingError(f"{what}() inside a transaction block, which ends the transaction itself")

    def _is_streaming(self) -> bool:
        return self._result is not None and bool(self._result.unbuffered_active)

    def _has_more_results(self) -> bool:
        return self._result is not None and bool(self._result.has_next)

    def _read_query_result(self, unbuffered: bool = False) -> int:
        count: int = super()._read_query_result(unbuffered)  # type: ignore[misc]
        # PyMySQL passes over the state that follows rows; without autocommit they may have begun a transaction.
        if self._result.server_status is None and not self.get_autocommit():
            self._in_doubt = True
        if self._has_more_results():
            self.transactions_ended += 1  # a procedure may have committed, and its last word is still to come
        return count

    # PyMySQL has no other place for a limit that shrinks: all it reads and writes goes through these two.
    def _read_packet(self, packet_type: type[MysqlPacket] = MysqlPacket) -> MysqlPacket:
        began = _now()
        self._read_timeout = self._seconds_left(began)
        try:
            return super()._read_packet(packet_type)  # type: ignore[no-any-return, no-untyped-call]
        except pymysql.Error as error:
            self._out_of_time(error)
            if statement_failure(error) is Failure.STATEMENT:
                self._in_doubt = self._statement_failed = True
                self.transactions_ended += 1
            else:
                self._force_close()
            raise
        finally:
            self.query_seconds += _now() - began

    def _write_bytes(self, data: bytes) -> None:
        self._write_timeout = self._seconds_left(_now())
        try:
            super()._write_bytes(data)  # type: ignore[misc]
        except pymysql.Error as error:
            self._out_of_time(error)
            raise

    def _seconds_left(self, now: float) -> float | None:
        return None if self.deadline == _NEVER else max(self.deadline - now, _SHORTEST_SECONDS)

    def _out_of_time(self, error: pymysql.Error) -> None:
        """Raise OutOfTimeError if an error says no more than that the deadline has come."""
        if self._sock is None and _now() >= self.deadline and isinstance(error.__context__, TimeoutError):
            raise OutOfTimeError(
                "the database did not answer before this invocation's time was up; what it was doing may or may not "
                "take effect: raise the function's timeout, or make the statement faster"
            ) from None


def open_connection(settings: Settings, login: Login, seconds: float) -> Connection:
    """A new connection, verified by TLS, within `seconds`.

    An IAM token is sent as it is (`mysql_clear_password`), which PyMySQL does when asked: so TLS comes first, always.

    Raises:
        OSError: the name does not resolve.
        pymysql.OperationalError: with the last address's reason, when none of them let us in.
        ConfigurationError: a value cannot be sent to a server, or the certificates cannot be read.
    """
    check_sendable(settings, login)
    for address, share in shares(settings.host, settings.port, seconds):
        conn = Connection(
            host=settings.host,
            port=settings.port,
            user=login.user,
            password=login.password.encode(),  # PyMySQL would take text for latin1
            database=settings.database,
            ssl=_verified(settings.ssl_root_cert),
            autocommit=True,
            program_name=settings.function_name or "rds_connection",
        )
        conn.deadline = _now() + share
        try:
            conn.connect(_socket(address, settings.port, share))
        except (OutOfTimeError, TimeoutError):
            reason = pymysql.OperationalError(CR.CR_CONN_HOST_ERROR, f"{address} did not answer within {share:.1f} s")
        except pymysql.OperationalError as error:
            reason = error
        except (OSError, pymysql.Error) as error:
            reason = pymysql.OperationalError(CR.CR_CONN_HOST_ERROR, f"{address}: {error}")
        else:
            conn.deadline = _NEVER
            return conn
    raise reason


def _socket(address: str, port: int, seconds: float) -> socket.socket:
    sock = socket.create_connection((address, port), max(seconds, _SHORTEST_SECONDS))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


@functools.cache
def _verified(bundle: str) -> ssl.SSLContext:
    """TLS that verifies authority and name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with suppress(OSError):  # ssl.SSLError is one too
        context.load_verify_locations(bundle)
        return context
    raise ConfigurationError("DB_SSL_ROOT_CERT is not a file with certificates in PEM format")


def connect_failure(error: Exception) -> Failure:
    """What an error while connecting means; an unknown one is worth another attempt, for nothing ran yet."""
    code = error.args[0] if error.args else None
    if code in _AUTHENTICATION:
        return Failure.AUTHENTICATION
    # PyMySQL gives every error of TLS the number of a failed connection; a stop of the server may come in its midst.
    tls = "[SSL" in str(error) and "EOF" not in str(error)
    return Failure.REFUSED if code in _REFUSED or tls else Failure.UNAVAILABLE


def connect_reason(error: Exception) -> str:
    """Number and message, which quote a statement in none of the errors that a login meets."""
    return " ".join(str(error).split())


def statement_failure(error: Exception) -> Failure:
    """What an error of a statement means: `UNAVAILABLE` if the connection was lost, or never got to the database."""
    code = error.args[0] if error.args else None
    # Without a number of the server's the error is PyMySQL's own: closed before, or answers out of order.
    lost = isinstance(error, pymysql.InterfaceError | pymysql.InternalError) and (
        not isinstance(code, int) or code == 0
    )
    return Failure.UNAVAILABLE if lost or code in _UNAVAILABLE else Failure.STATEMENT
