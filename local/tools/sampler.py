"""Samples of the laptop's pooler and database, and what they say together."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg

from ops.doctor.source import CannotLookError

from ..supervisor.pgbouncer import PgBouncer
from ..supervisor.postgres import Postgres

_SAMPLE_SECONDS = 0.1
_CONSOLE = "pgbouncer"
_ACTIVITY = """
SELECT count(*),
       count(*) FILTER (WHERE usename = ANY(%(users)s) AND state = 'active'),
       count(*) FILTER (WHERE usename = ANY(%(users)s) AND xact_start IS NOT NULL),
       coalesce(max(extract(epoch FROM clock_timestamp() - state_change))
                FILTER (WHERE usename = ANY(%(users)s) AND state LIKE 'idle in transaction%%'), 0)::float,
       -- PostgreSQL 16 added the second of these; RDS 15 has one of its own, and the laptop neither.
       (SELECT sum(setting::int)::int FROM pg_settings
        WHERE name IN ('superuser_reserved_connections', 'reserved_connections'))
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


class ProxyDownError(CannotLookError):
    """The proxy's endpoint, or the pooler behind it, takes no connection."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """How many there were at one time; of the database None while it does not let us in.

    Attributes:
        reserved: connections that the database keeps for superusers.
    """

    clients: int
    waiting: int
    connections: int
    borrowed: int
    sessions: int | None = None
    active: int | None = None
    in_transaction: int | None = None
    idle_in_transaction_seconds: float | None = None
    reserved: int | None = None


@dataclass(frozen=True, kw_only=True)
class Samples:
    """All of some seconds, one at least, and what happened meanwhile.

    Attributes:
        transactions: how many ended.
        had_clients: whether clients were there at the beginning.
        opened: how many clients were seen that were not there before.
        cpu: how busy this machine was, in percent.
    """

    seconds: float
    taken: tuple[Sample, ...]
    transactions: int
    had_clients: bool
    opened: int
    cpu: float | None = None

    @property
    def clients_received(self) -> int:
        """How many clients came; one at least where work was done by nobody that was there before."""
        return max(self.opened, int(self.transactions > 0 and not self.had_clients))

    def mean(self, read: Callable[[Sample], int | None]) -> float | None:
        """Over the samples that have the number; None where none has."""
        values = [value for each in self.taken if (value := read(each)) is not None]
        return sum(values) / len(values) if values else None

    def peak(self, read: Callable[[Sample], int | None]) -> int | None:
        """The largest of the samples that have the number; None where none has."""
        return max((value for each in self.taken if (value := read(each)) is not None), default=None)

    def milliseconds(self, mean: float | None) -> float | None:
        """How long each is in some state, of the mean number that is in it: that, by how many pass (Little's law)."""
        return None if mean is None else mean * (self.seconds * 1000 / max(1, self.transactions))


class LaptopSampler:
    """Takes samples of a proxy's pooler and of the database behind it."""

    def __init__(self, proxy: str, pooler: PgBouncer, postgres: Postgres) -> None:
        self._proxy = proxy
        self._pooler = pooler
        self._postgres = postgres

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
            ProxyDownError: the pooler does not answer, or no longer.
        """
        known = {_client(row) for row in self.show("CLIENTS")}
        psutil.cpu_percent()  # counts from here
        transactions, began = self._transactions(), time.monotonic()
        taken: list[Sample] = []
        opened: set[tuple[object, ...]] = set()
        with contextlib.ExitStack() as stack:
            watcher: psycopg.Connection[Any] | None = None
            while time.monotonic() - began < seconds or not taken:
                due = time.monotonic() + _SAMPLE_SECONDS
                watcher = watcher or self._watcher(stack)
                clients = self.show("CLIENTS")
                opened |= {_client(row) for row in clients} - known
                try:
                    taken.append(self._sample(len(clients), watcher))
                except psycopg.Error:
                    watcher = None
                    taken.append(self._sample(len(clients), None))
                time.sleep(max(0.0, due - time.monotonic()))
        return Samples(
            seconds=time.monotonic() - began,
            taken=tuple(taken),
            transactions=self._transactions() - transactions,
            had_clients=bool(known),
            opened=len(opened),
            cpu=psutil.cpu_percent(),
        )

    def _sample(self, clients: int, watcher: "psycopg.Connection[Any] | None") -> Sample:
        pools = self.show("POOLS")

        def total(*names: str) -> int:
            return sum(int(str(row[name])) for row in pools for name in names)

        users = sorted({str(row["user"]) for row in pools})
        row = watcher.execute(_ACTIVITY, {"users": users}).fetchone() if watcher else None
        sessions, active, in_transaction, idle, reserved = row or (None,) * 5
        return Sample(
            clients=clients,
            waiting=total("cl_waiting"),
            connections=total("sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login"),
            borrowed=total("sv_active"),
            sessions=sessions,
            active=active,
            in_transaction=in_transaction,
            idle_in_transaction_seconds=idle,
            reserved=reserved,
        )

    def _watcher(self, stack: contextlib.ExitStack) -> "psycopg.Connection[Any] | None":
        try:
            return stack.enter_context(self._postgres.superuser())
        except (psycopg.OperationalError, OSError):
            return None

    def _transactions(self) -> int:
        return sum(int(str(row["total_xact_count"])) for row in self.show("STATS"))


def _client(row: dict[str, object]) -> tuple[object, ...]:
    return row["addr"], row["port"], row["connect_time"]
