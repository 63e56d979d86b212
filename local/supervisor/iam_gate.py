"""The IAM gate in front of a pooler: ends TLS, checks the client's token, and relays to PgBouncer.

No pooler takes an IAM token of more than a kilobyte as a password. Users with a password of their own on the same proxy
prove it to PgBouncer itself, through the gate. `python -m local.supervisor.iam_gate FILE` serves one proxy; SIGHUP
reads the file again. The file (0600) holds the keys of those who sign tokens.
"""

import contextlib
import errno
import json
import os
import signal
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ..gate.reactor import READ, WRITE, Conversation, Reactor
from ..iam.statements import unsure
from ..iam.tokens import CONNECT, Principal, TokenAudience, refusal
from .relay import Relay

_T = TypeVar("_T")

# Version 3, in the upper half of the code.
_PROTOCOL = 3
_SSL_REQUEST, _GSS_REQUEST, _CANCEL_REQUEST = 80877103, 80877104, 80877102
_LONGEST_PACKET = 10_000
_LOGIN_SECONDS = 15.0
_BACKLOG = 4096


class Refusal(Exception):  # noqa: N818 - what is sent to the client, not a fault of ours
    """A login that ends here: SQLSTATE and message."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(message)
        self.state = state


class Gate:
    """Serves one proxy in one thread: logins that wait their turn must not starve the clients that are in."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._asked = self._taken = 0
        self._reading = False
        self._checked = (0, 0)  # in which second, how many tokens
        self.read()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.settings["certificate"], self.settings["key"])
        self._context.num_tickets = 0  # no client of PostgreSQL resumes a session
        # By way of the folder's descriptor, for a socket's path holds no more than 107 characters.
        self._pooler_folder = os.open(self.settings["pooler_folder"], os.O_PATH | os.O_DIRECTORY)
        self._reactor = Reactor()
        self._relay = Relay(self._reactor)

    def read(self) -> None:
        """Take the settings from the file."""
        self.settings: dict[str, Any] = json.loads(self._file.read_text())
        self._audience = TokenAudience(**self.settings["audience"])
        self._principals = {key: Principal(**each) for key, each in self.settings["principals"].items()}
        for key, principal in self._principals.items():
            for sentence in unsure(principal.statements, action=CONNECT):
                print(f"{key}: {sentence}", flush=True)

    def read_again(self, *_: object) -> None:
        """Take other settings, as the handler of a signal: one that comes meanwhile has them read once more.

        Read inside the first reading, the newer settings would be overwritten by the older ones when that goes on.
        """
        self._asked += 1
        while self._taken != self._asked and not self._reading:
            self._reading, asked = True, self._asked
            try:
                self.read()
                self._taken = asked
            finally:
                self._reading = False

    def serve(self) -> None:
        """Serve until ended."""
        signal.signal(signal.SIGHUP, self.read_again)
        with socket.create_server((self.settings["address"], self.settings["port"]), backlog=_BACKLOG) as server:
            server.setblocking(False)
            self._reactor.watch(server.fileno(), READ, lambda _: self._accept(server))
            self._reactor.run()

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it went away, or there are no more file descriptors
            client, _ = server.accept()
            self._reactor.converse(self._let_in(client), seconds=_LOGIN_SECONDS)

    def _let_in(self, client: socket.socket) -> Conversation:
        """Bring a client as far as a connection to the pooler that waits for it; the relay does the rest."""
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.ExitStack() as closing:
            closing.callback(lambda: _close(client))
            try:
                client, startup = yield from self._begin(client)
                by_token = self._is_by_token(startup, encrypted=isinstance(client, ssl.SSLSocket))
                if by_token:
                    yield from self._check(client, _user(startup))
                pooler = closing.enter_context(socket.socket(socket.AF_UNIX if by_token else socket.AF_INET))
                yield from self._reach(pooler)
                pooler.sendall(startup)
            except Refusal as refused:
                with contextlib.suppress(OSError):
                    client.sendall(_error(refused.state, str(refused)))
                return
            except (OSError, EOFError):
                return  # it went away
            closing.pop_all()
            self._relay.add(client, pooler)

    def _begin(self, client: socket.socket) -> Generator[tuple[int, int], None, tuple[socket.socket, bytes]]:
        """The client, under TLS if it asks for it, and its startup packet."""
        packet = yield from _packet(client)
        while _code(packet) == _GSS_REQUEST:
            client.sendall(b"N")
            packet = yield from _packet(client)
        if _code(packet) != _SSL_REQUEST:
            return client, packet
        client.sendall(b"S")
        encrypted = self._context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        yield from _patiently(encrypted, encrypted.do_handshake)
        startup = yield from _packet(encrypted)
        return encrypted, startup

    def _is_by_token(self, startup: bytes, *, encrypted: bool) -> bool:
        """Whether this user logs in with a token; else PgBouncer, which is asked next, checks the password."""
        if _code(startup) == _CANCEL_REQUEST:
            raise Refusal("0A000", "RDS Proxy does not support cancel requests.")
        user = _user(startup)
        if user in self.settings["token_users"]:
            if not encrypted:
                raise Refusal("28000", "IAM authentication is allowed only with SSL connections.")
            return True
        if user in self.settings["password_users"]:
            if self.settings["require_tls"] and not encrypted:
                raise Refusal("28000", "This RDS Proxy requires TLS connections.")
            return False
        raise Refusal("28000", f"This RDS proxy has no credentials for the role {user}.")

    def _check(self, client: socket.socket, user: str) -> Conversation:
        client.sendall(b"R" + struct.pack("!ii", 8, 3))  # a password, please: that is what a token is sent as
        password = yield from _message(client, b"p")
        token = password.rstrip(b"\0").decode(errors="replace")
        if not self._checks_another():
            raise Refusal("53300", "The IAM authentication failed because of too many competing requests.")
        reason = refusal(token, user, self._audience, self._principals)
        if reason is not None:
            raise Refusal("28P01", f"The IAM authentication failed for the role {user}: {reason}.")

    def _checks_another(self) -> bool:
        """Whether IAM answers in this second: of RDS its limit is not known, so only who asks for one has it."""
        most: int | None = self.settings.get("tokens_per_second")
        second = int(time.monotonic())
        if most is None:
            return True
        self._checked = (second, self._checked[1] + 1 if self._checked[0] == second else 1)
        return self._checked[1] <= most

    def _reach(self, pooler: socket.socket) -> Conversation:
        """Connect to PgBouncer: at its private socket, where it trusts us, or where it asks for a password."""
        pooler.setblocking(False)
        if pooler.family == socket.AF_INET:
            pooler.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            address: Any = (self.settings["address"], self.settings["pooler_port"])
        else:
            address = f"/proc/self/fd/{self._pooler_folder}/.s.PGSQL.{self.settings['pooler_port']}"
        failed = pooler.connect_ex(address)
        while failed == errno.EAGAIN:  # its queue is full; a socket that is not connected is always ready
            yield pooler.fileno(), WRITE
            failed = pooler.connect_ex(address)
        if failed == errno.EINPROGRESS:
            yield pooler.fileno(), WRITE
            failed = pooler.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed or (pooler.family == socket.AF_UNIX and _listener(pooler) != os.fstat(self._pooler_folder).st_uid):
            raise Refusal("08006", "the pooler of this proxy is not there at the moment; it is being restarted.")


