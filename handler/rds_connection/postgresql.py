"""The PostgreSQL side: opening a connection, telling in what state one is, and what an error means.

Sources of the errors: RDS User Guide, "Troubleshooting RDS Proxy", PgBouncer 1.18 (`src/client.c`, `src/janitor.c`) and
PostgreSQL's appendix "Error Codes". While connecting, libpq gives text and no SQLSTATE, so text decides.
"""

import select
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import generators, waiting
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PipelineStatus, TransactionStatus
from psycopg.rows import TupleRow, tuple_row

from .addresses import shares
from .credentials import Login, check_sendable
from .deferred import Block
from .errors import OutOfTimeError
from .failures import Failure
from .settings import Settings

Error = psycopg.Error
ConnectError = psycopg.OperationalError
TransactionResolutionUnknown = psycopg.errors.TransactionResolutionUnknown
_T = TypeVar("_T")
# Plain numbers, for they are compared with libpq's several times in each invocation, and an enum's members are slow.
_OK, _NO_PIPELINE = int(ConnStatus.OK), int(PipelineStatus.OFF)
_IDLE, _IN_TRANSACTION = int(TransactionStatus.IDLE), int(TransactionStatus.INTRANS)
_FAILED = int(TransactionStatus.INERROR)
# How long psycopg's waiting goes without a look at signals, in seconds: how late Ctrl-C can be. Its own default, 0.1,
# is a load of its own where thousands wait.
_INTERVAL_SECONDS = 1.0
_NEVER = float("inf")
# Looked for first: the words of other errors are in these ("IAM authentication failed because of too many …").
_UNAVAILABLE = ("too many competing requests", "unexpected eof while reading")
_AUTHENTICATION = (
    "password authentication failed",
    "SASL authentication failed",
    "IAM authentication failed",
    "PAM authentication failed",
    "The password that was provided for the role",
)
_REFUSED = (
    "certificate",
    "SSL error",
    "server does not support SSL",
    "has no credentials for the role",
    "requires TLS",
    "only with SSL",
    "Enable IAM authentication",
    "Configure IAM authentication",
    "Feature not supported",
    "unsupported startup parameter",
    "no pg_hba.conf entry",
    "no such user",
    "no such database",
    "does not exist",
    "permission denied for database",
    "is not permitted to log in",
)
# How a line of libpq's or psycopg's begins that tells of one more address of the same name.
_ATTEMPT = ("connection to server ", "connection failed: ", "- host: ")
# Too many connections; a server that stops, crashed or starts; a session that was idle for longer than it lets one be.
_UNAVAILABLE_STATES = ("53300", "57P01", "57P02", "57P03", "57P05")
_now = time.monotonic
_wait = psycopg.Connection.wait


