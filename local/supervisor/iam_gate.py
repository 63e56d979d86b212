"""The door of an `iam` proxy: ends TLS, checks the client's token, and relays to PgBouncer's private port.

No pooler takes an IAM token of more than a kilobyte as a password. `python -m local.supervisor.iam_gate FILE` serves
one proxy; SIGHUP reads the file again. The file (0600) holds the passwords that PgBouncer asks for.
"""

import contextlib
import json
import signal
import socket
import ssl
import struct
import sys
import threading
from pathlib import Path
from typing import Any

from .iam_tokens import Door, Principal, refusal
from .relay import Relay

_SSL_REQUEST, _GSS_REQUEST, _CANCEL_REQUEST = 80877103, 80877104, 80877102
_LONGEST_PACKET = 10_000
_LOGIN_SECONDS = 15.0
_THREAD_STACK_BYTES = 256 * 1024
_BACKLOG = 4096


class Refusal(Exception):  # noqa: N818 - what is sent to the client, not a fault of ours
    """A login that ends here: SQLSTATE and message."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(message)
        self.state = state


class Gate:
    """Serves one proxy: a thread for each login, and one that relays for all who are in."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.read()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.settings["certificate"], self.settings["key"])
        self._context.num_tickets = 0  # no client of PostgreSQL resumes a session
        self._relay = Relay()

    def read(self) -> None:
        """Take the settings from the file."""
        self.settings: dict[str, Any] = json.loads(self._file.read_text())
        self._door = Door(**self.settings["door"])
        self._principals = {key: Principal(**each) for key, each in self.settings["principals"].items()}

    def serve(self) -> None:
        """Serve until ended."""
        signal.signal(signal.SIGHUP, lambda *_: self.read())
        threading.stack_size(_THREAD_STACK_BYTES)
        with socket.create_server((self.settings["address"], self.settings["port"]), backlog=_BACKLOG) as server:
            while True:
                client, _ = server.accept()
                threading.Thread(target=self._let_in, args=(client,), daemon=True).start()

    def _let_in(self, client: socket.socket) -> None:
        """Bring a client as far as a connection to the pooler that waits for it; the relay does the rest."""
        client.settimeout(_LOGIN_SECONDS)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            try:
                client = self._encrypted(client)
                self._relay.add(client, self._log_in(client))
            except Refusal as refused:
                client.sendall(_error(refused.state, str(refused)))
                _close(client)
        except (OSError, EOFError):
            client.close()  # it went away, or never spoke

    def _encrypted(self, client: socket.socket) -> ssl.SSLSocket:
        packet = _packet(client)
        while _code(packet) == _GSS_REQUEST:
            client.sendall(b"N")
            packet = _packet(client)
        if _code(packet) != _SSL_REQUEST:
            raise Refusal("28000", "IAM authentication is allowed only with SSL connections.")
        client.sendall(b"S")
        return self._context.wrap_socket(client, server_side=True)

    def _log_in(self, client: socket.socket) -> socket.socket:
        startup = _packet(client)
        if _code(startup) == _CANCEL_REQUEST:
            raise Refusal("0A000", "RDS Proxy does not support cancel requests.")
        user = _parameters(startup).get("user", "")
        client.sendall(b"R" + struct.pack("!ii", 8, 3))  # a password, please: that is what a token is sent as
        password = _message(client, b"p")
        self._check(user, password.rstrip(b"\0").decode(errors="replace"))
        return self._pooler(startup, user)

    def _check(self, user: str, password: str) -> None:
        if user not in self.settings["passwords"]:
            raise Refusal("28000", f"This RDS proxy has no credentials for the role {user}.")
        reason = refusal(password, user, self._door, self._principals)
        if reason is not None:
            raise Refusal("28P01", f"The IAM authentication failed for the role {user}: {reason}.")

    def _pooler(self, startup: bytes, user: str) -> socket.socket:
        """A connection to the pooler with the secret's password given; its verdict is relayed."""
        pooler = socket.create_connection(
            (self.settings["address"], self.settings["pooler_port"]), timeout=_LOGIN_SECONDS
        )
        pooler.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pooler.sendall(startup)
        # A refusal comes instead of the question: then it is the client's to hear.
        if pooler.recv(1, socket.MSG_PEEK) == b"R":
            _message(pooler, b"R")
            word = self.settings["passwords"][user].encode() + b"\0"
            pooler.sendall(b"p" + struct.pack("!i", len(word) + 4) + word)
        return pooler


def _close(client: socket.socket) -> None:
    if isinstance(client, ssl.SSLSocket):
        with contextlib.suppress(OSError, ValueError):
            client.setblocking(False)
            client.unwrap()
    client.close()


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = source.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _packet(source: socket.socket) -> bytes:
    """A packet without a type: length, code, rest."""
    head = _exactly(source, 4)
    return head + _exactly(source, _length(head) - 4)


def _message(source: socket.socket, kind: bytes) -> bytes:
    """The body of a message that must be of a kind."""
    head = _exactly(source, 5)
    body = _exactly(source, _length(head[1:]) - 4)
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
