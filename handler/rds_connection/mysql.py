"""The MySQL side: opening a connection, telling in what state one is, and what an error means.

Sources of the errors: RDS User Guide, "Troubleshooting RDS Proxy", MySQL Reference Manual, "Server Error Message
Reference", and MariaDB's "Error Codes".
"""

import functools
import re
import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CR, ER, SERVER_STATUS
from pymysql.cursors import Cursor
from pymysql.protocol import MysqlPacket

from .addresses import addresses, shares
from .credentials import Login, check_sendable
from .deferred import Block
from .errors import OutOfTimeError, RdsConnectionError, UnfinishedTransactionError, out_of_time
from .failures import Failure
from .invocations import Invocation, current
from .kept import Kept
from .settings import Settings

if TYPE_CHECKING:  # generic in its types alone
    _PyMySQL = pymysql.connections.Connection[Cursor]
else:
    _PyMySQL = pymysql.connections.Connection
Error = pymysql.Error
ConnectError = pymysql.err.OperationalError
_IN_TRANSACTION = SERVER_STATUS.SERVER_STATUS_IN_TRANS
# A socket takes no timeout of 0 for one: it would stop blocking.
_SHORTEST_SECONDS = 0.001
_now = time.monotonic

_AUTHENTICATION = {ER.ACCESS_DENIED_ERROR, 1698}
_REFUSED = {
    ER.DBACCESS_DENIED_ERROR,
    ER.BAD_DB_ERROR,
    ER.HOST_NOT_PRIVILEGED,
    ER.HOST_IS_BLOCKED,
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
# The server, or the transaction, only reads. The first stands for other options of the server as well.
_OPTION_PREVENTS = 1290
_READ_ONLY = {1792, 1836}
# Whose refusal cannot have ended the transaction: a procedure may commit before it comes to what is refused.
_PLAIN = ("INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "WITH")
_BEGINNINGS = ("BEGIN", "START TRANSACTION")
# What a session keeps, but for what the next transaction takes with it and what is taken back.
_KEPT = re.compile(r"(?:SET|USE|LOCK|CREATE (?:OR REPLACE )?TEMPORARY) ")
_NOT_KEPT = re.compile(r"SET AUTOCOMMIT ?= ?[01];?|SET TRANSACTION .*")
# What comes before a statement, and how much of both is looked at.
_LEADING = re.compile(r"\A(?:\s+|/\*.*?\*/|--[^\n]*\n|#[^\n]*\n)+", re.DOTALL)
_HEAD = 300


class TransactionResolutionUnknown(pymysql.err.OperationalError):
    """COMMIT was sent and no answer came, so that the transaction may be committed or not."""


class Connection(Kept, _PyMySQL):
    """PyMySQL's connection, with psycopg's `execute` and `transaction`, and with an end: statements do not wait past
    the deadline of the invocation under way.

    Attributes: see `DriverConnection`.
    """

    if TYPE_CHECKING:  # PyMySQL's own, which its types leave out
        _sock: Any
        _closed: bool
        _result: Any

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401 - PyMySQL's own
        self.begins()
        self._status = 0
        # An error comes without the state of the transaction: it may have ended, or a procedure have begun one.
        self._in_doubt = False
        self._statement_failed = False
        self._only_reads = False
        self._keeps_state = False
        self._statement = ""
        # While it connects, in place of the invocation.
        self.login: Invocation | None = None
        self._depth = 0
        super().__init__(**arguments, defer_connect=True)
        self._converters = dict(self.encoders), dict(self.decoders)

    def connect(self, sock: Any = None) -> None:  # noqa: ANN401 - PyMySQL's own
        """Log in over a socket that is connected.

        Raises:
            pymysql.ProgrammingError: a transaction is open, which another login would lose.
        """
        self._outside_a_block("connect")
        super().connect(sock)
        self._keeps_state = False  # it has set the character set
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

    def query(self, sql: str | bytes, unbuffered: bool = False) -> int:
        """Run one statement; how many rows it concerns."""
        head = sql[:_HEAD] if isinstance(sql, str) else sql[:_HEAD].decode(errors="replace")
        self._statement = statement = " ".join(_LEADING.sub("", head, count=1).upper().split())
        if self._depth and statement.startswith(_BEGINNINGS):
            self._outside_a_block(statement.split()[0])
        # What a session keeps would be the next invocation's, too; behind a proxy it has pinned the connection anyway.
        if (_KEPT.match(statement) and not _NOT_KEPT.fullmatch(statement)) or "GET_LOCK(" in statement:
            self._keeps_state = True
        return super().query(sql, unbuffered)

    def begin(self) -> None:
        """Begin a transaction.

        Raises:
            pymysql.ProgrammingError: one is open; MySQL would commit it.
        """
        self._outside_a_block("begin")
        super().begin()

    def select_db(self, db: str | bytes) -> None:
        """Another database, until the block ends."""
        self._keeps_state = True
        super().select_db(db)

    def set_character_set(self, charset: str, collation: str | None = None) -> None:
        """Another character set, until the block ends."""
        self._keeps_state = True
        super().set_character_set(charset, collation)

    def execute(self, query: str, args: Any = None) -> Cursor:  # noqa: ANN401 - PyMySQL's own
        """A cursor with the result of one statement, as psycopg's connections have it."""
        cursor = self.cursor()
        cursor.execute(query, args)
        return cursor

    def transaction(self) -> Block[None]:
        """BEGIN and COMMIT around a block, or ROLLBACK after its error; inside another one a savepoint."""
        return Block(self._transaction(), self.check)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        depth, name = self._depth, f"rds_connection_{self._depth}"
        if depth == 0:
            self._statement_failed = False
        begin = "START TRANSACTION READ ONLY" if self._only_reads else "BEGIN"
        self.query(f"SAVEPOINT {name}" if depth else begin)
        self._depth = depth + 1
        try:
            yield
        except BaseException:
            self._depth = depth
            if self._is_streaming():
                self._force_close()  # ROLLBACK would read the rest first, however long that takes
                raise
            # What ended the block matters more; a deadlock has undone the savepoint, too.
            with suppress(pymysql.Error, RdsConnectionError):
                self.query(f"ROLLBACK TO {name}" if depth else "ROLLBACK")
            raise
        self._depth = depth
        try:
            self.query(f"RELEASE SAVEPOINT {name}" if depth else "COMMIT")
        except pymysql.Error as error:
            if not (depth and error.args[0] == ER.SP_DOES_NOT_EXIST):
                raise
            raise pymysql.OperationalError(
                ER.SP_DOES_NOT_EXIST,
                "the savepoint of this block is gone: a statement in it, such as DDL, has committed what came before",
            ) from None

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
        if self._is_streaming():
            self._force_close()  # as above
        elif not self.late:  # after OutOfTimeError there is no connection left that could, and no need to
            with suppress(OutOfTimeError):
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

    def drop(self) -> None:
        """Close the connection, whoever has it."""
        self.give_back = None
        self.close()

    def is_idle(self) -> bool:
        """Whether the connection is known to be open, outside a transaction, with nothing left to read or set."""
        return (
            self._sock is not None
            and not self._in_doubt
            and not self._keeps_state
            and not self._status & _IN_TRANSACTION
            and not self._is_streaming()
            and not self._has_more_results()
        )

    def is_lost(self) -> bool:
        """Whether it ended without being closed: whatever error says so."""
        return self._sock is None and not self._closed

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

    def check(self) -> None:
        """Look whether what the transaction did can be committed.

        Raises:
            OutOfTimeError: the deadline came amid a statement.
            pymysql.OperationalError: the connection is gone, so that nothing is committed.
            UnfinishedTransactionError: a result was not read to its end.
        """
        if self.late:
            raise out_of_time()
        if self._sock is None:
            raise pymysql.OperationalError(
                CR.CR_SERVER_LOST, "the connection was lost, or closed, before COMMIT was sent: nothing is committed"
            )
        if self._is_streaming():
            self._force_close()  # COMMIT would read the rest first, and nobody could read it afterwards
            raise UnfinishedTransactionError(
                "the rows of an SSCursor were not read to their end, so the transaction was rolled back; read them"
            )

    def is_busy(self) -> bool:
        """Whether something was begun that COMMIT would not end."""
        return False

    def only_read(self) -> None:
        """Begin each transaction with READ ONLY, until restored; a server that refuses to write is the right one."""
        self._only_reads = True

    def restore(self) -> None:
        """Take back what a block may have set on the connection object; needs an idle connection."""
        self.cursorclass = Cursor
        self._depth = 0
        self._only_reads = False
        encoders, decoders = self._converters
        self.encoders, self.decoders = dict(encoders), dict(decoders)
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
        invocation = self.login or current.get() or self.invocation
        self._read_timeout = patience = self._patience(invocation, began)
        try:
            return super()._read_packet(packet_type)  # type: ignore[no-any-return, no-untyped-call]
        except pymysql.Error as error:
            self._raise_if_out_of_time(error, began, patience)
            failure = statement_failure(error)
            if failure is Failure.UNAVAILABLE:
                self._force_close()
                raise
            self._in_doubt = self._statement_failed = True
            if failure is Failure.READ_ONLY:
                self.stale = not self._only_reads
            if failure is Failure.STATEMENT or not self._statement.startswith(_PLAIN):
                self.transactions_ended += 1
            raise
        finally:
            invocation.query_seconds += _now() - began

    def _write_bytes(self, data: bytes) -> None:
        began = _now()
        self._write_timeout = patience = self._patience(self.login or current.get() or self.invocation, began)
        try:
            super()._write_bytes(data)  # type: ignore[misc]
        except pymysql.Error as error:
            self._raise_if_out_of_time(error, began, patience)
            raise

    def _raise_if_out_of_time(self, error: pymysql.Error, began: float, patience: float | None) -> None:
        """Raise OutOfTimeError if an error says no more than that the deadline has come."""
        came = patience is not None and _now() >= began + patience
        if self._sock is None and came and isinstance(error.__context__, TimeoutError):
            self.late = True
            raise out_of_time() from None

    def _patience(self, invocation: Invocation, now: float) -> float | None:
        """Seconds to wait; none are left though data may be there, which would never end."""
        left = invocation.patience(now)
        if left is not None and left <= 0 and self._sock is not None:
            self.late = True
            self._force_close()
            raise out_of_time()
        return None if left is None else max(left, _SHORTEST_SECONDS)

    def _force_close(self) -> None:
        if self._is_streaming():
            self._result.unbuffered_active = False  # else it would read the rest when it is collected
        super()._force_close()  # type: ignore[misc]


def open_connection(settings: Settings, login: Login, seconds: float) -> Connection:
    """A new connection, verified by TLS, within `seconds`.

    An IAM token is sent as it is (`mysql_clear_password`), which PyMySQL does when asked: so TLS comes first, always.

    Raises:
        OSError: the name does not resolve.
        pymysql.OperationalError: with the most telling of the addresses' reasons, when none of them let us in.
        ConfigurationError: a value cannot be sent to a server.
    """
    check_sendable(settings, login)
    ends = _now() + seconds
    reasons: list[pymysql.OperationalError] = []
    for address, share in shares(addresses(settings.host, settings.port, seconds), ends):
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
        conn.login = Invocation.lasting(share)
        try:
            conn.connect(_socket(address, settings.port, share))
        except (OutOfTimeError, TimeoutError):
            text = f"{address} did not answer within {share:.1f} s"
            reasons.append(pymysql.OperationalError(CR.CR_CONN_HOST_ERROR, text))
        except pymysql.OperationalError as error:
            reasons.append(error)
        except (OSError, pymysql.Error) as error:
            reasons.append(pymysql.OperationalError(CR.CR_CONN_HOST_ERROR, f"{address}: {error}"))
        else:
            conn.login = None
            return conn
    raise _most_telling(reasons)


def _most_telling(reasons: list[pymysql.OperationalError]) -> pymysql.OperationalError:
    """What a server answered before what the network did: a refused login has to be seen, so that the secret is read
    again, though another address of the name is dead. The last one of either kind."""
    answers = [error for error in reasons if _is_of_server(error) or connect_failure(error) is not Failure.UNAVAILABLE]
    return (answers or reasons)[-1]


def _is_of_server(error: pymysql.OperationalError) -> bool:
    return not CR.CR_ERROR_FIRST <= error.args[0] <= CR.CR_ERROR_LAST


def _socket(address: str, port: int, seconds: float) -> socket.socket:
    sock = socket.create_connection((address, port), max(seconds, _SHORTEST_SECONDS))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


@functools.cache
def _verified(bundle: str) -> ssl.SSLContext:
    """TLS that verifies authority and name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(bundle)
    return context


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
    if code in _READ_ONLY or (code == _OPTION_PREVENTS and "read-only" in str(error).replace("_", "-")):
        return Failure.READ_ONLY
    # Without a number of the server's the error is PyMySQL's own: closed before, or answers out of order.
    lost = isinstance(error, pymysql.InterfaceError | pymysql.InternalError) and (
        not isinstance(code, int) or code == 0
    )
    return Failure.UNAVAILABLE if lost or code in _UNAVAILABLE else Failure.STATEMENT