def _listener(client: socket.socket) -> int:
    """The account that listens at the other end: a link of the pooler's account may lead to a socket of another one."""
    _, account, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(account)


def _close(client: socket.socket) -> None:
    if isinstance(client, ssl.SSLSocket):
        with contextlib.suppress(OSError, ValueError):
            client.unwrap()
    client.close()


def _patiently(source: socket.socket, action: Callable[[], _T]) -> Generator[tuple[int, int], None, _T]:
    """What `action` on a socket that does not block gives, once it does not say to wait."""
    while True:
        try:
            return action()
        except (BlockingIOError, ssl.SSLWantReadError):
            yield source.fileno(), READ
        except ssl.SSLWantWriteError:
            yield source.fileno(), WRITE


def _exactly(source: socket.socket, count: int) -> Generator[tuple[int, int], None, bytes]:
    data = b""
    while len(data) < count:
        part = yield from _patiently(source, partial(source.recv, count - len(data)))
        if not part:
            raise EOFError
        data += part
    return data


def _packet(source: socket.socket) -> Generator[tuple[int, int], None, bytes]:
    """A packet without a type: length, code, rest."""
    head = yield from _exactly(source, 4)
    rest = yield from _exactly(source, _length(head) - 4)
    return head + rest


def _message(source: socket.socket, kind: bytes) -> Generator[tuple[int, int], None, bytes]:
    """The body of a message that must be of a kind."""
    head = yield from _exactly(source, 5)
    body = yield from _exactly(source, _length(head[1:]) - 4)
    if head[:1] != kind:
        raise Refusal("08P01", "an unexpected message came before the login was done.")
    return body


def _length(head: bytes) -> int:
    (length,) = struct.unpack("!i", head)
    if not 4 <= length <= _LONGEST_PACKET:
        raise Refusal("08P01", "invalid length of a packet.")
    return int(length)


def _code(packet: bytes) -> int:
    return int(struct.unpack("!i", packet[4:8])[0]) if len(packet) >= 8 else 0


def _user(startup: bytes) -> str:
    """Whom a packet that begins a session is of.

    Raises:
        Refusal: it is not quite as the protocol has it, so that the pooler could read another user in it, or wait for
            another packet; what it is told by us it takes on trust.
    """
    words, end = startup[8:-2].split(b"\0"), startup[-2:]
    names = words[::2]
    whole = _code(startup) >> 16 == _PROTOCOL and end == b"\0\0" and len(words) % 2 == 0
    if not whole or not all(names) or len(names) != len({*names}):
        raise Refusal("08P01", "invalid startup packet.")
    return dict(zip(names, words[1::2], strict=True)).get(b"user", b"").decode(errors="replace")


def _error(state: str, message: str) -> bytes:
    body = b"".join(kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", state), (b"M", message)))
    return b"E" + struct.pack("!i", len(body) + 5) + body + b"\0"


if __name__ == "__main__":
    Gate(Path(sys.argv[1])).serve()
