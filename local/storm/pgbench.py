"""PostgreSQL's own benchmark, on the path of the storm: what the machine could do without a single handler."""

import os
import subprocess

from ..supervisor.errors import LaptopError
from ..supervisor.postgres import binaries
from .laptop import LaptopStack, Route

_SECONDS = 5
# Connecting is not part of its rate, but of its time: so many clients get through their TLS handshake in a second.
_CLIENTS_PER_SECOND = 200
_LONGEST_SECONDS = 180


def transactions_per_second(stack: LaptopStack, route: Route, query: str, clients: int) -> float:
    """pgbench's rate with the handler's own query, as many clients, the same TLS and the same login.

    Raises:
        LaptopError: pgbench is missing, or failed; with its reason.
    """
    program = binaries() / "pgbench"
    if not program.exists():
        raise LaptopError(f"{program} is missing; run `make setup`")
    script = stack.state / "storm.sql"
    script.write_text(query.rstrip(";") + ";\n")
    connection = (
        f"host={route.host} port=5432 dbname={stack.database} user={stack.user} "
        f"sslmode=verify-full sslrootcert={stack.certificates}"
    )
    try:
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            # The simple protocol is what psycopg speaks for a statement without parameters.
            [str(program), "--no-vacuum", "--protocol", "simple", "--file", str(script),
             "--client", str(clients), "--jobs", str(min(clients, os.cpu_count() or 1)),
             "--time", str(_SECONDS + clients // _CLIENTS_PER_SECOND), connection],
            env={**stack.names, "PGPASSWORD": stack.login(route)},
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise LaptopError(f"pgbench with {clients} clients did not end within {_LONGEST_SECONDS} s") from None
    finally:
        script.unlink(missing_ok=True)
    for line in done.stdout.splitlines():
        if line.startswith("tps = "):
            return round(float(line.split()[2]), 1)
    said = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
    raise LaptopError(f"pgbench failed: {said[-1]}")
