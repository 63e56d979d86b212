"""The gate of one proxy: lets clients in and lends them database connections, in one thread.

PgBouncer, behind it in session mode, opens the connections, limits them and resets them; the gate says who has one.
"""

import contextlib
import errno
import json
import os
import secrets
import signal
import socket
import ssl
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ops.pinning.digest import digest
from ops.pinning.rule import Rule

from ..iam.statements import unsure
from ..iam.tokens import CONNECT
from .client import Client, Who
from .database_connection import DatabaseConnection
from .lending import Key, Lending
from .login import Logins
from .opening import NotYet, open_connection, until_ready
from .protocol import Refusal, as_the_server_has_it, greeting, settings_query
from .reactor import READ, WRITE, Conversation, Reactor
from .seen import SOCKET, PinCounts, PinKey, Seen
from .settings import GateSettings
from .short_path import short_path
from .side import close

_LOGIN_SECONDS = 15.0
_OPEN_SECONDS = 15.0
_RETRY_SECONDS = 0.1
_SWEEP_SECONDS = 1.0
_BACKLOG = 4096
# RDS Proxy closes database connections that were idle for 5 minutes, and lets none live beyond 24 h.
_IDLE_SECONDS = 300.0
_LIFETIME_SECONDS = 86_400.0
_MOST_GREETINGS = 1_000
_HELD = "held here by prepared statements; RDS Proxy multiplexes these"


