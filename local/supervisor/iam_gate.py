"""The door of an `iam` proxy: ends TLS, checks the client's token, and relays to PgBouncer's private port.

No pooler takes an IAM token of more than a kilobyte as a password. `python -m local.supervisor.iam_gate FILE` serves
one proxy; SIGHUP reads the file again. The file (0600) holds the passwords that PgBouncer asks for.
"""

import contextlib
import errno
import json
import signal
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from .iam_statements import unsure
from .iam_tokens import CONNECT, Door, Principal, refusal
from .reactor import READ, WRITE, Conversation, Reactor
from .relay import Relay

_T = TypeVar("_T")

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
        self.read()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.settings["certificate"], self.settings["key"])
        self._context.num_tickets = 0  # no client of PostgreSQL resumes a session
        self._reactor = Reactor()
        self._relay = Relay(self._reactor)

    def read(self) -> None:
        """Take the settings from the file."""
        self.settings: dict[str, Any] = json.loads(self._file.read_text())
        self._door = Door(**self.settings["door"])
        self._principals = {key: Principal(**each) for key, each in self.settings["principals"].items()}
        for key, principal in self._principals.items():
            for sentence in unsure(principal.statements, action=CONNECT):
                print(f"{key}: {sentence}", flush=True)

    def serve(self) -> None:
        """Serve until ended."""
        signal.signal(signal.SIGHUP, lambda *_: self.read())
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
                client = yield from self._encrypted(client)
                startup, user = yield from self._log_in(client)
                pooler = closing.enter_context(socket.socket())
                yield from self._greet(pooler, startup, user)
            except Refusal as refused:
                with contextlib.suppress(OSError):
                    client.sendall(_error(refused.state, str(refused)))
                return
            except (OSError, EOFError):
                return  # it went away
            closing.pop_all()
            self._relay.add(client, pooler)

    def _encrypted(self, client: socket.socket) -> Generator[tuple[int, int], None, ssl.SSLSocket]:
        packet = yield from _packet(client)
        while _code(packet) == _GSS_REQUEST:
            client.sendall(b"N")
            packet = yield from _packet(client)
        if _code(packet) != _SSL_REQUEST:
            raise Refusal("28000", "IAM authentication is allowed only with SSL connections.")
        client.sendall(b"S")
        encrypted = self._context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        yield from _patiently(encrypted, encrypted.do_handshake)
        return encrypted

    def _log_in(self, client: socket.socket) -> Generator[tuple[int, int], None, tuple[bytes, str]]:
        startup = yield from _packet(client)
        if _code(startup) == _CANCEL_REQUEST:
            raise Refusal("0A000", "RDS Proxy does not support cancel requests.")
        user = _parameters(startup).get("user", "")
        client.sendall(b"R" + struct.pack("!ii", 8, 3))  # a password, please: that is what a token is sent as
        password = yield from _message(client, b"p")
        self._check(user, password.rstrip(b"\0").decode(errors="replace"))
        return startup, user

    def _check(self, user: str, password: str) -> None:
        if user not in self.settings["passwords"]:
            raise Refusal("28000", f"This RDS proxy has no credentials for the role {user}.")
        reason = refusal(password, user, self._door, self._principals)
        if reason is not None:
            raise Refusal("28P01", f"The IAM authentication failed for the role {user}: {reason}.")

    def _greet(self, pooler: socket.socket, startup: bytes, user: str) -> Conversation:
        """Connect to the pooler and give it the secret's password; its verdict is relayed."""
        pooler.setblocking(False)
        pooler.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        failed = pooler.connect_ex((self.settings["address"], self.settings["pooler_port"]))
        if failed == errno.EINPROGRESS:
            yield pooler.fileno(), WRITE
            failed = pooler.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            raise Refusal("08006", "the pooler of this proxy is not there at the moment; it is being restarted.")
        pooler.sendall(startup)
        # A refusal comes instead of the question: then it is the client's to hear.
        first = yield from _patiently(pooler, lambda: pooler.recv(1, socket.MSG_PEEK))
        if first == b"R":
            yield from _message(pooler, b"R")
            word = self.settings["passwords"][user].encode() + b"\0"
            pooler.sendall(b"p" + struct.pack("!i", len(word) + 4) + word)


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


def _parameters(startup: bytes) -> dict[str, str]:
    words = startup[8:].split(b"\0")
    pairs = zip(words[::2], words[1::2], strict=False)
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs if name}


def _error(state: str, message: str) -> bytes:
    body = b"".join(kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", state), (b"M", message)))
    return b"E" + struct.pack("!i", len(body) + 5) + body + b"\0"


if __name__ == "__main__":
    Gate(Path(sys.argv[1])).serve()
