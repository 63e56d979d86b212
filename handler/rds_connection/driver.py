"""The seam between the pool and an engine: what `postgresql.py` and `mysql.py` both have, and which of them is needed.

Only one of them is imported, for only one's library is in a function's package.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol
from weakref import ref

from .credentials import Login
from .errors import ConfigurationError
from .failures import Failure
from .invocations import Invocation
from .settings import ENGINES, Settings


class KeptConnection(Protocol):
    """What the pool needs of a connection that costs no I/O; what the application does with it is the library's own.

    Attributes:
        owner, its: the pool that opened it, and a weak reference to itself.
        invocation: whose time a statement takes when it runs where none is known to be under way, as in a thread.
        stale: the server refused to write, so that after a failover it may no longer be the one that does.
        late: it was given up because the deadline had come.
        transactions_ended: how often the server may have been outside a transaction, so that something is committed.
        give_back: what `close` calls instead of closing, once.
    """

    invocation: Invocation
    owner: object
    its: ref[Any]
    stale: bool
    late: bool
    transactions_ended: int
    give_back: Callable[[Any], Any] | None

    @property
    def closed(self) -> bool:
        """Whether it can no longer be used."""

    def drop(self) -> None:
        """Close the connection, whoever has it."""

    def is_young(self, lifetime: float) -> bool:
        """Whether it was opened less than `lifetime` seconds ago, by the clock that went on in a freeze."""

    def is_alive(self) -> bool:
        """Whether an idle connection can be used, told from its socket alone: no round trip."""

    def is_idle(self) -> bool:
        """Whether the connection is known to be open, outside a transaction, with no statement under way."""

    def is_lost(self) -> bool:
        """Whether it ended without being closed: whatever error says so."""

    def is_failed(self) -> bool:
        """Whether a statement failed in the open transaction, which can then no longer commit."""

    def is_autocommit(self) -> bool:
        """Whether each statement commits by itself."""

    def in_transaction(self) -> bool:
        """Whether a transaction is open, be it sound or failed."""

    def check(self) -> None:
        """Raise what keeps the transaction from being committed, if it is not the server that knows."""

    def is_busy(self) -> bool:
        """Whether something was begun that COMMIT would not end, such as a pipeline."""

    def only_read(self) -> None:
        """Begin each transaction with READ ONLY, until restored; a server that refuses to write is the right one."""

    def restore(self) -> None:
        """Take back what a block may have set on the connection object; needs an idle connection."""


class DriverConnection(KeptConnection, Protocol):
    """A connection that blocks."""

    def close(self) -> None:
        """Close the connection, or give it back to its pool if it was lent by `connect`."""

    def set_autocommit(self, value: bool) -> None:
        """Whether each statement is to commit by itself."""

    def transaction(self) -> AbstractContextManager[Any]:
        """BEGIN and COMMIT around a block, or ROLLBACK after its error."""

    def commit(self) -> None:
        """Commit the open transaction."""

    def rollback(self) -> None:
        """Roll back the open transaction."""


class Driver(Protocol):
    """What each engine's module has. For asyncio `postgresql` has `open_async_connection`, too; PyMySQL has nothing."""

    @property
    def Error(self) -> type[Exception]:  # noqa: N802 - as DBAPI modules call it
        """Any error of the library."""

    @property
    def ConnectError(self) -> type[Exception]:  # noqa: N802
        """What `open_connection` raises, beside OSError."""

    @property
    def TransactionResolutionUnknown(self) -> type[Exception]:  # noqa: N802
        """COMMIT was sent and no answer came."""

    def open_connection(self, settings: Settings, login: Login, seconds: float) -> DriverConnection:
        """A new connection, verified by TLS, within `seconds`."""

    def connect_failure(self, error: Exception) -> Failure:
        """What an error while connecting means."""

    def connect_reason(self, error: Exception) -> str:
        """An error while connecting in one line, without what it quotes of a statement."""

    def statement_failure(self, error: Exception) -> Failure:
        """What an error of a statement means: `UNAVAILABLE` if it was lost, or never got to the database."""


def driver(engine: str) -> Driver:
    """The module of an engine.

    Raises:
        ConfigurationError: there is no such engine, or the package has not its library.
    """
    if engine not in ENGINES:
        raise ConfigurationError(f"the database environment is wrong: DB_ENGINE is not one of {', '.join(ENGINES)}")
    library = "pymysql" if engine == "mysql" else "psycopg"
    try:
        if engine == "mysql":
            from . import mysql

            return mysql
        from . import postgresql
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        problem = f"this package has no {library}; DB_ENGINE must be the engine it was made for: {' or '.join(ENGINES)}"
    except ImportError as error:
        if not str(error).startswith(("no pq wrapper available", "couldn't import requested psycopg")):
            raise
        problem = (
            "this package's psycopg has no libpq that runs here; its list needs psycopg[binary], for the function's "
            "Python and architecture"
        )
    else:
        return postgresql
    raise ConfigurationError(problem)
