"""The storm in a terminal: a live picture while it runs, and the table at its end."""

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ops.gauge import bar, sparkline

from .results import Progress, StormResult, StormSettings

_STAGES = {
    "loading": "loading the environments",
    "cold": "cold start, all at once",
    "sustained": "sustained",
    "metrics": "waiting for CloudWatch's minute",
}


class Picture:
    """What the live display shows: now, and the connections of the last seconds."""

    def __init__(self, result: StormResult) -> None:
        self._result = result
        self._history: list[int] = []
        self._phase = ""

    def update(self, now: Progress) -> RenderableType:
        """The picture after one more look."""
        settings = self._result.settings
        if now.phase != self._phase:
            self._phase, self._history = now.phase, []
        ready = "loaded" if now.stage == "loading" else "with an answer"
        lines: list[RenderableType] = [
            Text.assemble((f"{now.phase}", "bold"), f" → {now.path}: {_STAGES[now.stage]}, ", _when(now, settings)),
            bar("clients", now.begun, settings.clients, f"{now.begun:,} of {settings.clients:,} {ready}"),
        ]
        limit = self._result.max_connections
        if now.connections is not None and limit:
            self._history.append(now.connections)
            lines.append(
                bar("connections", now.connections, limit, f"{now.connections:,} of {limit:,} max_connections")
            )
            lines.append(Text(f"{'':12} {sparkline(self._history, limit)}", style="cyan"))
        lines.append(Text(f"{'':12} {now.served:,} served, {now.failed:,} failed"))
        return Group(*lines)


def _when(now: Progress, settings: StormSettings) -> str:
    return f"{settings.clients:,} clients" if now.stage == "loading" else f"{max(0.0, now.seconds):.1f} s"


def table(result: StormResult) -> Table:
    """The phases side by side; what nobody could measure is a dash."""
    settings, phases = result.settings, list(result.phases.values())
    drawn = Table(
        title=f"{settings.environments:,} environments × {settings.connections} connections, "
        f"max_connections {_shown(result.max_connections)}, the proxy's ceiling {_shown(result.ceiling)}",
        title_justify="left",
        caption_justify="left",
    )
    drawn.add_column("")
    for phase in phases:
        drawn.add_column(f"{phase.name}\n[dim]{phase.path}[/dim]", justify="right")
    for row in rows(result):
        drawn.add_row(*map(escape, row))  # a server's words
    return drawn


def rows(result: StormResult) -> list[tuple[str, ...]]:
    """The table's rows: a label and a text for each phase."""
    settings, phases = result.settings, list(result.phases.values())
    found: list[tuple[str, ...]] = [
        ("served", *(f"{len(phase.latencies):,}" for phase in phases)),
        ("failed", *(f"{sum(phase.errors.values()):,}" for phase in phases)),
    ]
    for label in sorted({label for phase in phases for label in phase.errors}):
        found.append((f"  {label}", *(f"{phase.errors.get(label, 0):,}" for phase in phases)))
    found.append(("clients never served", *(f"{each.never_served:,} of {settings.clients:,}" for each in phases)))
    found.append(("every client had an answer after", *(_shown(phase.cold_seconds, " s") for phase in phases)))
    found.append(("requests per second, sustained", *(_shown(phase.requests_per_second) for phase in phases)))
    found.append(
        (
            "what the client in the middle waits",
            *("never served" if each.median_client is None else f"{each.median_client:,} ms" for each in phases),
        )
    )
    served = [f"{settings.clients - each.never_served:,} clients" for each in phases]
    found.append(("the times below are of", *served))
    for percent in (50, 95, 99):
        found.append((f"  p{percent}", *(_shown(phase.percentile(percent), " ms") for phase in phases)))
    found.append(("database connections, peak", *(_shown(phase.peak_connections) for phase in phases)))
    found.append(("  pinned, peak", *(_shown(phase.peak_pinned) for phase in phases)))
    found.append(("  held by prepared statements, peak", *(_shown(phase.peak_held) for phase in phases)))
    found.append(("  left behind, idle", *(_shown(phase.idle_left_behind) for phase in phases)))
    found.append(("time to recover", *(_shown(phase.seconds_to_recover, " s") for phase in phases)))
    return found


def proven(result: StormResult) -> str:
    """One sentence: what the storm has shown."""
    clients, told = result.settings.clients, []
    for name, phase in result.phases.items():
        served = clients - phase.never_served
        way = "straight at the database" if name == "direct" else "through the proxy"
        share = "all were served" if served == clients else f"{served:,} were served and {phase.never_served:,} never"
        over = f", over {phase.peak_connections:,} connections to the database" if phase.peak_connections else ""
        failed = sum(phase.errors.values())
        asked = f" ({failed:,} of {failed + len(phase.latencies):,} requests failed)" if failed else ""
        told.append(f"{way} {share}{over}{asked}")
    return f"{clients:,} clients: {'; '.join(told)}."


def efficiency(result: StormResult) -> str | None:
    """One sentence: the storm's throughput against pgbench's; None when pgbench has no rate."""
    proxy, pgbench = result.phases.get("proxy"), result.pgbench_requests_per_second
    if proxy is None or pgbench is None:
        return None
    compared = f": {proxy.requests_per_second / pgbench:.2f} of it" if pgbench else ", as it was refused"
    return (
        f"Through the proxy ({proxy.path}) {proxy.requests_per_second:,.0f} requests/s; pgbench with the same query, "
        f"clients, login and path {pgbench:,.0f}/s{compared}"
    )


def _shown(value: float | None, unit: str = "") -> str:
    return "–" if value is None else f"{value:,}{unit}"
