"""A connection to the database through PgBouncer, lent to one client at a time."""

import contextlib
import socket
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from .lending import Key
from .reactor import Reactor
from .side import CHUNK_BYTES, NOT_NOW, Side


class Holder(Protocol):
    """The client that has one."""

    @property
    def is_pinned(self) -> bool:
        """Whether it keeps it until it leaves."""

    @property
    def is_held(self) -> bool:
        """Whether nothing but its prepared statements keeps it."""

    def answered(self, data: bytes) -> None:
        """The database said this."""

    def lost(self) -> None:
        """There is no connection any more."""

    def balance(self) -> None:
        """The connection takes something again."""


class DatabaseConnection(Side):
    """One that is open and has run the init query.

    Attributes:
        key: user and database.
        statuses: what the server tells of its settings, as it was opened.
        variables: of a client's startup packet, that are set on it now.
        client: who has it.
        number: of this connection, as the log tells it.
        unnamed_of: whose unnamed prepared statement is on it.
        is_stale: whether it is closed when it comes back, since settings are others now.
    """

    __slots__ = (
        "_lost",
        "client",
        "idle_since",
        "is_stale",
        "key",
        "lent_since",
        "number",
        "opened",
        "statuses",
        "unnamed_of",
        "variables",
    )

    def __init__(
        self,
        reactor: Reactor,
        its_socket: socket.socket,
        *,
        key: Key,
        statuses: Mapping[str, str],
        lost: "Callable[[DatabaseConnection], None]",
        number: int = 0,
    ) -> None:
        """`lost` is told when the database or PgBouncer ends it."""
        super().__init__(reactor, its_socket)
        self.key = key
        self.number = number
        self.statuses = statuses
        self.variables: Mapping[str, str] = {}
        self.client: Holder | None = None
        self.unnamed_of: Holder | None = None
        self.is_stale = False
        self.opened = self.idle_since = self.lent_since = time.monotonic()
        self._lost = lost

    def readable(self) -> None:
        """The database speaks."""
        try:
            data = self.socket.recv(CHUNK_BYTES)
        except NOT_NOW:
            return
        except OSError:
            data = b""
        client = self.client
        if not data:
            self._lost(self)
        elif client is not None:
            client.answered(data)
        # What an idle one says is for nobody: that it ends, which comes next, or that a setting was changed.

    def broken(self) -> None:
        """It takes nothing any more; what it said last is still delivered."""
        client, self.is_stale = self.client, True
        with contextlib.suppress(OSError):
            while client is not None and (data := self.socket.recv(CHUNK_BYTES)):
                client.answered(data)
        self._lost(self)

    def unblocked(self) -> None:
        """Its client may go on."""
        if self.client is not None:
            self.client.balance()