class Gate:
    """Serves one proxy: logins that wait their turn must not starve the clients that are in."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.settings = GateSettings.read(file)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.settings.certificate, self.settings.key)
        self._context.num_tickets = 0  # no client of PostgreSQL resumes a session
        self._pooler_folder = os.open(self.settings.pooler_folder, os.O_PATH | os.O_DIRECTORY)
        self.reactor = Reactor()
        self.lending = Lending[DatabaseConnection](open_=self._open, close=self._close, alarm=self.reactor.call_at)
        self._logins = Logins()
        self._clients: set[Client] = set()
        self._connections: set[DatabaseConnection] = set()
        self._greetings: OrderedDict[tuple[str, ...], dict[str, str]] = OrderedDict()
        self._pins = PinCounts()
        self._numbers = self._accepted = self._refused = 0
        self._lent_seconds = 0.0
        self._will_retry = False
        self._tell_lending()
        self._tell_unsure()

    def serve(self) -> None:
        """Serve until ended; SIGHUP has the file read again."""
        wakes, wakened = socket.socketpair()
        for each in (wakes, wakened):
            each.setblocking(False)
        signal.signal(signal.SIGHUP, lambda *_: None)
        signal.set_wakeup_fd(wakened.fileno())
        self.reactor.watch(wakes.fileno(), READ, partial(self._read_again, wakes))
        self.reactor.call_at(time.monotonic() + _SWEEP_SECONDS, self._sweep)
        own = Path(self.settings.folder) / SOCKET
        own.unlink(missing_ok=True)
        with (
            socket.create_server((self.settings.address, self.settings.port), backlog=_BACKLOG) as server,
            socket.socket(socket.AF_UNIX) as teller,
        ):
            _bind(teller, own)
            for listener, accept in ((server, self._accept), (teller, self._tell)):
                listener.setblocking(False)
                self.reactor.watch(listener.fileno(), READ, partial(accept, listener))
            self.reactor.run()

    # What clients ask of it.

    def knows_greeting(self, who: Who) -> bytes | None:
        """What ends a login like this one, if it was learned already."""
        statuses = self._greetings.get(_kind(who))
        if statuses is None:
            return None
        self._greetings.move_to_end(_kind(who))
        named = {"application_name": as_the_server_has_it(who.application)} if who.application else {}
        return greeting({**statuses, **named}, secrets.token_bytes(8))

    def prepare(self, connection: DatabaseConnection, who: Who) -> Conversation:
        """Bring a connection to a client's variables, and learn what such a client is greeted with."""
        yield connection.fileno, WRITE  # at once, but not within what another client does
        changed: dict[str, str] = {}
        if connection.variables != who.variables:
            connection.socket.sendall(settings_query(who.variables, connection.variables, self.settings.init_query))
            changed = yield from until_ready(connection.socket)
            connection.variables = who.variables
        if _kind(who) not in self._greetings:
            self._greetings[_kind(who)] = {**connection.statuses, **changed}
            if len(self._greetings) > _MOST_GREETINGS:
                self._greetings.popitem(last=False)

    def pinned(self, client: Client, rule: Rule, text: str) -> None:
        """Count it, and log it in RDS Proxy's form."""
        key = PinKey(
            reason=rule.reason,
            rule=rule.name,
            digest=digest(text),
            user=client.who.user,
            application=client.who.application,
            function=client.who.function,
        )
        self._pins.add(key)
        number = client.connection.number if client.connection else 0
        self._log(
            "WARN",
            client,
            f"The client session was pinned to the database connection [dbConnection={number}] for the remainder of "
            "the session. The proxy can't reuse this connection until the session ends. "
            f'Reason: {rule.reason} Digest: "{key.digest}".',
        )

    def will_pin(self, client: Client, rule: Rule, text: str) -> None:
        """Log it as RDS Proxy does."""
        self._log(
            "INFO",
            client,
            "If this prepared statement runs, the client session will be pinned to the database connection. "
            f'Reason: {rule.reason} Digest: "{digest(text)}".',
        )

    def too_long(self) -> Refusal:
        """RDS Proxy's words, and what only the laptop does as a detail."""
        held = sum(each.is_held for each in self._clients)
        detail = f"{held} of {self.lending.ceiling} database connections: {_HELD}." if held else ""
        return Refusal("08000", "Timed-out waiting to acquire database connection.", detail)

    def returned(self, connection: DatabaseConnection) -> None:
        """A client has it no more."""
        connection.client = None
        self._lent_seconds += time.monotonic() - connection.lent_since

    def gone(self, client: Client) -> None:
        """It is gone."""
        self._clients.discard(client)

    # Clients that come.

    def _accept(self, server: socket.socket, _: int) -> None:
        client = self._next(server, self._accept)
        if client is not None:
            self.reactor.converse(self._let_in(client), seconds=_LOGIN_SECONDS)

    def _next(self, listener: socket.socket, accept: Callable[[socket.socket, int], None]) -> socket.socket | None:
        """Who is first in a listener's queue; None when it went away, or there are no more file descriptors."""
        try:
            return listener.accept()[0]
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):  # it stays in the queue, of which epoll would tell at once
                self.reactor.forget(listener.fileno())
                again = partial(self.reactor.watch, listener.fileno(), READ, partial(accept, listener))
                self.reactor.call_at(time.monotonic() + _RETRY_SECONDS, again)
            return None

    def _let_in(self, client: socket.socket) -> Conversation:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with contextlib.ExitStack() as closing:
            closing.callback(lambda: client.close())
            try:
                client, packet = yield from self._logins.begin(client, self._context)
                if len(self._clients) >= self.settings.client_limit:
                    most = self.settings.client_limit
                    raise Refusal("53300", f"The maximum number of client connections to the proxy exceeded {most}.")
                who = yield from self._logins.check(client, packet, self.settings)
            except Refusal as refusal:
                self._refused += 1
                with contextlib.suppress(OSError):
                    client.sendall(refusal.sent())
                    close(client)
                print(f"refused: {refusal}", flush=True)
                return
            except (OSError, EOFError):
                return  # it went away
            closing.pop_all()
        self._numbers += 1
        self._accepted += 1
        entered = Client(self, client, who, self._numbers)
        self._clients.add(entered)
        entered.enter()

    # Database connections.

    def _open(self, key: Key) -> None:
        self.reactor.converse(self._opening(key, self.settings), seconds=_OPEN_SECONDS)

    def _opening(self, key: Key, settings: GateSettings) -> Conversation:
        with contextlib.ExitStack() as closing:
            try:
                pooler = closing.enter_context(_socket())
                statuses = yield from open_connection(pooler, self._pooler_folder, key, settings)
            except Refusal as refusal:
                self._not_opened(key, refusal)
                return
            except (NotYet, OSError, GeneratorExit):
                self._not_opened(key, None)
                return
            except Exception:  # whatever it was, the others must not be one connection fewer for it
                traceback.print_exc()
                self._not_opened(key, None)
                return
            closing.pop_all()
        self._numbers += 1
        connection = DatabaseConnection(
            self.reactor, pooler, key=key, statuses=statuses, lost=self._lost, number=self._numbers
        )
        connection.is_stale = settings.opens_with != self.settings.opens_with
        connection.watch(reads=True)
        self._connections.add(connection)
        self.lending.opened(connection)

    def _not_opened(self, key: Key, refusal: Refusal | None) -> None:
        waiting = self.lending.not_opened(key)
        if refusal is not None and waiting:
            print(f"the database refuses {key[0]}: {refusal}", flush=True)
            waiting[0].refuse(refusal)
        if self.lending.waiting and not self._will_retry:  # once for all of them, whatever they wait for
            self._will_retry = True
            self.reactor.call_at(time.monotonic() + _RETRY_SECONDS, self._retry)

    def _retry(self) -> None:
        self._will_retry = False
        self.lending.retry()

    def _close(self, connection: DatabaseConnection) -> None:
        self._connections.discard(connection)
        connection.close()

    def _lost(self, connection: DatabaseConnection) -> None:
        """The database or PgBouncer ended it."""
        if connection in self._connections:
            if connection.client is not None:
                client = connection.client
                self.returned(connection)
                client.lost()
            self.lending.close(connection)

    # What changes.

    def _read_again(self, wakes: socket.socket, _: int) -> None:
        """Take other settings; who is in stays in."""
        with contextlib.suppress(BlockingIOError):
            while wakes.recv(1024):
                pass
        before, self.settings = self.settings, GateSettings.read(self._file)
        if before.opens_with != self.settings.opens_with:
            self._greetings.clear()
            for connection in self._connections:
                connection.is_stale = True
            self.lending.drop(lambda _: True)
        self._tell_lending()
        self._tell_unsure()

    def _tell_lending(self) -> None:
        self.lending.change(ceiling=self.settings.ceiling, borrow_timeout=self.settings.borrow_timeout)

    def _tell_unsure(self) -> None:
        for key, principal in self.settings.principals.items():
            for sentence in unsure(principal.statements, action=CONNECT):
                print(f"{key}: {sentence}", flush=True)

    def _sweep(self) -> None:
        """Close what was idle for too long, clients and connections."""
        now = time.monotonic()
        self.lending.drop(lambda each: now - each.idle_since > _IDLE_SECONDS or now - each.opened > _LIFETIME_SECONDS)
        for connection in self._connections:
            connection.is_stale |= now - connection.opened > _LIFETIME_SECONDS
        idle_client_timeout = self.settings.idle_client_timeout
        for client in list(self._clients):
            if client.is_busy:
                client.active = now  # it may have asked long ago: idle it is from its answer on
            elif now - client.active > idle_client_timeout:
                client.leave()
        self.reactor.call_at(now + _SWEEP_SECONDS, self._sweep)

    # What is seen.

    def _tell(self, teller: socket.socket, _: int) -> None:
        asker = self._next(teller, self._tell)
        if asker is not None:
            with asker, contextlib.suppress(OSError):
                asker.settimeout(1.0)
                asker.sendall(json.dumps(self.seen().as_json()).encode())

    def seen(self) -> Seen:
        """As of now."""
        lending = self.lending
        now = time.monotonic()
        lent = [each for each in self._connections if each.client is not None]
        return Seen(
            clients=len(self._clients),
            waiting=lending.waiting,
            ceiling=lending.ceiling,
            connections=len(self._connections),
            borrowed=len(lent),
            pinned=sum(each.client is not None and each.client.is_pinned for each in lent),
            held=sum(each.client is not None and each.client.is_held for each in lent),
            accepted=self._accepted,
            refused=self._refused,
            borrows=lending.borrows,
            borrow_seconds=lending.borrow_seconds,
            lent_seconds=self._lent_seconds + sum(now - each.lent_since for each in lent),
            timeouts=lending.timeouts,
            borrow_timeout=lending.borrow_timeout,
            idle_client_timeout=self.settings.idle_client_timeout,
            require_tls=self.settings.require_tls,
            pins=self._pins.now(),
        )

    def _log(self, level: str, client: Client, text: str) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        print(f"{at} [{level}] [proxyEndpoint=default] [clientConnection={client.number}] {text}", flush=True)


def _kind(who: Who) -> tuple[str, ...]:
    """Logins that are greeted alike: an application's name is told as it was given."""
    variables = (f"{name}={value}" for name, value in sorted(who.variables.items()) if name != "application_name")
    return (who.user, who.database, *variables)


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.setblocking(False)
    return made


def _bind(listener: socket.socket, file: Path) -> None:
    """Listen at a socket that nobody else may use."""
    mask = os.umask(0o177)
    try:
        with short_path(file.parent) as folder:
            listener.bind(f"{folder}/{file.name}")
    finally:
        os.umask(mask)
    listener.listen()
