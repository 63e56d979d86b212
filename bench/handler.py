"""How fast the handler's pool is, warm, against what others use; cold starts are measured by bench/cold.py.

`python -m bench.handler` runs on the local stack (`make up` first), through the proxy with verified TLS and its own
login. Variants take turns call by call in one process, so that a slow moment hits all of them. Each round
gives one ratio to raw psycopg; the table shows the median ratio with the lowest and the highest.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, PER_ROUND, SLOW_EVERY = 20, 400, 20
RAW, SLOW = "raw psycopg, open connection", "connect per invocation"
QUERY = "SELECT 1"


def main() -> None:
    """Find the stack and start the measurements where its names resolve."""
    if "--inside" in sys.argv:
        print(json.dumps(warm()))
        return
    from rich.console import Console
    from rich.table import Table

    from local.storm.laptop import LaptopStack

    stack = LaptopStack.find()
    route = stack.routes["proxy"]
    # What the others log in with; ours signs a token of its own where the stack says so.
    environment = {**stack.environment(route), "DB_PASSWORD": stack.login(route)}
    console = Console(emoji=False, highlight=False)
    console.print(f"warm, through {route.path}: {ROUNDS} rounds of {PER_ROUND} invocations each, in turns …")
    inside = {**environment, "PYTHONPATH": f"{ROOT}:{ROOT / 'handler'}"}
    done = subprocess.run(
        [sys.executable, "-m", "bench.handler", "--inside"],
        env=inside,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"error: {(done.stderr.strip().splitlines() or ['the measurement said nothing'])[-1]}")
    table = Table("warm, per invocation", "p50", "× raw", "lowest – highest of the rounds")
    for name, (p50, ratio, lowest, highest) in json.loads(done.stdout).items():
        table.add_row(name, f"{p50:.0f} µs", f"{ratio:.2f}", f"{lowest:.2f} – {highest:.2f}")
    console.print(table)


def warm() -> dict[str, tuple[float, float, float, float]]:
    """Variant → (p50 in µs over all rounds, median ratio to raw psycopg, lowest, highest)."""
    variants, shuffled = _variants(), random.Random(0)  # noqa: S311 - an order, the same in each run
    times: dict[str, list[list[float]]] = {name: [] for name in variants}
    for call in variants.values():
        call()
    for _ in range(ROUNDS):
        for name in variants:
            times[name].append([])
        for turn in range(PER_ROUND):
            # In another order each time: what one call leaves behind at the proxy, the next one meets.
            for name, call in shuffled.sample(list(variants.items()), len(variants)):
                if name == SLOW and turn % SLOW_EVERY:
                    continue
                began = time.perf_counter()
                call()
                times[name][-1].append((time.perf_counter() - began) * 1e6)
    floor = [statistics.median(each) for each in times[RAW]]
    result = {}
    for name, rounds in times.items():
        ratios = [statistics.median(each) / base for each, base in zip(rounds, floor, strict=True)]
        p50 = statistics.median([value for each in rounds for value in each])
        result[name] = (p50, statistics.median(ratios), min(ratios), max(ratios))
    return result


def _variants() -> dict[str, Callable[[], object]]:
    import psycopg
    import sqlalchemy
    from psycopg_pool import ConnectionPool

    from rds_connection import connection

    arguments: dict[str, Any] = {
        "host": os.environ["DB_HOST"],
        "port": os.environ["DB_PORT"],
        "dbname": os.environ["DB_NAME"],
        "user": os.environ["DB_USER"],
        "password": os.environ["DB_PASSWORD"],
        "sslmode": "verify-full",
        "sslrootcert": os.environ["DB_SSL_ROOT_CERT"],
        # The same as ours: for a client of another name the proxy sets it first, which is a round trip.
        "application_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or "rds_connection",
    }
    settings: dict[str, Any] = {"autocommit": True, "prepare_threshold": None}
    conn = psycopg.connect(**arguments, **settings)
    size: dict[str, Any] = {"min_size": 1, "max_size": 1, "kwargs": {**arguments, **settings}, "open": True}
    pool = ConnectionPool(**size)
    checked = ConnectionPool(**size, check=ConnectionPool.check_connection)
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(**arguments, **settings),
        pool_size=1,
        pool_pre_ping=True,
        isolation_level="AUTOCOMMIT",
    )

    def raw() -> object:
        return conn.execute(QUERY).fetchone()

    def ours() -> object:
        with connection(Context()) as lent:
            return lent.execute(QUERY).fetchone()

    def pooled(of: Any) -> Callable[[], object]:  # noqa: ANN401 - ConnectionPool is generic in its connection
        def call() -> object:
            with of.connection() as lent:
                return lent.execute(QUERY).fetchone()

        return call

    def alchemy() -> object:
        with engine.connect() as lent:
            return lent.exec_driver_sql(QUERY).fetchone()

    def fresh() -> object:
        with psycopg.connect(**arguments, **settings) as opened:
            return opened.execute(QUERY).fetchone()

    return {
        RAW: raw,
        "rds_connection (ours)": ours,
        "psycopg_pool": pooled(pool),
        "psycopg_pool with check": pooled(checked),
        "SQLAlchemy with pre-ping": alchemy,
        SLOW: fresh,
    }


class Context:
    """Lambda's context, as far as the handler asks it."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"
    function_name = "bench"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return 15_000


if __name__ == "__main__":
    main()
