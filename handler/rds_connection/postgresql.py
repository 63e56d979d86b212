"""The PostgreSQL side: opening a connection, telling in what state one is, and what an error means.

Sources of the errors: RDS User Guide, "Troubleshooting RDS Proxy", PgBouncer 1.18 (`src/client.c`, `src/janitor.c`) and
PostgreSQL's appendix "Error Codes". While connecting, libpq gives text and no SQLSTATE, so text decides.
"""

import asyncio
import select
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, TypeVar

import psycopg
from psycopg import generators, waiting
from psycopg._connection_base import BaseConnection
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PipelineStatus, TransactionStatus
from psycopg.rows import TupleRow, tuple_row

from .addresses import addresses, look_up, shares, unresolved
from .credentials import Login, check_sendable
from .deferred import AsyncBlock, Block
from .errors import OutOfTimeError, UnfinishedTransactionError, out_of_time
from .failures import Failure
from .invocations import current
from .kept import Kept
from .settings import Settings

Error = psycopg.Error
ConnectError = psycopg.OperationalError
TransactionResolutionUnknown = psycopg.errors.TransactionResolutionUnknown
_T = TypeVar("_T")
# Plain numbers, for they are compared with libpq's several times in each invocation, and an enum's members are slow.
_OK, _NO_PIPELINE = int(ConnStatus.OK), int(PipelineStatus.OFF)
_IDLE, _IN_TRANSACTION = int(TransactionStatus.IDLE), int(TransactionStatus.INTRANS)
_FAILED, _ACTIVE = int(TransactionStatus.INERROR), int(TransactionStatus.ACTIVE)
# How long psycopg's waiting goes without a look at signals, in seconds: how late Ctrl-C can be. Its own default, 0.1,
# is a load of its own where thousands wait.
_INTERVAL_SECONDS = 1.0
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
    "received invalid response to SSL negotiation",
    "has no credentials for the role",
    "requires TLS",
    "only with SSL",
    "Enable IAM authentication",
    "Configure IAM authentication",
    "Feature not supported",
    "unsupported startup parameter",
    "unsupported frontend protocol",
    "authentication method",
    "no pg_hba.conf entry",
    "no such user",
    "no such database",
    "does not exist",
    "permission denied for database",
    "is not permitted to log in",
    "is not currently accepting connections",
)
# A connection that is fine and in use.
_BUSY = "another command is already in progress"
# How a line of libpq's or psycopg's begins that tells of one more address of the same name.
_ATTEMPT = ("connection to server ", "connection failed: ", "- host: ")
# Too many connections; a server that stops, crashed or starts; a session that was idle for longer than it lets one be.
_UNAVAILABLE_STATES = ("53300", "57P01", "57P02", "57P03", "57P05")
_now = time.monotonic
_wait = psycopg.Connection.wait


