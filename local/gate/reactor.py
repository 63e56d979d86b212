"""One thread for thousands of sockets: callbacks by readiness, and conversations written as generators."""

import contextlib
import heapq
import itertools
import select
import sys
import time
import traceback
from collections.abc import Callable, Generator

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
# How often conversations are looked at that have taken too long, in seconds.
_TICK_SECONDS = 1.0

Conversation = Generator[tuple[int, int], None, None]
"""Yields (file descriptor, READ or WRITE) when it must wait; ends by returning. It closes what it opened."""


class Reactor:
    """Calls whoever waits for a socket. Written on epoll: asyncio's streams cost a relay twice the time."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._talks: list[tuple[float, int, _Talk]] = []  # a heap: whose time is up first stands first
        self._number = itertools.count()

    def watch(self, fileno: int, mask: int, handler: Callable[[int], None]) -> None:
        """Call `handler` with what epoll saw of `fileno`, from now on for `mask`."""
        if fileno in self._handlers:
            self._epoll.modify(fileno, mask)
        else:
            self._epoll.register(fileno, mask)
        self._handlers[fileno] = handler

    def forget(self, fileno: int) -> None:
        """Watch it no more; one that is not watched is fine."""
        if self._handlers.pop(fileno, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(fileno)

    def converse(self, conversation: Conversation, *, seconds: float) -> None:
        """Go on with a conversation whenever it can; closed (GeneratorExit) when it takes longer than `seconds`."""
        talk = _Talk(self, conversation)
        heapq.heappush(self._talks, (time.monotonic() + seconds, next(self._number), talk))
        talk.go_on()

    def run(self) -> None:
        """Serve until the process ends."""
        while True:
            self.turn(_TICK_SECONDS)

    def turn(self, seconds: float) -> None:
        """Serve what is ready now, or within `seconds`."""
        for fileno, events in self._epoll.poll(seconds):
            handler = self._handlers.get(fileno)
            if handler is not None:  # else it was forgotten earlier in this round
                handler(events)
        while self._talks and (self._talks[0][2].over or self._talks[0][0] < time.monotonic()):
            heapq.heappop(self._talks)[2].close()


class _Talk:
    """A conversation under way; it waits for one socket at a time."""

    def __init__(self, reactor: Reactor, conversation: Conversation) -> None:
        self._reactor = reactor
        self._conversation = conversation
        self._fileno = -1
        self.over = False

    def go_on(self, _events: int = 0) -> None:
        """As far as it gets without waiting."""
        # Not watched while it goes on: it may close its sockets, or give them to somebody else.
        self._reactor.forget(self._fileno)
        try:
            self._fileno, mask = next(self._conversation)
        except StopIteration:
            self.over = True
        except Exception:  # a fault in one conversation must not end all others
            self.over = True
            traceback.print_exc(file=sys.stderr)
        else:
            self._reactor.watch(self._fileno, mask, self.go_on)

    def close(self) -> None:
        """End it wherever it is."""
        if not self.over:
            self.over = True
            self._reactor.forget(self._fileno)
            self._conversation.close()
