"""What lending costs: pgbench through the gate, beside the database itself and another checkout's gate in the same run.

`python -m bench.gate [--other CHECKOUT]`: 64 clients on 15 database connections by simple queries and by the extended
protocol (transactions a second), and one client alone (milliseconds of the one in the middle). Turns alternate, the
medians count. `--serve` is how it starts a proxy, of the other checkout too.
"""

import json
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from rich.console import Console
from rich.table import Table

from local.iam.tokens import TokenAudience
from local.supervisor.certificates import Authority
from local.supervisor.postgres import Postgres, PostgresSettings, binaries
from local.supervisor.proxy import Proxy
from local.supervisor.proxy_settings import ProxySettings, Target
from toolchain.checkout import checkout_root, subnet

TURNS, SECONDS, CLIENTS = 5, 4, 64
MAX_CONNECTIONS, PERCENT = 100, 15
USER, DATABASE = "bench", "bench"
LOADS = {
    "64 clients, simple": ("--client", str(CLIENTS), "--jobs", "2"),
    "64 clients, extended": ("--client", str(CLIENTS), "--jobs", "2", "--protocol", "extended"),
    "one client": ("--client", "1", "--log"),
}


def main() -> None:
    """Serve, or measure."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--other", type=Path, help="another checkout, whose gate is measured in turn with this one's")
    parser.add_argument("--serve", action="store_true", help="serve a proxy until standard input ends")
    asked = parser.parse_args()
    if asked.serve:
        _serve()
        return
    roots = {"this gate": checkout_root(), **({"the other": asked.other.resolve()} if asked.other else {})}
    begun = {name: _begin(root) for name, root in roots.items()}
    try:
        at = {name: json.loads(process.stdout.readline()) for name, process in begun.items() if process.stdout}
        ways = {name: (told["proxy"], told["password"]) for name, told in at.items()}
        ways["the database"] = (at["this gate"]["database"], at["this gate"]["password"])
        found = {load: _turns(ways, words) for load, words in LOADS.items()}
    finally:
        for process in begun.values():
            process.communicate()
    table = Table("", *ways, *(f"this : {name}" for name in ways if name != "this gate"))
    for load, figures in found.items():
        ratios = (figures["this gate"] / figures[name] for name in ways if name != "this gate")
        table.add_row(load, *(f"{figures[name]:,.3g}" for name in ways), *(f"{ratio:.2f}" for ratio in ratios))
    Console(emoji=False, highlight=False, width=110).print(table)


def _begin(root: Path) -> "subprocess.Popen[str]":
    command = [str(root / ".venv" / "bin" / "python"), "-m", "bench.gate", "--serve"]
    return subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603


def _turns(ways: dict[str, tuple[str, str]], words: tuple[str, ...]) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(TURNS):
        for name in sorted(ways, reverse=bool(turn % 2)):
            taken[name].append(_pgbench(*ways[name], words))
    return {name: statistics.median(each) for name, each in taken.items()}


def _pgbench(host: str, password: str, words: tuple[str, ...]) -> float:
    """Transactions a second; of one client the milliseconds of the transaction in the middle."""
    command = [f"{binaries()}/pgbench", "--no-vacuum", "--select-only", f"--time={SECONDS}", *words]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603
            [*command, f"--host={host}", f"--username={USER}", DATABASE],
            cwd=folder,
            env={"PGPASSWORD": password, "PGSSLMODE": "require"},
            capture_output=True,
            text=True,
            check=True,
        )
        logged = [int(line.split()[2]) for log in Path(folder).iterdir() for line in log.read_text().splitlines()]
    rate = re.search(r"^tps = ([\d.]+)", done.stdout, flags=re.MULTILINE)
    if rate is None or "aborted" in done.stderr:
        raise SystemExit(done.stderr)
    return statistics.median(logged) / 1000 if logged else float(rate.group(1))


def _serve() -> None:
    numbers = subnet(checkout_root())
    database, proxy = f"{numbers}.251", f"{numbers}.252"
    password = secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the servers run as an account of their own
        authority = Authority(folder / "authority")
        server = Postgres(
            folder / "server",
            PostgresSettings(
                name="bench.localhost",
                address=database,
                port=5432,
                database=DATABASE,
                username=USER,
                password=password,
                max_connections=MAX_CONNECTIONS,
            ),
            authority,
        )
        settings = ProxySettings(
            name="proxy.localhost",
            address=proxy,
            port=5432,
            connection_borrow_timeout=30,
            max_connections_percent=PERCENT,
            target=Target(address=database, port=5432, max_connections=MAX_CONNECTIONS),
            users={USER: password},
        )
        audience = TokenAudience(host="proxy.localhost", port=5432, region="eu-west-1", arn_prefix="")
        running = Proxy(folder, "bench", settings, authority, audience)
        server.start()
        try:
            running.start()
            subprocess.run(  # noqa: S603
                [
                    f"{binaries()}/pgbench",
                    "--initialize",
                    "--quiet",
                    f"--host={database}",
                    f"--username={USER}",
                    DATABASE,
                ],
                env={"PGPASSWORD": password, "PGSSLMODE": "require"},
                capture_output=True,
                check=True,
            )
            print(json.dumps({"proxy": proxy, "database": database, "password": password}), flush=True)
            sys.stdin.read()
        finally:
            running.stop()
            server.stop()


if __name__ == "__main__":
    main()
