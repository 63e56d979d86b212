"""A client that is logged in, and what becomes of what it says."""

import socket
import ssl
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from ops.pinning.rule import Rule

from .database_connection import DatabaseConnection
from .lending import Key, Lending
from .protocol import Refusal, message
from .reactor import READ, Conversation, Reactor
from .session import Session
from .side import CHUNK_BYTES, NOT_NOW, Side

_PREPARE_SECONDS = 15.0
# What PgBouncer adds when the database ended a session, behind the database's own last words, if it had any: drivers
# take no two errors for one request, and RDS Proxy says no such thing.
_CRASHED = message(b"E", b"SFATAL\0C08P01\0Mserver conn crashed?\0\0")


@dataclass(frozen=True, kw_only=True)
class Who:
    """Who logged in, and with which variables.

    Attributes:
        variables: of the startup packet, by the names that PostgreSQL has for them.
        function: the Lambda function that it is, as far as its token or its name tell.
    """

    user: str
    database: str
    variables: Mapping[str, str] = field(default_factory=dict)
    function: str = ""

    @property
    def application(self) -> str:
        """Its `application_name`."""
        return self.variables.get("application_name", "")


class House(Protocol):
    """What a client asks of the gate that it is at."""

    reactor: Reactor
    lending: Lending[DatabaseConnection]

    def knows_greeting(self, who: Who) -> bytes | None:
        """What ends its login, if that was learned already."""

    def prepare(self, connection: DatabaseConnection, who: Who) -> Conversation:
        """Set its variables on a connection; learns its greeting."""

    def pinned(self, client: "Client", rule: Rule, text: str) -> None:
        """It is pinned from now on."""

    def will_pin(self, client: "Client", rule: Rule, text: str) -> None:
        """It prepared a statement that pins when it runs."""

    def too_long(self) -> Refusal:
        """What is said to who waited in vain."""

    def returned(self, connection: DatabaseConnection) -> None:
        """A client has the connection no more."""

    def gone(self, client: "Client") -> None:
        """It is gone."""


class _Remains:
    """What a client left at work: until it ends, its connection is one, whether anybody waits for the answer or not."""

    is_pinned = is_held = False

    def __init__(self, house: House, connection: DatabaseConnection, session: Session, last: bytes) -> None:
        self._house, self._connection, self._session = house, connection, session
        connection.client = self
        connection.lent_since = time.monotonic()
        connection.send(last)
        connection.watch(reads=True)

    def answered(self, data: bytes) -> None:
        """Nobody hears it."""
        self._session.answer(data)
        if not self._session.outstanding:
            self._house.returned(self._connection)
            self._house.lending.close(self._connection)

    def lost(self) -> None:
        """It has ended, too."""

    def balance(self) -> None:
        """Nobody is slow to read it."""


