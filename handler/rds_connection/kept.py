"""What a connection of either library is to its pool, from one invocation to the next."""

import time
from collections.abc import Callable
from typing import Any
from weakref import ref

from .invocations import NOBODYS, Invocation


class Kept:
    """The part of `KeptConnection` that is the same for both engines; see there for the attributes."""

    invocation: Invocation = NOBODYS
    owner: object = None
    stale = False
    late = False
    transactions_ended = 0
    give_back: Callable[[Any], Any] | None = None
    # What tells of something to read at its socket: a `select.poll`.
    _readable: Any

    def begins(self) -> None:
        """It is new; `__init__` of a driver's class does not call the next one's."""
        self.its: ref[Any] = ref(self)
        self.opened_at = (time.monotonic(), time.time())

    def is_young(self, lifetime: float) -> bool:
        """Whether it was opened less than `lifetime` seconds ago, by the clock that went on in a freeze."""
        monotonic, wall = self.opened_at
        return time.monotonic() - monotonic < lifetime and time.time() - wall < lifetime

    def is_alive(self) -> bool:
        """Whether an idle connection can be used, told from its socket alone: no round trip.

        A server says nothing to an idle client, so whatever there is to read is the end, or cause for doubt.
        """
        return self.is_idle() and not self._readable.poll(0)

    def is_idle(self) -> bool:
        """Whether the connection is known to be open, outside a transaction, with no statement under way."""
        raise NotImplementedError