class _Kept(Kept, BaseConnection[TupleRow]):
    """What both kinds of connection are to their pool: kept between invocations, known from libpq without I/O, and
    with an end: statements do not wait past the deadline of the invocation under way.

    Attributes: see `DriverConnection`.
    """

    row_factory: Any
    cursor_factory: Any
    server_cursor_factory: Any
    # What each kind has when it is new: the classes of its cursors.
    _cursor: ClassVar[Any]
    _server_cursor: ClassVar[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - psycopg's own
        super().__init__(*args, **kwargs)
        self.begins()
        self._readable = select.poll()
        self._readable.register(self.pgconn.socket, select.POLLIN)
        # An execution environment ends without a word, with connections open: nothing to warn of.
        self._pool = None
        # A SELECT without autocommit leaves a transaction open, and the proxy's connection borrowed, until the next
        # invocation. Prepared statements end in DEALLOCATE ALL, which pins the session (psycopg #1105).
        self._autocommit = True
        self.prepare_threshold = None

    def drop(self) -> None:
        """Close the connection, whoever has it."""
        self.give_back = None
        self._closed = True
        self.pgconn.finish()

    def is_idle(self) -> bool:
        """Whether the connection is open, outside a transaction, with no statement under way."""
        pgconn = self.pgconn
        return pgconn.transaction_status == _IDLE and pgconn.status == _OK and pgconn.pipeline_status == _NO_PIPELINE

    def is_lost(self) -> bool:
        """Whether it ended without being closed: whatever error says so."""
        return self.broken

    def in_transaction(self) -> bool:
        """Whether a transaction is open, be it sound or failed."""
        return self.pgconn.transaction_status in (_IN_TRANSACTION, _FAILED)

    def is_failed(self) -> bool:
        """Whether a statement failed in the open transaction, which can then no longer commit."""
        return self.pgconn.transaction_status == _FAILED

    def is_autocommit(self) -> bool:
        """Whether each statement commits by itself."""
        return self._autocommit

    def check(self) -> None:
        """Look whether what the transaction did can be committed; psycopg passes over a connection that is gone.

        Raises:
            OutOfTimeError: the deadline came amid a statement.
            psycopg.OperationalError: the connection is gone, so that nothing is committed.
            UnfinishedTransactionError: a statement is still under way.
        """
        if self.late:
            raise out_of_time()
        if self.closed:
            raise psycopg.OperationalError(
                "the connection was lost, or closed, before COMMIT was sent: nothing is committed"
            )
        if self.pgconn.transaction_status == _ACTIVE and self._pipeline is None:
            self.drop()  # to end it, psycopg would read it to its end first
            raise UnfinishedTransactionError(
                "a stream or a COPY was not read to its end, so the transaction was rolled back; read it, or close its "
                "cursor"
            )

    def is_busy(self) -> bool:
        """Whether something was begun that COMMIT would not end, such as a pipeline."""
        return bool(self.pgconn.pipeline_status != _NO_PIPELINE)

    def only_read(self) -> None:
        """Begin each transaction with READ ONLY, until restored; a server that refuses to write is the right one."""
        self._read_only = True
        self._begin_statement = b""

    def restore(self) -> None:
        """Take back what a block may have set on the connection object; needs an idle connection.

        psycopg has no public way back for some of it, and none that is the same for both kinds.
        """
        self.row_factory = tuple_row
        self.cursor_factory = self._cursor
        self.server_cursor_factory = self._server_cursor
        self._autocommit = True
        self._adapters = self._tpc = self._isolation_level = self._read_only = self._deferrable = None
        self._begin_statement = b""
        self._num_transactions = 0
        self._prepared.prepare_threshold = None
        if self._notice_handlers or self._notify_handlers or self._notifies_backlog:
            self._notice_handlers.clear()
            self._notify_handlers.clear()
            self._notifies_backlog = deque()

    def _given_up(self) -> OutOfTimeError:
        """Nobody may use the connection again: what it was doing may still go on."""
        self.late = True
        self.pgconn.finish()
        return out_of_time()


class Connection(_Kept, psycopg.Connection[TupleRow]):
    """psycopg's connection, kept by a pool."""

    _cursor = psycopg.Cursor
    _server_cursor = psycopg.ServerCursor

    def wait(self, gen: PQGen[_T], interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> _T:
        """Wait for the database, at most until the deadline.

        Raises:
            OutOfTimeError: no answer came by then.
        """
        began = _now()
        invocation = current.get() or self.invocation
        patience = invocation.patience(began)
        if patience == 0.0:  # not one moment, though data may be there, which would never end
            raise self._given_up()
        is_own = timeout is not None and (patience is None or timeout < patience)
        try:
            return _wait(self, gen, interval, timeout if is_own else patience)
        except psycopg.errors._WaitTimeout:
            if is_own:
                raise
            raise self._given_up() from None
        except psycopg.errors.ReadOnlySqlTransaction:
            self.stale = self.read_only is not True
            raise
        finally:
            invocation.query_seconds += _now() - began
            if self.pgconn.transaction_status == _IDLE:
                self.transactions_ended += 1

    def transaction(  # type: ignore[override] # as psycopg's, but for `with` alone
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Block[psycopg.Transaction]:
        """BEGIN and COMMIT around a block, or ROLLBACK after its error; inside another one a savepoint."""
        return Block(super().transaction(savepoint_name, force_rollback), self.check)

    def _try_cancel(self, *, timeout: float = 5.0) -> None:
        """Psycopg's, at the end of a stream; not when there is no time left for it."""
        if not self.late:
            super()._try_cancel(timeout=timeout)

    def rollback(self) -> None:
        """Roll back the open transaction; after OutOfTimeError there is nothing left that could, and no need to."""
        if not self.late:
            with suppress(OutOfTimeError):
                super().rollback()

    def close(self) -> None:
        """Close the connection, or give it back to its pool if it was lent by `connect`."""
        give_back, self.give_back = self.give_back, None
        if give_back is None:
            super().close()
        else:
            give_back(self)


class AsyncConnection(_Kept, psycopg.AsyncConnection[TupleRow]):
    """psycopg's connection for asyncio, kept by a pool, also from one event loop to the next."""

    _cursor = psycopg.AsyncCursor
    _server_cursor = psycopg.AsyncServerCursor

    async def wait(self, gen: PQGen[_T], interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> _T:
        """Wait for the database, at most until the deadline.

        Raises:
            OutOfTimeError: no answer came by then.
        """
        began = _now()
        invocation = current.get() or self.invocation
        try:
            patience = invocation.patience(began)
            if patience == 0.0:
                raise self._given_up()
            is_own = timeout is not None and (patience is None or timeout < patience)
            limit = timeout if is_own else patience
            return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=limit)
        except asyncio.CancelledError:
            # psycopg would ask the server to cancel and wait for its answer, for seconds: a proxy passes none on.
            if self.pgconn.transaction_status == _ACTIVE:
                self.pgconn.finish()
            raise
        except psycopg.errors._WaitTimeout:
            if is_own:
                raise
            raise self._given_up() from None
        except psycopg.errors.ReadOnlySqlTransaction:
            self.stale = self.read_only is not True
            raise
        finally:
            invocation.query_seconds += _now() - began
            if self.pgconn.transaction_status == _IDLE:
                self.transactions_ended += 1

    def transaction(  # type: ignore[override] # as psycopg's, but for `async with` alone
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncBlock[psycopg.AsyncTransaction]:
        """BEGIN and COMMIT around a block, or ROLLBACK after its error; inside another one a savepoint."""
        return AsyncBlock(super().transaction(savepoint_name, force_rollback), self.check)

    async def _try_cancel(self, *, timeout: float = 5.0) -> None:
        """As of `Connection`."""
        if not self.late:
            await super()._try_cancel(timeout=timeout)

    async def rollback(self) -> None:
        """As of `Connection`."""
        if not self.late:
            with suppress(OutOfTimeError):
                await super().rollback()

    async def close(self) -> None:
        """Close the connection, or give it back to its pool if it was lent by `aconnect`."""
        give_back, self.give_back = self.give_back, None
        if give_back is None:
            await super().close()
        else:
            await give_back(self)

    def restore(self) -> None:
        """Take back what a block may have set on the connection object; needs an idle connection."""
        super().restore()
        # One that was waited for belongs to its event loop for ever; `asyncio.run` makes a new loop each time.
        self.lock = asyncio.Lock()


def open_connection(settings: Settings, login: Login, seconds: float) -> Connection:
    """A new connection, verified by TLS, within `seconds`.

    `psycopg.connect` counts whole seconds, two at least, and for each address of a name anew: too coarse for an
    invocation that has a second left. So its parts are put together here.

    Raises:
        OSError: the name does not resolve.
        psycopg.OperationalError: with the most telling of the addresses' reasons, when none of them let us in.
        ConfigurationError: a value cannot be sent to a server.
    """
    check_sendable(settings, login)
    ends = _now() + seconds
    reasons: list[psycopg.OperationalError] = []
    for address, share in shares(addresses(settings.host, settings.port, seconds), ends):
        with _attempt(address, share, reasons):
            gen = generators.connect(_conninfo(settings, login, address))
            return Connection(waiting.wait_conn(gen, interval=_INTERVAL_SECONDS, timeout=share))
    raise _most_telling(reasons)


async def open_async_connection(settings: Settings, login: Login, seconds: float) -> AsyncConnection:
    """As `open_connection`, for asyncio."""
    check_sendable(settings, login)
    ends = _now() + seconds
    try:
        found = await asyncio.wait_for(asyncio.wrap_future(look_up(settings.host, settings.port)), seconds)
    except TimeoutError:
        raise unresolved(seconds) from None
    reasons: list[psycopg.OperationalError] = []
    for address, share in shares(found, ends):
        with _attempt(address, share, reasons):
            gen = generators.connect(_conninfo(settings, login, address))
            return AsyncConnection(await waiting.wait_conn_async(gen, interval=_INTERVAL_SECONDS, timeout=share))
    raise _most_telling(reasons)


@contextmanager
def _attempt(address: str, share: float, reasons: list[psycopg.OperationalError]) -> Iterator[None]:
    """Keep the reason why one address let us not in; then it is the next one's turn."""
    try:
        yield
    except psycopg.errors._WaitTimeout:
        reasons.append(psycopg.OperationalError(f"{address} did not answer within {share:.1f} s"))
    except psycopg.OperationalError as error:
        reasons.append(error)


def _most_telling(reasons: list[psycopg.OperationalError]) -> psycopg.OperationalError:
    """What a server answered before what the network did: a refused login has to be seen, so that the secret is read
    again, though another address of the name is dead. The last one of either kind."""
    answers = [error for error in reasons if "FATAL" in str(error) or connect_failure(error) is not Failure.UNAVAILABLE]
    return (answers or reasons)[-1]


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
        target_session_attrs="any",
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
    if state == "25006":
        return Failure.READ_ONLY
    if state is not None:
        # 08000: RDS Proxy's borrow timeout; 08P01: a pooler's query_wait_timeout and its lost servers.
        return Failure.UNAVAILABLE if state[:2] == "08" or state in _UNAVAILABLE_STATES else Failure.STATEMENT
    # Without one the error is psycopg's own: the connection went, or its last words came where an answer was due.
    lost = isinstance(error, psycopg.OperationalError | psycopg.InternalError) and _BUSY not in str(error)
    return Failure.UNAVAILABLE if lost else Failure.STATEMENT
