"""The wire between environments and a proxy: it ends TLS on both sides, so that it knows at which message it breaks.

One thread for each connection, which alone touches its sockets; a fault is a change of `break_at` that they all see.
"""

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from enum import Enum, auto
from pathlib import Path

from local.supervisor.certificates import Authority
from local.supervisor.errors import LaptopError
from tests.chaos.messages import SSL_REQUEST, STARTUP, Message, Messages

_CHUNK_BYTES = 64 * 1024
_TICK_SECONDS = 0.01
_HANDSHAKE_SECONDS = 5.0
_SETTLE_SECONDS = 5.0


class Break(Enum):
    """Where the wire breaks."""

    NOWHERE = auto()
    CONNECT = auto()
    """Nobody listens."""
    GREETING = auto()
    """Connections are accepted and nothing is said, ever."""
    STARTUP = auto()
    """The connection is reset when the client says who it is."""
    COMMIT = auto()
    """The connection is reset instead of COMMIT being handed on."""
    ANSWER = auto()
    """The connection is reset instead of the answer to COMMIT being handed on."""
    EVERYWHERE = auto()
    """Nothing is handed on and nobody is let in, without a word; connections that were there never work again."""


class Wire:
    """Listens at `address:port` for the proxy at `upstream`.

    Attributes:
        upstream: where new connections lead; those that there are stay where they are.
        met: how many connections broke at a message since the last `break_at`.
    """

    def __init__(
        self, folder: Path, authority: Authority, *, address: str, port: int, upstream: tuple[str, int]
    ) -> None:
        folder.mkdir()
        certificate, key = authority.issue(folder, name="chaos", address=address)
        self.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_context.load_cert_chain(certificate, key)
        self.client_context = ssl.create_default_context(cafile=str(authority.bundle))
        self.upstream = upstream
        self.broken = Break.NOWHERE
        self.met = 0
        self._address = (address, port)
        self._lines: set[_Line] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._lost: list[socket.socket] = []
        self._listen()

    @property
    def lines(self) -> int:
        """How many client connections there are."""
        return len(self._lines)

    def break_at(self, where: Break) -> None:
        """Break there from now on; `Break.NOWHERE` mends what can be mended."""
        self.met = 0
        if where is Break.EVERYWHERE:
            for line in self._now():
                line.dead = True
                self.count()
        self.broken = where
        if where in (Break.CONNECT, Break.EVERYWHERE):
            self._deafen()
        if where is Break.EVERYWHERE:
            self._lose_requests()
        elif where is not Break.CONNECT and self._listener is None:
            self._found_again()
            self._listen()

    def close_lines(self, *, reset: bool) -> int:
        """End every connection, by a reset or in peace: how many there were."""
        lines = self._now()
        for line in lines:
            line.ending = "reset" if reset else "close"
        deadline = time.monotonic() + _SETTLE_SECONDS
        while any(line in self._lines for line in lines) and time.monotonic() < deadline:
            time.sleep(_TICK_SECONDS)
        return len(lines)

    def close(self) -> None:
        """End it."""
        self._deafen()
        self._found_again()
        self.close_lines(reset=False)

    def count(self) -> None:
        """One more connection broke."""
        with self._lock:
            self.met += 1

    def forget(self, line: "_Line") -> None:
        """A connection has ended."""
        with self._lock:
            self._lines.discard(line)

    def _now(self) -> list["_Line"]:
        with self._lock:
            return list(self._lines)

    def _listen(self) -> None:
        self._listener = _bound(self._address, backlog=128)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True, name="wire").start()

    def _deafen(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()

    def _lose_requests(self) -> None:
        """Let TCP's requests for a connection get lost: the kernel drops those to a queue that is full."""
        full = _bound(self._address, backlog=0)
        self._lost = [full, socket.create_connection(self._address)]

    def _found_again(self) -> None:
        lost, self._lost = self._lost, []
        for each in lost:
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed: nobody listens any more
            while True:
                client, _ = listener.accept()
                line = _Line(self, client)
                with self._lock:
                    self._lines.add(line)
                threading.Thread(target=line.run, daemon=True, name="line").start()


class _Broken(Exception):  # noqa: N818 - how a line ends, no fault of ours
    """The line ends in a reset."""


class _Line:
    """One client's connection and its counterpart at the proxy."""

    def __init__(self, wire: Wire, client: socket.socket) -> None:
        self.ending = ""
        self.dead = False
        self._silent = wire.broken is Break.GREETING
        self._wire = wire
        self._client = client
        self._proxy: socket.socket | None = None

    def run(self) -> None:
        """Carry until one side ends or the wire breaks."""
        try:
            if self._silent:
                self._wire.count()
                self._hold()
            else:
                self._carry(self._greet())
        except _Broken:
            _linger_none(self._client)
        except (OSError, EOFError, ValueError):
            pass  # a side went away, in the middle of a handshake perhaps
        finally:
            self._client.close()
            if self._proxy is not None:
                self._proxy.close()
            self._wire.forget(self)

    def _greet(self) -> socket.socket:
        """Both handshakes of TLS."""
        self._client.settimeout(_HANDSHAKE_SECONDS)
        try:
            proxy = socket.create_connection(self._wire.upstream, timeout=_HANDSHAKE_SECONDS)
        except OSError:
            raise _Broken from None  # as near to a refusal as one comes who has accepted already
        self._proxy = proxy
        if self._client.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
            raise EOFError
        self._client.sendall(b"S")
        self._client = self._wire.server_context.wrap_socket(self._client, server_side=True)
        proxy.sendall(SSL_REQUEST)
        if proxy.recv(1) != b"S":
            raise _Broken
        self._proxy = proxy = self._wire.client_context.wrap_socket(proxy, server_hostname=self._wire.upstream[0])
        for each in (self._client, proxy):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.setblocking(False)
        return proxy

    def _hold(self) -> None:
        """Say nothing, until the client gives up or the wire's owner ends it."""
        self._client.setblocking(False)
        while not self.ending:
            select.select([self._client], [], [], _TICK_SECONDS)
            with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
                if not self._client.recv(_CHUNK_BYTES):
                    return
        if self.ending == "reset":
            raise _Broken

    def _carry(self, proxy: socket.socket) -> None:
        to_proxy, to_client = Messages(of_client=True), Messages(of_client=False)
        while True:
            select.select([self._client, proxy], [], [], _TICK_SECONDS)
            if self.ending == "reset":
                raise _Broken
            if self.ending:
                return
            if self.dead:
                self._hold()
                return
            said = _read(proxy)
            for message in to_client.feed(said or b""):
                self._to_client(message)
            asked = _read(self._client)
            for message in to_proxy.feed(asked or b""):
                self._to_proxy(message, proxy)
            if said is None or asked is None:
                return

    def _to_client(self, message: Message) -> None:
        if message.confirms_commit and self._wire.broken is Break.ANSWER:
            self._wire.count()
            raise _Broken
        _send(self._client, message.data)

    def _to_proxy(self, message: Message, proxy: socket.socket) -> None:
        """Hand a message on, unless the wire breaks here."""
        broken = self._wire.broken
        if (message.kind == STARTUP and broken is Break.STARTUP) or (message.sends_commit and broken is Break.COMMIT):
            self._wire.count()
            raise _Broken
        _send(proxy, message.data)


def _bound(address: tuple[str, int], *, backlog: int) -> socket.socket:
    try:
        return socket.create_server(address, backlog=backlog)
    except OSError as error:
        raise LaptopError(f"{address[0]}:{address[1]} is taken ({error.strerror}); end what listens there") from None


def _read(source: socket.socket) -> bytes | None:
    """What there is to read; None at the end."""
    data = b""
    while True:
        try:
            part = source.recv(_CHUNK_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return data
        except OSError:
            return data or None
        if not part:
            return data or None
        data += part


def _send(sink: socket.socket, data: bytes) -> None:
    while data:
        try:
            data = data[sink.send(data) :]
        except (BlockingIOError, ssl.SSLWantWriteError):
            if not select.select([], [sink], [], _SETTLE_SECONDS)[1]:
                raise OSError("the other side takes nothing") from None


def _linger_none(sink: socket.socket) -> None:
    """Make `close` a reset."""
    with contextlib.suppress(OSError):
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
