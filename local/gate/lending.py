"""Who gets which database connection, and for how long a client waits for one. Pure: others open and close them.

RDS Proxy's rules: a ceiling for all users of the proxy, a borrow timeout, and a timeout of 0 that gives what is there
or nothing. Among users ours: whom a connection already belongs to is served first, until somebody has waited too long,
for a connection that changes its user costs a reset and a login (first come, first served took three times as long).
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from .protocol import Refusal

Key = tuple[str, str]
"""User and database: what a database connection is logged in with."""

_PATIENCE_SECONDS = 0.2


class Connection(Protocol):
    """A database connection, lent or idle.

    Attributes:
        is_stale: whether it is closed when it comes back.
        opened, idle_since: when.
    """

    key: Key
    is_stale: bool
    opened: float
    idle_since: float


_C = TypeVar("_C", bound=Connection)
_Lent = TypeVar("_Lent", bound=Connection, contravariant=True)


class Borrower(Protocol[_Lent]):
    """Who waits for one, and is told."""

    key: Key

    def granted(self, connection: _Lent) -> None:
        """It has one from now on."""

    def timed_out(self) -> None:
        """It waited in vain."""

    def refuse(self, refusal: Refusal) -> None:
        """The database does not let it in."""


class Lending(Generic[_C]):
    """All connections of one proxy, and the queue for them.

    Attributes:
        ceiling: connections at most.
        borrow_timeout: how long a client waits, in seconds.
        open: connections that there are, those being opened included.
        borrows, borrow_seconds, timeouts: counts for `Seen`.
    """

    def __init__(
        self,
        *,
        open_: Callable[[Key], None],
        close: Callable[[_C], None],
        alarm: Callable[[float, Callable[[], None]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`open_` begins to open one and later calls `opened` or `not_opened`; `alarm` calls at a time."""
        self.ceiling = 1
        self.borrow_timeout = 120.0
        self.open = 0
        self.borrows = 0
        self.borrow_seconds = 0.0
        self.timeouts = 0
        self._open_, self._close, self._alarm, self._clock = open_, close, alarm, clock
        self._idle: dict[Key, dict[_C, None]] = {}
        self._opening: dict[Key, int] = {}
        # Ordered dicts, whose first is found at once however many went before it.
        self._waiting: OrderedDict[Borrower[_C], float] = OrderedDict()  # in the order in which they came, since when
        self._queues: dict[Key, OrderedDict[Borrower[_C], None]] = {}
        self._alarm_is_set = False

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def idle(self) -> int:
        """How many connections nobody has."""
        return sum(map(len, self._idle.values()))

    @property
    def opening(self) -> int:
        """How many connections are being opened."""
        return sum(self._opening.values())

    def borrow(self, borrower: Borrower[_C], last: _C | None = None) -> _C | None:
        """A connection at once, `last` if that is idle; else None, and the borrower will be told."""
        idle = self._idle.get(borrower.key)
        if idle:
            self.borrows += 1
            if last is not None and last in idle:
                del idle[last]
                return last
            return idle.popitem()[0]  # the newest, so that the others may grow old
        self._waiting[borrower] = self._clock()
        queue = self._queues.get(borrower.key)
        if queue is None:
            queue = self._queues[borrower.key] = OrderedDict()
        queue[borrower] = None
        if self.open < self.ceiling or any(self._idle.values()):
            self._open_for(borrower.key)
        if not self.borrow_timeout and borrower in self._waiting:
            # Not now: who asks does not expect to be told before it is told that it waits.
            self._alarm(self._clock(), self._expire)
        elif not self._alarm_is_set:
            self._set_alarm()
        return None

    def leave(self, borrower: Borrower[_C]) -> None:
        """It waits no more."""
        if self._waiting.pop(borrower, None) is not None:
            queue = self._queues[borrower.key]
            del queue[borrower]
            if not queue:
                del self._queues[borrower.key]

    def give_back(self, connection: _C) -> None:
        """The connection is free, and as clean as it was."""
        if connection.is_stale or self.open > self.ceiling:
            self.close(connection)
        elif self._waiting:
            self._lend(connection)
        else:
            connection.idle_since = self._clock()
            self._idle.setdefault(connection.key, {})[connection] = None

    def close(self, connection: _C) -> None:
        """End a connection that somebody has, or that is idle."""
        self._idle.get(connection.key, {}).pop(connection, None)
        self._close(connection)
        self.open -= 1
        self._serve()

    def opened(self, connection: _C) -> None:
        """One that was asked for is there."""
        self._opened(connection.key)
        self.give_back(connection)

    def not_opened(self, key: Key) -> list[Borrower[_C]]:
        """One that was asked for is not to be had: who waits for such a one, the oldest first."""
        self._opened(key)
        self.open -= 1
        return list(self._queues.get(key, ()))

    def retry(self) -> None:
        """Open what is still missing."""
        self._serve()

    def drop(self, which: Callable[[_C], bool]) -> None:
        """Close those of the idle."""
        for connection in [each for each in self._each_idle() if which(each)]:
            self.close(connection)

    def change(self, *, ceiling: int, borrow_timeout: float) -> None:
        """Other settings; idle connections above the ceiling are closed now, the others when they come back."""
        self.ceiling, self.borrow_timeout = ceiling, borrow_timeout
        for connection in list(self._each_idle()):
            if self.open > ceiling:
                self.close(connection)
        self._rings()
        self._serve()

    def _each_idle(self) -> Iterator[_C]:
        return (connection for idle in self._idle.values() for connection in idle)

    def _lend(self, connection: _C) -> None:
        """Give it to whose turn it is; whom it does not fit gets another in its place."""
        oldest, since = next(iter(self._waiting.items()))
        same, now = self._queues.get(connection.key), self._clock()
        is_urgent = now - since >= _PATIENCE_SECONDS and not self._opening.get(oldest.key)
        if same and (oldest.key == connection.key or not is_urgent):
            borrower = next(iter(same))
            self.borrow_seconds += now - self._waiting[borrower]
            self.borrows += 1
            self.leave(borrower)
            borrower.granted(connection)
        else:
            self.close(connection)

    def _serve(self) -> None:
        """Open for those who wait, the oldest first, as far as there is room."""
        for key in sorted(self._queues, key=lambda each: self._waiting[next(iter(self._queues[each]))]):
            self._open_for(key)

    def _open_for(self, key: Key) -> None:
        while (opening := self._opening.get(key, 0)) < len(self._queues.get(key, ())):
            if self.open >= self.ceiling:
                other = next((each for name, idle in self._idle.items() if name != key for each in idle), None)
                if other is None:
                    return
                del self._idle[other.key][other]
                self._close(other)
                self.open -= 1
            self.open += 1
            self._opening[key] = opening + 1
            self._open_(key)
            if self._opening.get(key, 0) == opening:  # it failed at once, as the next one would
                return

    def _opened(self, key: Key) -> None:
        self._opening[key] -= 1
        if not self._opening[key]:
            del self._opening[key]

    def _expire(self) -> None:
        now = self._clock()
        for borrower, since in list(self._waiting.items()):
            if now < since + self.borrow_timeout:  # rounded as the alarm's time is
                break
            self.borrow_seconds += now - since
            self.timeouts += 1
            self.leave(borrower)
            borrower.timed_out()

    def _set_alarm(self) -> None:
        """For the oldest of the queue: they all wait equally long."""
        if self._waiting:
            self._alarm_is_set = True
            self._alarm(next(iter(self._waiting.values())) + self.borrow_timeout, self._rings)

    def _rings(self) -> None:
        self._alarm_is_set = False
        self._expire()
        self._set_alarm()
