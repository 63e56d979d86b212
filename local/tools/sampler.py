"""Samples of a laptop proxy's gate and of the database behind it, and what they say together."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg

from ops.doctor.source import CannotLookError
from ops.pinning.counts import PinKey, fewer

from ..gate.seen import Seen
from ..supervisor.errors import LaptopError
from ..supervisor.pgbouncer import PgBouncer
from ..supervisor.postgres import Postgres

_SAMPLE_SECONDS = 0.1
_CONSOLE = "pgbouncer"
_ACTIVITY = """
SELECT count(*) AS sessions,
       count(*) FILTER (WHERE usename = ANY(%(users)s) AND state = 'active') AS active,
       count(*) FILTER (WHERE usename = ANY(%(users)s) AND xact_start IS NOT NULL) AS in_transaction,
       coalesce(max(extract(epoch FROM clock_timestamp() - state_change))
                FILTER (WHERE usename = ANY(%(users)s) AND state LIKE 'idle in transaction%%'), 0)::float
           AS idle_in_transaction_seconds,
       -- PostgreSQL 16 added the second of these; RDS 15 has one of its own, and the laptop neither.
       (SELECT sum(setting::int)::int FROM pg_settings
        WHERE name IN ('superuser_reserved_connections', 'reserved_connections')) AS reserved
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


class ProxyDownError(CannotLookError):
    """The proxy's gate, or the pooler behind it, does not answer."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What there was at one time; of the database None while it does not let us in.

    Attributes:
        reserved: connections that the database keeps for superusers.
    """

    gate: Seen
    sessions: int | None = None
    active: int | None = None
    in_transaction: int | None = None
    idle_in_transaction_seconds: float | None = None
    reserved: int | None = None


@dataclass(frozen=True, kw_only=True)
class Samples:
    """All of some seconds, one at least, and what happened meanwhile.

    Attributes:
        before: the gate at the beginning.
        transactions: how many ended.
        cpu: how busy this machine was, in percent.
    """

    seconds: float
    before: Seen
    taken: tuple[Sample, ...]
    transactions: int
    cpu: float | None = None

    @property
    def last(self) -> Seen:
        """The gate at the end."""
        return self.taken[-1].gate

    def counted(self, read: Callable[[Seen], float]) -> float:
        """By how much a count of the gate rose; one that was started anew meanwhile counts from zero."""
        now, before = read(self.last), read(self.before)
        return now - before if now >= before else now

    @property
    def pins(self) -> Mapping[PinKey, int]:
        """The sessions that were pinned meanwhile; where none was, those since the gate's start, if some still are."""
        return fewer(self.last.pins, self.before.pins) or (self.last.pins if self.last.pinned else {})

    def mean(self, read: Callable[[Sample], int | None]) -> float | None:
        """Over the samples that have the number; None where none has."""
        values = [value for each in self.taken if (value := read(each)) is not None]
        return sum(values) / len(values) if values else None

    def peak(self, read: Callable[[Sample], int | None]) -> int | None:
        """The largest of the samples that have the number; None where none has."""
        return max((value for each in self.taken if (value := read(each)) is not None), default=None)

    def each_borrow(
        self,
        count: Callable[[Seen], float],
        gauge: Callable[[Seen], int],
        ended: Callable[[Seen], int] = lambda gate: gate.borrows,
    ) -> float:
        """Milliseconds in some state for each connection that was lent, by the gate's count of the seconds.

        Args:
            count: the seconds.
            gauge: how many are in that state: where it ended for none, they were all the while.
            ended: for how many it ended.
        """
        if ends := self.counted(ended):
            return 1000 * self.counted(count) / ends
        return 1000 * self.seconds * (self.mean(lambda each: gauge(each.gate)) or 0.0)

    @property
    def answer(self) -> float | None:
        """Milliseconds of work in the database for each transaction, by Little's law."""
        active = self.mean(lambda each: each.active)
        return None if active is None else active * self.seconds * 1000 / max(1, self.transactions)


class LaptopSampler:
    """Takes samples of a proxy, which `look` shows, and of the database behind it."""

    def __init__(self, proxy: str, look: Callable[[], Seen], pooler: PgBouncer, postgres: Postgres) -> None:
        self._proxy, self._look, self._pooler, self._postgres = proxy, look, pooler, postgres

    def look(self) -> Seen:
        """What the gate has seen.

        Raises:
            ProxyDownError: it does not answer.
        """
        try:
            return self._look()
        except (LaptopError, OSError):
            raise ProxyDownError(f"the proxy {self._proxy} (its gate) does not answer") from None

    def show(self, what: str) -> list[dict[str, object]]:
        """Rows of PgBouncer's console without those about the console itself.

        Raises:
            ProxyDownError: it does not answer.
        """
        try:
            rows = self._pooler.show(what)
        except (psycopg.OperationalError, OSError):
            raise ProxyDownError(f"the proxy {self._proxy} (PgBouncer) does not answer") from None
        return [row for row in rows if row.get("database") != _CONSOLE]

    def take(self, seconds: float) -> Samples:
        """Samples of so many seconds, one at least.

        Raises:
            ProxyDownError: the gate or the pooler does not answer, or no longer.
        """
        psutil.cpu_percent()  # counts from here
        before, transactions, began = self.look(), self._transactions(), time.monotonic()
        taken: list[Sample] = []
        with contextlib.ExitStack() as stack:
            watcher: psycopg.Connection[Any] | None = None
            while time.monotonic() - began < seconds or not taken:
                due = time.monotonic() + _SAMPLE_SECONDS
                watcher = watcher or self._watcher(stack)
                gate = self.look()
                try:
                    taken.append(Sample(gate=gate, **(self._activity(watcher) if watcher else {})))
                except psycopg.Error:
                    watcher = None
                    taken.append(Sample(gate=gate))
                time.sleep(max(0.0, due - time.monotonic()))
        return Samples(
            seconds=time.monotonic() - began,
            before=before,
            taken=tuple(taken),
            transactions=self._transactions() - transactions,
            cpu=psutil.cpu_percent(),
        )

    def _activity(self, watcher: "psycopg.Connection[Any]") -> dict[str, Any]:
        # The users for whom PgBouncer has sessions: the gate's clients log in as no others.
        users = sorted({str(row["user"]) for row in self.show("POOLS")})
        cursor = watcher.execute(_ACTIVITY, {"users": users})
        names = [column.name for column in cursor.description or ()]
        return dict(zip(names, cursor.fetchone() or (), strict=True))

    def _watcher(self, stack: contextlib.ExitStack) -> "psycopg.Connection[Any] | None":
        try:
            return stack.enter_context(self._postgres.superuser())
        except (psycopg.OperationalError, OSError):
            return None

    def _transactions(self) -> int:
        return sum(int(str(row["total_xact_count"])) for row in self.show("STATS"))
