"""One look as a picture for a terminal, or as a line for a machine."""

import json
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from ops.doctor.evidence import Evidence
from ops.doctor.verdict import Verdict
from ops.gauge import bar, sparkline


class Picture:
    """What the live display shows: now, and the sessions of the last looks."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._sessions: list[int] = []
        self._most_clients = 1

    def update(self, seen: Evidence, verdict: Verdict) -> RenderableType:
        """The picture after one more look."""
        clients, connections = seen.clients or 0, seen.connections or 0
        self._most_clients = max(self._most_clients, clients)
        # Where the database does not tell, its sessions are those of the proxy at least.
        sessions = connections if seen.database_sessions is None else seen.database_sessions
        self._sessions.append(sessions)
        allowed, top = seen.allowed or max(1, connections), seen.max_connections or seen.allowed or max(1, sessions)
        colour = "red" if verdict.finding else "green"
        of_database = f"{_shown(seen.database_sessions)} of {_shown(seen.max_connections)} max_connections, whoever's"
        rows: list[RenderableType] = [
            Text.assemble((self._title, "bold"), "  ", (verdict.cause.value, colour)),
            bar("clients", clients, self._most_clients, f"{clients:,} at the proxy"),
            bar("connections", connections, allowed, f"{connections:,} of {_shown(seen.allowed)} the proxy may open"),
            bar("sessions", sessions, top, of_database),
            Text(f"{'':12} {sparkline(self._sessions, top)}", style="cyan"),
            Text(f"{'waiting':12} {_shown(seen.waiting)}"),
            Text(f"{'pinned':12} {_shown(seen.pinned)}, held by prepared statements {_shown(seen.held_by_statements)}"),
            Text(f"{'borrowed in':12} {_shown(seen.borrow_latency, ' ms')}"),
            Text(f"{'invocations':12} {seen.invocations / seen.seconds:,.1f}/s, {seen.errors:,} failed"),
        ]
        return Group(*rows)


def as_line(seen: Evidence, verdict: Verdict, now: datetime) -> str:
    """One look as a line of JSON; None where a number could not be seen."""
    latency = seen.borrow_latency
    return json.dumps(
        {
            "at": now.isoformat(timespec="milliseconds"),
            "seconds": seen.seconds,
            "clients": seen.clients,
            "connections": seen.connections,
            "allowed": seen.allowed,
            "databaseSessions": seen.database_sessions,
            "maxConnections": seen.max_connections,
            "waiting": seen.waiting,
            "pinned": seen.pinned,
            "heldByStatements": seen.held_by_statements,
            "borrowLatencyMs": None if latency is None else round(latency, 3),
            "invocations": seen.invocations,
            "failed": seen.errors,
            "cause": verdict.cause.value,
        }
    )


def _shown(value: float | None, unit: str = "") -> str:
    if value is None:
        return "–"
    return f"{value:,.1f}{unit}" if isinstance(value, float) else f"{value:,}{unit}"
