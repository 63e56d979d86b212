"""One thread for thousands of sockets: callbacks by readiness, calls at a time, and conversations as generators."""

import contextlib
import heapq
import itertools
import select
import sys
import time
import traceback
from collections.abc import Callable, Generator

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
# The longest that it sleeps when nothing is due.
_SLEEP_SECONDS = 1.0

Conversation = Generator[tuple[int, int], None, None]
"""Yields (file descriptor, READ or WRITE) when it must wait; ends by returning. It closes what it opened."""


class Reactor:
    """Calls whoever waits for a socket or a time. Written on epoll: asyncio's streams cost a relay twice the time."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._calls: list[tuple[float, int, Callable[[], None]]] = []  # a heap: whose time comes first stands first
        self._number = itertools.count()

    def watch(self, fileno: int, mask: int, handler: Callable[[int], None]) -> None:
        """Call `handler` with what epoll saw of `fileno`, from now on for `mask`."""
        if fileno in self._handlers:
            self._epoll.modify(fileno, mask)
        else:
            self._epoll.register(fileno, mask)
        self._handlers[fileno] = handler

    def forget(self, fileno: int, handler: Callable[[int], None] | None = None) -> None:
        """Watch it no more, or only not for this handler: a number is another socket's as soon as its own is closed."""
        if handler is not None and self._handlers.get(fileno) != handler:
            return
        if self._handlers.pop(fileno, None) is not None:
            with contextlib.suppress(OSError):
                self._epoll.unregister(fileno)

    def call_at(self, when: float, call: Callable[[], None]) -> None:
        """Call once at a time of the monotonic clock; nothing takes it back."""
        heapq.heappush(self._calls, (when, next(self._number), call))

    def converse(self, conversation: Conversation, *, seconds: float) -> None:
        """Go on with a conversation whenever it can; closed (GeneratorExit) when it takes longer than `seconds`."""
        talk = _Talk(self, conversation)
        self.call_at(time.monotonic() + seconds, talk.close)
        talk.go_on()

    def run(self) -> None:
        """Serve until the process ends."""
        while True:
            self.turn(_SLEEP_SECONDS)

    def turn(self, seconds: float) -> None:
        """Serve what is ready now, or within `seconds`."""
        if self._calls:
            seconds = min(seconds, max(0.0, self._calls[0][0] - time.monotonic()))
        for fileno, events in self._epoll.poll(seconds):
            handler = self._handlers.get(fileno)
            if handler is not None:  # else it was forgotten earlier in this round
                handler(events)
        while self._calls and self._calls[0][0] <= time.monotonic():
            heapq.heappop(self._calls)[2]()


class _Talk:
    """A conversation under way; it waits for one socket at a time."""

    def __init__(self, reactor: Reactor, conversation: Conversation) -> None:
        self._reactor = reactor
        self._conversation: Conversation | None = conversation
        self._fileno = -1

    def go_on(self, _events: int = 0) -> None:
        """As far as it gets without waiting."""
        # Not watched while it goes on: it may close its sockets, or give them to somebody else.
        self._reactor.forget(self._fileno, self.go_on)
        if self._conversation is None:
            return
        try:
            self._fileno, mask = next(self._conversation)
        except StopIteration:
            self._conversation = None  # what it holds goes now, not when its time is up
        except Exception:  # a fault in one conversation must not end all others
            self._conversation = None
            traceback.print_exc(file=sys.stderr)
        else:
            self._reactor.watch(self._fileno, mask, self.go_on)

    def close(self) -> None:
        """End it wherever it is."""
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            self._reactor.forget(self._fileno, self.go_on)
            conversation.close()
