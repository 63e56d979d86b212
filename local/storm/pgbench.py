"""PostgreSQL's own benchmark, on the path of the storm: what the machine could do without a single handler."""

import os
import subprocess
import time

from ..supervisor.errors import LaptopError
from ..supervisor.postgres import binaries
from .laptop import LaptopStack, Route

_SECONDS = 5
# The time that pgbench is given begins with its first connection (source: PostgreSQL 15, pgbench.c, `setalarm` before
# the threads). So many clients get through their TLS handshake in a second, unless the machine is busy with more.
_CLIENTS_PER_SECOND = 200
_LONGEST_SECONDS = 180
_ATTEMPTS = 3
# Without a rate: pgbench prints none when no transaction ended (source: pgbench.c, `printResults`).
_REFUSED = ("could not create connection", "Run was aborted")


def transactions_per_second(stack: LaptopStack, route: Route, query: str, clients: int) -> float | None:
    """pgbench's rate with the handler's own query, as many clients, the same TLS and the same login.

    Returns:
        0 when it was refused; None when connecting alone took all the time that it got.

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
    # The simple protocol is what psycopg speaks for a statement without parameters.
    command = [str(program), "--no-vacuum", "--protocol", "simple", "--file", str(script), "--client", str(clients)]
    command += ["--jobs", str(min(clients, os.cpu_count() or 1)), connection, "--time"]
    seconds = _SECONDS + clients // _CLIENTS_PER_SECOND
    try:
        for _ in range(_ATTEMPTS):
            began = time.monotonic()
            done = subprocess.run(  # noqa: S603 - a list of words, no shell
                [*command, str(seconds)],
                env={**stack.names, "PGPASSWORD": stack.login(route)},
                capture_output=True,
                text=True,
                check=False,
                timeout=_LONGEST_SECONDS,
            )
            rate = next((line.split()[2] for line in done.stdout.splitlines() if line.startswith("tps = ")), None)
            if rate is not None or done.returncode:
                break
            seconds = _SECONDS + 2 * round(time.monotonic() - began)
    except subprocess.TimeoutExpired:
        raise LaptopError(f"pgbench with {clients} clients did not end within {_LONGEST_SECONDS} s") from None
    finally:
        script.unlink(missing_ok=True)
    if rate is not None:
        return round(float(rate), 1)
    if not done.returncode:
        return None
    said = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
    if any(words in said[-1] for words in _REFUSED):
        return 0.0
    raise LaptopError(f"pgbench failed: {said[-1]}")
