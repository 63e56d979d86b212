"""How many sessions at work one processor bears: what more of them cost.

`python -m bench.sessions` starts a PostgreSQL of its own, lets pgbench work in it with more and more sessions for each
processor of this machine, and shows transactions a second against the best of them, and how long each takes. pgbench
shares the processors with the server, as a proxy or a function does not: read the shape, not the numbers.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from local.supervisor.certificates import Authority
from local.supervisor.postgres import Postgres, PostgresSettings, binaries
from toolchain.checkout import checkout_root, subnet

PER_PROCESSOR = (1, 2, 5, 10, 25, 50, 100, 200)
SECONDS, SCALE, RESERVED = 8, 10, 10
# Connecting counts towards the time that pgbench is given, and is not in its rate.
CONNECTIONS_PER_SECOND = 20
USER, PASSWORD, DATABASE = "bench", "not-a-secret", "bench"


def main() -> None:
    """Measure each number of sessions, one after the other."""
    processors = os.cpu_count() or 1
    most = processors * PER_PROCESSOR[-1]
    with tempfile.TemporaryDirectory() as folder:
        settings = PostgresSettings(
            name="bench.localhost",
            address=f"{subnet(checkout_root())}.251",
            port=5432,
            database=DATABASE,
            username=USER,
            password=PASSWORD,
            max_connections=most + RESERVED,
        )
        Path(folder).chmod(0o755)  # the server runs as an account of its own
        server = Postgres(Path(folder) / "server", settings, Authority(Path(folder) / "authority"))
        server.start()
        try:
            _pgbench(settings, "--initialize", "--scale", str(SCALE))
            found = {each: _measure(settings, each * processors) for each in PER_PROCESSOR}
        finally:
            server.stop()
    best = max(rate for rate, _ in found.values())
    table = Table(title=f"pgbench on {processors} processors, {SECONDS} s each", title_justify="left")
    for heading in ("sessions per processor", "sessions", "transactions a second", "of the best", "each takes"):
        table.add_column(heading, justify="right")
    for each, (rate, milliseconds) in found.items():
        table.add_row(
            f"{each}", f"{each * processors:,}", f"{rate:,.0f}", f"{rate / best:.0%}", f"{milliseconds:,.1f} ms"
        )
    Console(emoji=False, highlight=False).print(table)


def _measure(settings: PostgresSettings, sessions: int) -> tuple[float, float]:
    """(transactions a second, milliseconds that each takes) with so many sessions."""
    said = _pgbench(
        settings,
        *("--no-vacuum", "--builtin", "simple-update", "--client", str(sessions), "--jobs", "2"),
        *("--time", str(SECONDS + sessions // CONNECTIONS_PER_SECOND)),
    )
    lines = {line.split(" = ")[0]: line.split(" = ")[1] for line in said.splitlines() if " = " in line}
    return float(lines["tps"].split()[0]), float(lines["latency average"].split()[0])


def _pgbench(settings: PostgresSettings, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - a list of words, no shell
        [str(binaries() / "pgbench"), *arguments, f"host={settings.address} user={USER} dbname={DATABASE}"],
        env={**os.environ, "PGPASSWORD": PASSWORD, "PGSSLMODE": "require"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return done.stdout


if __name__ == "__main__":
    main()
