"""Results of storms that never were."""

from collections import Counter

from ops.storm.results import Phase, Sample, StormResult, StormSettings


def phase(name: str, latencies: list[float], **errors: int) -> Phase:
    """One in which a request was served in each second, the first in the cold start."""
    return Phase(
        name=name,
        path="PostgreSQL" if name == "direct" else "gate → PgBouncer",
        seconds=10.0,
        cold_seconds=1.0,
        served_at=[second + 1.0 for second in range(len(latencies))],
        latencies=latencies,
        medians=latencies,
        never_served=0 if latencies else 925,
        errors=Counter(errors),
        samples=[Sample(seconds=0.1, connections=3), Sample(seconds=0.2, connections=67)],
        peak_connections=67,
        peak_pinned=None if name == "direct" else 3,
        peak_held=None if name == "direct" else 2,
        idle_left_behind=67,
        seconds_to_recover=0.01,
    )


def result() -> StormResult:
    """Nothing served directly, four requests through the proxy."""
    return StormResult(
        settings=StormSettings(environments=500, connections=2),
        max_connections=79,
        ceiling=67,
        phases={"direct": phase("direct", [], refused=7), "proxy": phase("proxy", [1.0, 2.0, 3.0, 4.0])},
        pgbench_requests_per_second=20_000.0,
    )
