"""Servers that want the password as it is, as RDS and RDS Proxy want an IAM token, and note what they are shown.

MariaDB has no such plugin without PAM, so this much of the protocol is spoken here: MySQL's "Connection Phase". That of
PostgreSQL is what a liar in the way of a connection would say: there is no TLS here, and the password, please.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.supervisor.certificates import Authority

from .cloud import free_address

_PROTOCOL_41, _SSL, _SECURE, _PLUGINS, _LENENC, _WITH_DB = 0x200, 0x800, 0x8000, 0x80000, 0x200000, 0x8
_OK = b"\0\0\0" + struct.pack("<HH", 2, 0)
_QUIT = 1


@dataclass
class TokenServer:
    """Where it listens, what to trust, and the passwords it was shown with whether TLS was on.

    `answers` are the first answers under TLS, which hold a password where the greeting's login is to send it.
    """

    address: str
    bundle: str
    shown: list[tuple[bytes, bool]] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)


@contextmanager
def listening(
    folder: Path, *, tls: bool = True, greets: str = "caching_sha2_password", asks: str = "mysql_clear_password"
) -> Iterator[TokenServer]:
    """A MySQL server on an address of its own, for the length of a block.

    `tls` is whether it offers TLS, `greets` the login that it begins with, `asks` the one that it then asks for.
    """
    server, context = _server(folder)
    with _serving(server, 3306, lambda client: _log_in(client, context if tls else None, server, greets, asks)):
        yield server


@contextmanager
def listening_postgresql(folder: Path, *, tls: bool = False, md5: bool = False) -> Iterator[TokenServer]:
    """A PostgreSQL server on an address of its own, for the length of a block.

    `tls` is whether it offers TLS, `md5` whether it asks for a hash instead of the password.
    """
    server, context = _server(folder)
    with _serving(server, 5432, lambda client: _log_in_to_postgresql(client, context if tls else None, server, md5)):
        yield server


def _server(folder: Path) -> tuple[TokenServer, ssl.SSLContext]:
    authority = Authority(folder)
    server = TokenServer(free_address(), str(authority.bundle))
    certificate, key = authority.issue(
        folder, name="orders.proxy-c0ffee123456.eu-west-1.rds.amazonaws.com", address=server.address
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return server, context


@contextmanager
def _serving(server: TokenServer, port: int, log_in: Callable[[socket.socket], None]) -> Iterator[None]:
    with socket.create_server((server.address, port)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with contextlib.suppress(OSError, EOFError), client:
                        log_in(client)

        threading.Thread(target=serve, daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


def _log_in_to_postgresql(
    client: socket.socket, context: ssl.SSLContext | None, server: TokenServer, md5: bool
) -> None:
    while True:
        (size,) = struct.unpack("!I", _exactly(client, 4))
        if size != 8:  # not a request for TLS or GSSAPI but the startup message itself
            break
        _exactly(client, 4)
        client.sendall(b"S" if context else b"N")
        client = context.wrap_socket(client, server_side=True) if context else client
    _exactly(client, size - 4)
    client.sendall(b"R" + (struct.pack("!II", 12, 5) + b"salt" if md5 else struct.pack("!II", 8, 3)))
    (size,) = struct.unpack("!I", _exactly(client, 5)[1:])
    server.shown.append((_exactly(client, size - 4), context is not None))


def _log_in(client: socket.socket, context: ssl.SSLContext | None, server: TokenServer, greets: str, asks: str) -> None:
    capabilities = _PROTOCOL_41 | _SECURE | _PLUGINS | _LENENC | _WITH_DB | (_SSL if context else 0)
    greeting = b"\x0a8.4.3\0" + struct.pack("<I", 7) + b"saltsalt\0" + struct.pack("<H", capabilities & 0xFFFF)
    greeting += struct.pack("<BHHB", 255, 2, capabilities >> 16, 21) + bytes(10) + b"saltsaltsalt\0"
    _send(client, 0, greeting + greets.encode() + b"\0")
    number, _ = _receive(client)  # with TLS a request for it, else already the answer
    if context is not None:
        client = context.wrap_socket(client, server_side=True)
        number, answer = _receive(client)
        server.answers.append(answer)
    _send(client, number + 1, b"\xfe" + asks.encode() + b"\0")
    number, password = _receive(client)
    server.shown.append((password, context is not None))
    _send(client, number + 1, _OK)
    while True:
        number, command = _receive(client)
        if command[0] == _QUIT:
            return
        _send(client, number + 1, _OK)


def _send(client: socket.socket, number: int, payload: bytes) -> None:
    client.sendall(struct.pack("<I", len(payload))[:3] + bytes([number % 256]) + payload)


def _receive(client: socket.socket) -> tuple[int, bytes]:
    header = _exactly(client, 4)
    return header[3], _exactly(client, int.from_bytes(header[:3], "little"))


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = client.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data
