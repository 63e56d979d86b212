"""The laptop stack on one screen: who calls whom, by whole names, where each is and whether it serves."""

from collections.abc import Mapping, Sequence
from typing import Any

from .gate.seen import Seen
from .pulumi_cli import console

# kind, what it is called, which fact is its host name
_SERVERS = (
    ("function", "Lambda", ""),
    ("proxy", "→ RDS Proxy (gate, PgBouncer)", "endpoint"),
    ("instance", "→ RDS (PostgreSQL)", "address"),
)


def show_topology(url: str, resources: Sequence[dict[str, Any]], gates: Mapping[str, Seen] | None = None) -> None:
    """Print functions, proxies and databases.

    Args:
        url: where the supervisor answers AWS's API.
        gates: proxy → what its gate has seen, of those that are asked.
    """
    console.print("\nLambda → RDS Proxy → RDS, on this machine", style="bold")
    rows: list[tuple[str, str, str, str | None, Seen | None]] = []
    for kind, label, host in _SERVERS:
        for each in (each for each in resources if each["kind"] == kind):
            facts = each["facts"]
            where = f"{facts['ip']}:{facts['port']}" if "ip" in facts else each["identifier"]
            seen = (gates or {}).get(each["identifier"]) if kind == "proxy" else None
            rows.append((label, where, each["status"], facts.get(host), seen))
    widths = [max(map(len, column), default=0) for column in ([row[0] for row in rows], [row[1] for row in rows])]
    for label, where, status, name, seen in rows:
        console.print(f"{label:{widths[0]}}  {where:{widths[1]}}  ", end="")
        console.print(status, style="green" if status == "available" else "red")
        if name:  # to be copied: on a line of its own a name of AWS's length is whole on 80 columns
            console.print(f"  {name}")
        if seen:
            console.print(
                f"  clients: {seen.clients:,}, {seen.waiting:,} waiting; connections: {seen.borrowed:,} of "
                f"{seen.ceiling:,} lent, {seen.pinned:,} pinned, {seen.held:,} held"
            )
            console.print(f"  sessions pinned since its start: {sum(seen.pins.values()):,}; python -m ops pins watch")
    console.print(f"AWS's API: {url}; everything: python -m local status --json")
