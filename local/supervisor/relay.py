"""Carries bytes between pairs of sockets, on a reactor."""

import contextlib
import socket
import ssl
from functools import partial

from ..gate.reactor import READ, WRITE, Reactor

_CHUNK_BYTES = 64 * 1024
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Flow:
    """One direction of a pair, and what its sink would not take yet."""

    __slots__ = ("_pending", "held", "sink", "source")

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.held = b""
        # What TLS has read from its socket and not yet handed out: epoll does not know of it.
        self._pending = source.pending if isinstance(source, ssl.SSLSocket) else lambda: 0

    def carry(self) -> bool:
        """Carry what is there to carry; False once the source has ended and all that it said was delivered.

        Raises:
            OSError: one of the two is broken.
        """
        while True:
            try:
                self.held = self.held or self.source.recv(_CHUNK_BYTES)
                if not self.held:
                    return False
                self.held = self.held[self.sink.send(self.held) :]
            except _NOT_NOW:
                return True
            # What else is at the socket, epoll tells: reading until it is empty would cost a call in vain each time.
            if not self.held and not self._pending():
                return True


class _Pair:
    """Two sockets and both directions between them."""

    __slots__ = ("_blocked", "_flows")

    def __init__(self, one: socket.socket, other: socket.socket) -> None:
        self._flows = (_Flow(one, other), _Flow(other, one))
        self._blocked = (False, False)

    @property
    def filenos(self) -> tuple[int, int]:
        """Of the two sockets; -1 when closed."""
        return self._flows[0].source.fileno(), self._flows[1].source.fileno()

    def carry(self, source: int | None = None) -> bool:
        """Carry from one socket, or both ways; False when the pair has ended."""
        asked = [flow for flow in self._flows if source is None or flow.source.fileno() == source]
        results = [_carried(flow) for flow in asked]  # both, never one after the other's end
        if all(results):
            return True
        for flow in self._flows:
            if flow not in asked:
                _carried(flow)  # what the server said last is delivered before the client is let go
        return False

    def changes(self) -> list[tuple[int, int]]:
        """(socket, what to watch it for) since the last call: a source is not read while its sink is full."""
        first, second = self._flows
        blocked = (bool(first.held), bool(second.held))
        if blocked == self._blocked:
            return []
        self._blocked = blocked
        return [
            (first.source.fileno(), _mask(reads=not first.held, writes=bool(second.held))),
            (second.source.fileno(), _mask(reads=not second.held, writes=bool(first.held))),
        ]

    def close(self) -> None:
        """Say goodbye where TLS has a word for it, and close both."""
        for flow in self._flows:
            if isinstance(flow.source, ssl.SSLSocket):
                with contextlib.suppress(OSError, ValueError):
                    flow.source.unwrap()
            flow.source.close()


def _carried(flow: _Flow) -> bool:
    try:
        return flow.carry()
    except OSError:
        return False


class Relay:
    """Carries for all pairs, whenever the reactor finds one of their sockets ready."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor

    def add(self, one: socket.socket, other: socket.socket) -> None:
        """Take over a pair of connected sockets; when either ends, both are closed."""
        one.setblocking(False)
        other.setblocking(False)
        pair = _Pair(one, other)
        for fileno in pair.filenos:
            self._reactor.watch(fileno, READ, partial(self._ready, pair, fileno))
        self._carry(pair, None)  # TLS may have read more than the login needed

    def _ready(self, pair: _Pair, fileno: int, events: int) -> None:
        self._carry(pair, fileno if events == READ else None)

    def _carry(self, pair: _Pair, source: int | None) -> None:
        if pair.carry(source):
            for fileno, mask in pair.changes():
                if mask:
                    self._reactor.watch(fileno, mask, partial(self._ready, pair, fileno))
                else:
                    self._reactor.forget(fileno)  # epoll tells of a peer's end without being asked, again and again
            return
        for fileno in pair.filenos:
            self._reactor.forget(fileno)
        pair.close()


def _mask(*, reads: bool, writes: bool) -> int:
    return (READ if reads else 0) | (WRITE if writes else 0)
