"""How a client gets in: TLS, its startup packet, and a token or a password; refused in RDS Proxy's words."""

import socket
import ssl
import struct
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

from ..iam.tokens import refusal, signer
from .client import Who
from .protocol import CANCEL_REQUEST, GSS_REQUEST, SSL_REQUEST, Refusal, code, message, said_at_startup
from .reactor import READ, WRITE
from .scram import MECHANISM, ScramServer, Unproven
from .settings import GateSettings

_T = TypeVar("_T")
_Talk = Generator[tuple[int, int], None, _T]

_LONGEST_PACKET = 10_000
# A name that means PgBouncer's own console to it, which trusts us.
_CONSOLE = "pgbouncer"
_SASL, _SASL_CONTINUE, _SASL_FINAL, _CLEAR_TEXT = 10, 11, 12, 3


class Logins:
    """Checks the logins of one gate."""

    def __init__(self) -> None:
        self._checked = (0, 0)  # in which second, how many tokens

    def begin(self, client: socket.socket, context: ssl.SSLContext) -> _Talk[tuple[socket.socket, bytes]]:
        """The client, under TLS if it asks for it, and its startup packet."""
        packet = yield from _packet(client)
        while code(packet) == GSS_REQUEST:
            client.sendall(b"N")
            packet = yield from _packet(client)
        if code(packet) != SSL_REQUEST:
            return client, packet
        client.sendall(b"S")
        encrypted = context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        yield from patiently(encrypted, encrypted.do_handshake)
        packet = yield from _packet(encrypted)
        return encrypted, packet

    def check(self, client: socket.socket, packet: bytes, settings: GateSettings) -> _Talk[Who]:
        """Who it is, once that is proven.

        Raises:
            Refusal: it may not come in.
        """
        if code(packet) == CANCEL_REQUEST:
            raise Refusal("0A000", "RDS Proxy does not support cancel requests.")
        said = said_at_startup(packet)
        user, database = said.pop("user"), said.pop("database")
        if database == _CONSOLE:
            raise Refusal("3D000", f'database "{database}" does not exist')
        encrypted, function = isinstance(client, ssl.SSLSocket), ""
        if user in settings.token_users:
            if not encrypted:
                raise Refusal("28000", "IAM authentication is allowed only with SSL connections.")
            function = yield from self._token(client, user, settings)
        elif user in settings.passwords:
            if settings.require_tls and not encrypted:
                raise Refusal("28000", "This RDS Proxy requires TLS connections.")
            yield from _password(client, user, settings.passwords[user])
        else:
            raise Refusal("28000", f"This RDS proxy has no credentials for the role {user}.")
        if not function and any(said.get("application_name") == each.function for each in settings.principals.values()):
            function = said.get("application_name", "")
        return Who(user=user, database=database, variables=said, function=function)

    def _token(self, client: socket.socket, user: str, settings: GateSettings) -> _Talk[str]:
        """Check a token: the function that signed it."""
        client.sendall(message(b"R", struct.pack("!i", _CLEAR_TEXT)))  # that is what a token is sent as
        body = yield from _message(client, b"p")
        token = body.rstrip(b"\0").decode(errors="replace")
        if not self._checks_another(settings.tokens_per_second):
            raise Refusal("53300", "The IAM authentication failed because of too many competing requests.")
        reason = refusal(token, user, settings.audience, settings.principals)
        if reason is not None:
            raise Refusal("28P01", f"The IAM authentication failed for the role {user}: {reason}.")
        return settings.principals[signer(token)].function

    def _checks_another(self, most: int | None) -> bool:
        """Whether IAM answers in this second: of RDS its limit is not known, so only who asks for one has it."""
        second = int(time.monotonic())
        if most is None:
            return True
        self._checked = (second, self._checked[1] + 1 if self._checked[0] == second else 1)
        return self._checked[1] <= most


def _password(client: socket.socket, user: str, password: str) -> _Talk[None]:
    """Have it prove that it knows the password."""
    server = ScramServer(password)
    client.sendall(message(b"R", struct.pack("!i", _SASL) + MECHANISM.encode() + b"\0\0"))
    body = yield from _message(client, b"p")
    mechanism, _, first = body.partition(b"\0")
    if mechanism != MECHANISM.encode():
        raise Refusal("28000", f"The laptop's proxy takes passwords by {MECHANISM} only.")
    try:
        answer = server.first(first[4:].decode())
        client.sendall(message(b"R", struct.pack("!i", _SASL_CONTINUE) + answer.encode()))
        body = yield from _message(client, b"p")
        answer = server.final(body.decode())
    except (Unproven, UnicodeDecodeError):
        raise Refusal("28P01", f"The password that was provided for the role {user} is wrong.") from None
    client.sendall(message(b"R", struct.pack("!i", _SASL_FINAL) + answer.encode()))


def patiently(source: socket.socket, action: Callable[[], _T]) -> _Talk[_T]:
    """What `action` on a socket that does not block gives, once it does not say to wait."""
    while True:
        try:
            return action()
        except (BlockingIOError, ssl.SSLWantReadError):
            yield source.fileno(), READ
        except ssl.SSLWantWriteError:
            yield source.fileno(), WRITE


def _exactly(source: socket.socket, count: int) -> _Talk[bytes]:
    data = b""
    while len(data) < count:
        part = yield from patiently(source, partial(source.recv, count - len(data)))
        if not part:
            raise EOFError
        data += part
    return data


def _packet(source: socket.socket) -> _Talk[bytes]:
    """A packet without a type: length, code, rest."""
    head = yield from _exactly(source, 4)
    rest = yield from _exactly(source, _length(head) - 4)
    return head + rest


def _message(source: socket.socket, kind: bytes) -> _Talk[bytes]:
    """The body of a message that must be of a kind."""
    head = yield from _exactly(source, 5)
    if head[:1] != kind:
        raise Refusal("08P01", "an unexpected message came before the login was done.")
    body = yield from _exactly(source, _length(head[1:]) - 4)
    return body


def _length(head: bytes) -> int:
    (length,) = struct.unpack("!i", head)
    if not 4 <= length <= _LONGEST_PACKET:
        raise Refusal("08P01", "invalid length of a packet.")
    return int(length)
