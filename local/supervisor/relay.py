"""Carries bytes between pairs of sockets: thousands of pairs in one thread.

Written on epoll rather than on asyncio's streams, for what a relay spends is missing to the database on the same cores.
"""

import contextlib
import os
import select
import socket
import ssl
import threading
from collections import deque

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
        try:
            # Both, never one after the other's end: what the server said last is delivered before the client is let go.
            results = [flow.carry() for flow in self._flows if source is None or flow.source.fileno() == source]
        except OSError:
            return False
        return all(results)

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


class Relay:
    """One thread that carries for all pairs, until the process ends."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._pairs: dict[int, _Pair] = {}
        self._new: deque[_Pair] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)
        threading.Thread(target=self._run, daemon=True, name="relay").start()

    def add(self, one: socket.socket, other: socket.socket) -> None:
        """Take over a pair of connected sockets; when either ends, both are closed."""
        one.setblocking(False)
        other.setblocking(False)
        self._new.append(_Pair(one, other))
        os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        while True:
            for fileno, events in self._epoll.poll():
                if fileno == self._wake:
                    self._take_over()
                elif fileno in self._pairs:  # else it ended earlier in this round
                    self._carry(self._pairs[fileno], fileno if events == select.EPOLLIN else None)

    def _take_over(self) -> None:
        os.eventfd_read(self._wake)
        while self._new:
            pair = self._new.popleft()
            for fileno in pair.filenos:
                self._pairs[fileno] = pair
                self._epoll.register(fileno, select.EPOLLIN)
            self._carry(pair, None)  # TLS may have read more than the login needed

    def _carry(self, pair: _Pair, source: int | None) -> None:
        if pair.carry(source):
            for fileno, mask in pair.changes():
                self._epoll.modify(fileno, mask)
            return
        for fileno in pair.filenos:
            self._epoll.unregister(fileno)
            del self._pairs[fileno]
        pair.close()


def _mask(*, reads: bool, writes: bool) -> int:
    return (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if writes else 0)
