"""One socket of the gate: what it would not take yet, and what it is watched for."""

import contextlib
import socket
import ssl

from .reactor import READ, WRITE, Reactor

CHUNK_BYTES = 64 * 1024
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Side:
    """A client's socket, or a database connection's.

    Attributes:
        blocked: what was not sent yet; while there is something, nothing more should be read for it.
    """

    __slots__ = ("_mask", "_reactor", "blocked", "fileno", "socket")

    def __init__(self, reactor: Reactor, its_socket: socket.socket) -> None:
        self.socket = its_socket
        self.fileno = its_socket.fileno()
        self.blocked = b""
        self._reactor = reactor
        self._mask = 0

    def readable(self) -> None:
        """There is something to read."""
        raise NotImplementedError

    def broken(self) -> None:
        """It takes nothing any more."""
        raise NotImplementedError

    def unblocked(self) -> None:
        """It took everything."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Send what it takes and keep the rest in `blocked`."""
        if self.blocked:
            self.blocked += data
            return
        try:
            while data:  # TLS takes a record at a time
                sent = self.socket.send(data)
                if sent == len(data):
                    return
                data = data[sent:]
        except NOT_NOW:
            self.blocked = data
        except OSError:
            self.broken()

    def watch(self, *, reads: bool) -> None:
        """Watch it for what it says, if so, and for room where something is blocked."""
        mask = (READ if reads else 0) | (WRITE if self.blocked else 0)
        if mask == self._mask:
            return
        self._mask = mask
        if mask:
            self._reactor.watch(self.fileno, mask, self._event)
        else:
            self._reactor.forget(self.fileno)  # epoll tells of a peer's end without being asked, again and again

    def unwatch(self) -> None:
        """Leave it alone, as somebody else may watch it now."""
        self._mask = 0
        self._reactor.forget(self.fileno)

    def close(self) -> None:
        """Say goodbye where TLS has a word for it, and close it."""
        self.unwatch()
        close(self.socket)

    def _event(self, events: int) -> None:
        if events & WRITE and self.blocked:
            data, self.blocked = self.blocked, b""
            self.send(data)
            if not self.blocked:
                self.unblocked()
        if events & ~WRITE and self._mask & READ:
            self.readable()
        elif events & ~(READ | WRITE):
            self.broken()


def close(its_socket: socket.socket) -> None:
    """Say goodbye where TLS has a word for it, and close it."""
    if isinstance(its_socket, ssl.SSLSocket):
        with contextlib.suppress(OSError, ValueError):
            its_socket.unwrap()
    its_socket.close()