class Connection(psycopg.Connection[TupleRow]):
    """psycopg's connection, with an end: statements do not wait past the invocation's deadline.

    Attributes:
        deadline: when an answer is due, on the monotonic clock.
        query_seconds: time spent waiting for the database since this was last set.
        transactions_ended: how often the server was seen outside a transaction, so that something may be committed.
        give_back: what `close` calls instead of closing, once.
    """

    deadline: float
    query_seconds: float
    transactions_ended: int
    give_back: Callable[[Any], None] | None
    opened_at: tuple[float, float]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - psycopg's own
        super().__init__(*args, **kwargs)
        self.deadline = _NEVER
        self.query_seconds = 0.0
        self.transactions_ended = 0
        self.give_back = None
        self.opened_at = (time.monotonic(), time.time())
        self._readable = select.poll()
        self._readable.register(self.pgconn.socket, select.POLLIN)
        # An execution environment ends without a word, with connections open: nothing to warn of.
        self._pool = None

    def wait(self, gen: PQGen[_T], interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> _T:
        """Wait for the database, at most until the deadline.

        Raises:
            OutOfTimeError: no answer came by then.
        """
        began = _now()
        bounded = timeout is None and self.deadline != _NEVER
        if bounded:
            timeout = max(self.deadline - began, 0.0)
        try:
            return _wait(self, gen, interval, timeout)
        except psycopg.errors._WaitTimeout:
            if not bounded:
                raise
            raise OutOfTimeError(
                "the database did not answer before this invocation's time was up; what it was doing may or may not "
                "take effect: raise the function's timeout, or make the statement faster"
            ) from None
        finally:
            self.query_seconds += _now() - began
            if self.pgconn.transaction_status == _IDLE:
                self.transactions_ended += 1

    def transaction(  # type: ignore[override] # as psycopg's, but for `with` alone
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Block[psycopg.Transaction]:
        """BEGIN and COMMIT around a block, or ROLLBACK after its error; inside another one a savepoint."""
        return Block(super().transaction(savepoint_name, force_rollback))

    def close(self) -> None:
        """Close the connection, or give it back to its pool if it was lent by `connect`."""
        give_back, self.give_back = self.give_back, None
        if give_back is None:
            super().close()
        else:
            give_back(self)

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
        """Whether the connection is open, outside a transaction, with no statement under way."""
        pgconn = self.pgconn
        return pgconn.transaction_status == _IDLE and pgconn.status == _OK and pgconn.pipeline_status == _NO_PIPELINE

    def in_transaction(self) -> bool:
        """Whether a transaction is open, be it sound or failed."""
        return self.pgconn.transaction_status in (_IN_TRANSACTION, _FAILED)

    def is_failed(self) -> bool:
        """Whether a statement failed in the open transaction, which can then no longer commit."""
        return self.pgconn.transaction_status == _FAILED

    def is_autocommit(self) -> bool:
        """Whether each statement commits by itself."""
        return self.autocommit

    def restore(self) -> None:
        """Take back what a block may have set on the connection object; needs an idle connection."""
        self.row_factory = tuple_row
        self.cursor_factory = psycopg.Cursor
        self.prepare_threshold = None
        if not self.autocommit:
            self.autocommit = True
        if self.isolation_level is not None:
            self.isolation_level = None
        if self.read_only is not None:
            self.read_only = None
        if self.deferrable is not None:
            self.deferrable = None


def open_connection(settings: Settings, login: Login, seconds: float) -> Connection:
    """A new connection, verified by TLS, within `seconds`.

    `psycopg.connect` counts whole seconds, two at least, and for each address of a name anew: too coarse for an
    invocation that has a second left. So its parts are put together here.

    Raises:
        OSError: the name does not resolve.
        psycopg.OperationalError: with the last address's reason, when none of them let us in.
        ConfigurationError: a value cannot be sent to a server.
    """
    check_sendable(settings, login)
    for address, share in shares(settings.host, settings.port, seconds):
        try:
            pgconn = waiting.wait_conn(
                generators.connect(_conninfo(settings, login, address)), interval=_INTERVAL_SECONDS, timeout=share
            )
        except psycopg.errors._WaitTimeout:
            reason = psycopg.OperationalError(f"{address} did not answer within {share:.1f} s")
        except psycopg.OperationalError as error:
            reason = error
        else:
            conn = Connection(pgconn)
            # A SELECT without autocommit leaves a transaction open, and the proxy's connection borrowed, until the next
            # invocation. Prepared statements end in DEALLOCATE ALL, which pins the session (psycopg #1105).
            conn.autocommit = True
            conn.prepare_threshold = None
            return conn
    raise reason


def _conninfo(settings: Settings, login: Login, address: str) -> str:
    # Of startup parameters a proxy takes only user, database, application_name and a few more; `options` above all
    # makes it refuse the connection, and libpq would take that from PGOPTIONS. The rest never leaves this machine: what
    # libpq would otherwise take from PGSSL… and PGGSSENCMODE, and last, for of an option given twice the last counts.
    return make_conninfo(
        host=settings.host,
        hostaddr=address,
        port=settings.port,
        dbname=settings.database,
        user=login.user,
        password=login.password,
        application_name=settings.function_name or "rds_connection",
        options="",
        gssencmode="disable",
        sslmode="verify-full",
        sslrootcert=settings.ssl_root_cert,
        ssl_min_protocol_version="TLSv1.2",
    )


def connect_failure(error: Exception) -> Failure:
    """What the text of an error while connecting means; unknown text is worth another attempt, for nothing ran yet."""
    text = str(error)
    if any(words in text for words in _UNAVAILABLE):
        return Failure.UNAVAILABLE
    if any(words in text for words in _AUTHENTICATION):
        return Failure.AUTHENTICATION
    if any(words in text for words in _REFUSED):
        return Failure.REFUSED
    return Failure.UNAVAILABLE


def connect_reason(error: Exception) -> str:
    """The line of each attempt; what follows it quotes statements, as of a trigger on login (CONTEXT, QUERY)."""
    first, *others = str(error).splitlines() or [""]
    return " ".join(" ".join([first, *(line for line in others if line.startswith(_ATTEMPT))]).split())


def statement_failure(error: Exception) -> Failure:
    """What an error of a statement means: `UNAVAILABLE` if the connection was lost, or never got to the database."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    if state is not None:
        # 08000: RDS Proxy's borrow timeout; 08P01: a pooler's query_wait_timeout and its lost servers.
        return Failure.UNAVAILABLE if state[:2] == "08" or state in _UNAVAILABLE_STATES else Failure.STATEMENT
    # Without one the error is psycopg's own: the connection went, or its last words came where an answer was due.
    lost = isinstance(error, psycopg.OperationalError | psycopg.InternalError)
    return Failure.UNAVAILABLE if lost else Failure.STATEMENT