class Client(Side):
    """One client: it borrows a database connection when it speaks, and gives it back when it can.

    Attributes:
        key: user and database: which connections fit.
        connection: the one that it has.
        active: when it last spoke, or was seen to be busy.
    """

    __slots__ = (
        "_enters",
        "_house",
        "_inbox",
        "_is_gone",
        "_last",
        "_pending",
        "_waits",
        "active",
        "connection",
        "key",
        "number",
        "session",
        "who",
    )

    def __init__(self, house: House, its_socket: socket.socket, who: Who, number: int) -> None:
        super().__init__(house.reactor, its_socket)
        self.who = who
        self.number = number
        self.key: Key = (who.user, who.database)
        self.connection: DatabaseConnection | None = None
        self.active = time.monotonic()
        self.session = Session(
            lambda rule, text: house.pinned(self, rule, text), lambda rule, text: house.will_pin(self, rule, text)
        )
        self._house = house
        # What TLS has read from its socket and not yet handed out: epoll does not know of it.
        self._pending: Callable[[], int] | None = its_socket.pending if isinstance(its_socket, ssl.SSLSocket) else None
        self._inbox = b""  # what it said while it waits
        self._waits = False
        self._enters = True
        self._is_gone = False
        self._last: DatabaseConnection | None = None  # where its unnamed statement is

    @property
    def is_pinned(self) -> bool:
        """Whether its connection is its own until it leaves."""
        return self.session.pin is not None

    @property
    def is_held(self) -> bool:
        """Whether nothing but its prepared statements keeps its connection."""
        return self.connection is not None and not self.is_pinned and self.session.is_idle and self.session.is_held

    @property
    def is_busy(self) -> bool:
        """Whether it waits, for a connection or an answer."""
        return self._waits or self.session.outstanding > 0

    def enter(self) -> None:
        """Be greeted, for which the first of its kind needs a database connection."""
        greeting = self._house.knows_greeting(self.who)
        if greeting is None:
            self._borrow()
        else:
            self._enters = False
            self.send(greeting)
        self.balance()

    def readable(self) -> None:
        """It speaks."""
        self.active = time.monotonic()
        try:
            data = self.socket.recv(CHUNK_BYTES)
            while self._pending is not None and (pending := self._pending()):
                data += self.socket.recv(pending)
        except NOT_NOW:
            return
        except OSError:
            data = b""
        try:
            if not data:
                self.leave()
            elif self._waits:
                self._inbox += data
                self.balance()
            elif self.connection is not None:
                self._ask(data)
            elif self.session.begins_with_goodbye(data):
                self.leave()
            else:
                self._inbox = data
                self._borrow()
        except Refusal as refusal:
            self.refuse(refusal)
        except Exception:  # a fault with one client must not end all others
            traceback.print_exc(file=sys.stderr)
            self.leave()

    def answered(self, data: bytes) -> None:
        """The database answered: it may be that it is needed no more."""
        if data.endswith(_CRASHED) and self.session.ends_before(data, len(_CRASHED)):
            data = data[: -len(_CRASHED)]
        self.send(data)
        if self.session.answer(data):
            self._give_back()
        if self.session.ended and not self.session.outstanding:
            self.leave()
        if self._mask != READ or self.blocked:
            self.balance()

    def granted(self, connection: DatabaseConnection) -> None:
        """It need not wait any longer."""
        self._take(connection)

    def timed_out(self) -> None:
        """It waited in vain."""
        self.refuse(self._house.too_long())

    def refuse(self, refusal: Refusal) -> None:
        """Say so and let it go."""
        self.send(refusal.sent())
        self.leave()

    def leave(self) -> None:
        """It is gone, or has to go: nothing of it stays on a connection that others get."""
        if self._is_gone:
            return
        self._is_gone = True
        self._house.lending.leave(self)
        connection, self.connection = self.connection, None
        if connection is not None:
            self._house.returned(connection)
            last = self.session.give_up() if self.session.outstanding else None
            connection.watch(reads=True)
            if self._waits or connection.blocked:
                self._house.lending.close(connection)
            elif self.session.is_free:
                self._house.lending.give_back(connection)
            elif last is None:
                self._house.lending.close(connection)
            else:
                _Remains(self._house, connection, self.session, last)
        self.close()
        self._house.gone(self)

    def lost(self) -> None:
        """Its connection is gone, which said last what was to be said."""
        self.connection = None
        self.leave()

    def broken(self) -> None:
        """It takes nothing any more."""
        self.leave()

    def unblocked(self) -> None:
        """It took everything."""
        self.balance()

    def balance(self) -> None:
        """Read of either side what the other one takes."""
        if self._is_gone:
            return
        connection = self.connection
        is_full = self._waits and len(self._inbox) >= CHUNK_BYTES
        others = connection is not None and connection.blocked
        self.watch(reads=not (self.blocked or others or is_full or self.session.is_full))
        if connection is not None and not self._waits:  # else whoever prepares it watches it
            connection.watch(reads=not self.blocked)

    def _borrow(self) -> None:
        self._waits = True  # before it asks, for it may be granted one meanwhile
        connection = self._house.lending.borrow(self, self._last)
        if connection is not None:
            self._take(connection)

    def _take(self, connection: DatabaseConnection) -> None:
        self._waits = False
        self.connection = connection
        connection.client = self
        connection.lent_since = time.monotonic()
        if connection.unnamed_of is not self:
            self.session.moves()
        if self._enters or connection.variables != self.who.variables:
            connection.unwatch()
            self._waits = True  # what it says meanwhile is kept
            self._house.reactor.converse(self._prepare(connection), seconds=_PREPARE_SECONDS)
        else:
            self._go_on()

    def _prepare(self, connection: DatabaseConnection) -> Conversation:
        try:
            yield from self._house.prepare(connection, self.who)
        except Refusal as refusal:
            self.refuse(refusal)
            return
        except (OSError, EOFError, GeneratorExit):
            self.leave()
            return
        if self._is_gone:
            return
        self._waits = False
        connection.watch(reads=True)
        if self._enters:
            self._enters = False
            self.send(self._house.knows_greeting(self.who) or b"")
            self._give_back()
        if self._inbox and not self._is_gone:
            if self.connection is None:
                self._borrow()
            else:
                self._go_on()
        self.balance()

    def _go_on(self) -> None:
        """Hand on what it said while it waited."""
        data, self._inbox = self._inbox, b""
        # Who goes here may give its connection to the next one that goes: later, or a queue of them is a deep stack.
        try:
            self._ask(data)
        except Refusal as refusal:
            self._house.reactor.call_at(0.0, partial(self.refuse, refusal))
        except Exception:
            traceback.print_exc(file=sys.stderr)
            self._house.reactor.call_at(0.0, self.leave)
        if self._mask != READ or self.blocked:
            self.balance()

    def _ask(self, data: bytes) -> None:
        connection = self.connection
        if connection is None:
            return
        forward = self.session.ask(data)
        if forward:
            connection.send(forward)
        if connection.blocked or self.session.is_full:
            self.balance()
        if not self.session.outstanding and (self.session.is_idle or self.session.ended):
            # Nothing that is answered. Later, for who is given the connection then may have said no more than this one.
            self._house.reactor.call_at(0.0, self._rest)

    def _rest(self) -> None:
        """Give the connection back if nothing is awaited, unless it has to stay."""
        session = self.session
        if session.ended and not session.outstanding:
            self.leave()
        elif session.is_free:
            self._give_back()

    def _give_back(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            self._last = connection if self.session.has_unnamed else None
            connection.unnamed_of = self if self.session.has_unnamed else None
            if connection.blocked:  # by what nobody answers: the next client would wait for it
                connection.is_stale = True
            self._house.returned(connection)
            self._house.lending.give_back(connection)
