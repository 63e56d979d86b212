"""The laptop stack on one screen: who calls whom, by whole names, where each is and whether it serves."""

from collections.abc import Sequence
from typing import Any

from .pulumi_cli import console

# kind, what it is called, which fact is its host name
_SERVERS = (
    ("function", "Lambda", ""),
    ("proxy", "→ RDS Proxy (PgBouncer)", "endpoint"),
    ("instance", "→ RDS (PostgreSQL)", "address"),
)


def show_topology(url: str, resources: Sequence[dict[str, Any]]) -> None:
    """Print functions, proxies and databases; the supervisor's `url` is where AWS's API is answered."""
    console.print("\nLambda → RDS Proxy → RDS, on this machine", style="bold")
    rows = []
    for kind, label, host in _SERVERS:
        for each in (each for each in resources if each["kind"] == kind):
            facts = each["facts"]
            where = f"{facts['ip']}:{facts['port']}" if "ip" in facts else each["identifier"]
            rows.append((label, where, each["status"], facts.get(host)))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    for label, where, status, name in rows:
        console.print(f"{label:{widths[0]}}  {where:{widths[1]}}  ", end="")
        console.print(status, style="green" if status == "available" else "red")
        if name:  # to be copied: on a line of its own a name of AWS's length is whole on 80 columns
            console.print(f"  {name}")
    console.print(f"AWS's API: {url}; everything: python -m local status --json")
