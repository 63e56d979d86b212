"""What a storm is asked to do and what it measured. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.function_logs import without_secrets


@dataclass(frozen=True, kw_only=True)
class StormSettings:
    """How many environments, how many connections each opens, and for how many seconds the storm is sustained."""

    environments: int = 500
    connections: int = 2
    seconds: float = 10.0

    @property
    def clients(self) -> int:
        """Connections that all environments want at once."""
        return self.environments * self.connections


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One look during the storm: seconds since its start, and connections to the database."""

    seconds: float
    connections: int


@dataclass(kw_only=True)
class Phase:
    """What one phase measured: a cold start of all clients at once, then `seconds` sustained.

    Attributes:
        path: what clients reached, such as "gate → PgBouncer".
        cold_seconds: until every client had its first answer, good or bad; the sustained part begins there.
        served_at: of each request served, when it ended, in seconds since the start; `latencies` in milliseconds.
        medians: of each client that was served, its median latency: what it is used to.
        texts: a whole text for each label of `errors`.
        never_served: clients that got no answer but errors.
        peak_connections: most connections to the database at once, those left behind included; None where nobody can
            tell.
        peak_pinned: most of them at once that were bound to one client; None where nobody tells.
        peak_held: most of them at once that named prepared statements kept, on the laptop; None where nobody tells.
    """

    name: str
    path: str
    seconds: float
    cold_seconds: float = 0.0
    served_at: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    texts: dict[str, str] = field(default_factory=dict)
    medians: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    never_served: int = 0
    peak_connections: int | None = None
    peak_pinned: int | None = None
    peak_held: int | None = None
    idle_left_behind: int | None = None
    seconds_to_recover: float | None = None
    peak_memory_mb: float = 0.0
    query: str = ""

    def percentile(self, percent: float) -> float | None:
        """A latency in milliseconds by nearest rank, cold start included; None when nothing was served."""
        if not self.latencies:
            return None
        ordered = sorted(self.latencies)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 2)

    def saw(self, connections: int) -> int:
        """Count how many connections to the database there are now, into the peak."""
        self.peak_connections = max(self.peak_connections or 0, connections)
        return connections

    def saw_at_the_gate(self, *, pinned: int, held: int) -> None:
        """Count how many connections clients keep now, into the peaks."""
        self.peak_pinned, self.peak_held = max(self.peak_pinned or 0, pinned), max(self.peak_held or 0, held)

    def count_errors(self, errors: Mapping[str, int], texts: Mapping[str, str]) -> None:
        """Count failures under their labels, with a whole text of each; neither keeps a secret."""
        for label, count in errors.items():
            self.errors[without_secrets(label)] += count
        self.texts = {without_secrets(label): without_secrets(text) for label, text in texts.items()} | self.texts

    @property
    def median_client(self) -> float | None:
        """What the client in the middle is used to wait, all clients counted; None: that one was never served."""
        ordered, clients = sorted(self.medians), len(self.medians) + self.never_served
        middle = clients // 2
        return round(ordered[middle], 2) if middle < len(ordered) else None

    @property
    def requests_per_second(self) -> float:
        """Requests served in the sustained part, by its length: as pgbench, which leaves out connecting too."""
        sustained = sum(self.cold_seconds < at <= self.cold_seconds + self.seconds for at in self.served_at)
        return round(sustained / self.seconds, 1)

    def as_json(self) -> dict[str, Any]:
        """The phase with the names of `--json`."""
        return {
            "served": len(self.latencies),
            "failed": dict(self.errors.most_common()),
            "requestsPerSecond": self.requests_per_second,
            "p50Ms": self.percentile(50),
            "p95Ms": self.percentile(95),
            "p99Ms": self.percentile(99),
            "medianClientMs": self.median_client,
            "peakDatabaseConnections": self.peak_connections,
            "peakPinned": self.peak_pinned,
            "peakHeldByStatements": self.peak_held,
            "idleLeftBehind": self.idle_left_behind,
            "secondsToRecover": self.seconds_to_recover,
        }


@dataclass(kw_only=True)
class StormResult:
    """The phases so far, and what pgbench does with the same query and clients on the same path.

    `max_connections` and `ceiling` are None where the stack does not say; `at` is when it began, `machine` where the
    load ran, `versions` of what took part.
    """

    settings: StormSettings
    max_connections: int | None
    ceiling: int | None
    phases: dict[str, Phase] = field(default_factory=dict)
    pgbench_requests_per_second: float | None = None
    at: str = ""
    machine: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The result with the names of `--json`."""
        return {
            "at": self.at,
            "machine": self.machine,
            "versions": self.versions,
            "maxConnections": self.max_connections,
            "environments": self.settings.environments,
            "connectionsPerEnvironment": self.settings.connections,
            "phases": {name: phase.as_json() for name, phase in self.phases.items()},
            "pgbenchRequestsPerSecond": self.pgbench_requests_per_second,
        }


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What is told several times a second while a phase runs.

    Attributes:
        stage: loading, cold, sustained, or metrics (waiting for CloudWatch).
        seconds: since the start; negative while loading.
        begun: clients that are ready (loading) or had their first answer (cold, sustained).
        connections: to the database; None where nobody can tell.
    """

    phase: str
    path: str
    stage: str
    seconds: float
    begun: int
    served: int
    failed: int
    connections: int | None
