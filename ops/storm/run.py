"""The article's connection storm, on the running laptop stack: straight at the database, then through the proxy."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil
import psycopg

from local.supervisor.client import SupervisorClient
from local.supervisor.errors import LaptopError
from toolchain.checkout import checkout_root, laptop_state

_CLIENTS_PER_PROCESS = 50
_SAMPLE_SECONDS = 0.1
# Loading a copy of the handler's modules per client takes a few milliseconds each.
_LOAD_SECONDS_PER_CLIENT = 0.012
_TIMEOUT_SECONDS = 15.0
_PGBENCH_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class StormSettings:
    """How many environments, how many connections each opens, and for how many seconds each phase lasts."""

    environments: int = 500
    connections: int = 2
    seconds: float = 10.0

    @property
    def clients(self) -> int:
        """Connections that all environments want at once."""
        return self.environments * self.connections


@dataclass(kw_only=True)
class Phase:
    """What one phase measured; latencies in milliseconds, samples as (seconds since its start, connections, active)."""

    name: str
    seconds: float
    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[float, int, int]] = field(default_factory=list)
    never_served: int = 0
    idle_left_behind: int = 0
    seconds_to_recover: float = 0.0
    peak_memory_mb: float = 0.0
    query: str = ""

    @property
    def peak_connections(self) -> int:
        """Most connections to the database at once."""
        return max((connections for _, connections, _ in self.samples), default=0)

    def percentile(self, percent: float) -> float | None:
        """A latency in milliseconds, or None when nothing was served."""
        if not self.latencies:
            return None
        ordered = sorted(self.latencies)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 2)

    def as_json(self) -> dict[str, Any]:
        """The phase with the names of `--json`."""
        return {
            "served": len(self.latencies),
            "failed": dict(self.errors.most_common()),
            "requestsPerSecond": round(len(self.latencies) / self.seconds, 1),
            "p50Ms": self.percentile(50),
            "p95Ms": self.percentile(95),
            "p99Ms": self.percentile(99),
            "peakDatabaseConnections": self.peak_connections,
            "idleLeftBehind": self.idle_left_behind,
            "secondsToRecover": self.seconds_to_recover,
        }


@dataclass(kw_only=True)
class StormResult:
    """Both phases, and what pgbench does with the same query and clients through the same pooler."""

    settings: StormSettings
    max_connections: int
    ceiling: int
    phases: dict[str, Phase]
    pgbench_requests_per_second: float

    def as_json(self) -> dict[str, Any]:
        """The result with the names of `--json`."""
        return {
            "maxConnections": self.max_connections,
            "environments": self.settings.environments,
            "connectionsPerEnvironment": self.settings.connections,
            "phases": {name: phase.as_json() for name, phase in self.phases.items()},
            "pgbenchRequestsPerSecond": round(self.pgbench_requests_per_second, 1),
        }


@dataclass(frozen=True)
class LaptopStack:
    """The running stack's parts, as the storm needs them."""

    state: Path
    instance: dict[str, Any]
    proxy: dict[str, Any]
    function: dict[str, Any]
    user: str
    database: str
    password: str = field(repr=False)

    @classmethod
    def find(cls, function: str | None = None) -> "LaptopStack":
        """The stack of this checkout.

        Raises:
            LaptopError: it is not up, or has no such function.
        """
        client = SupervisorClient.running()
        if client is None:
            raise LaptopError("the local stack is not up; run `make up`")
        found: dict[str, list[dict[str, Any]]] = {}
        for each in client.resources():
            found.setdefault(each["kind"], []).append(
                {**each["facts"], "identifier": each["identifier"], **each["spec"]}
            )
        # The admin function is no application's: it has no database environment.
        functions = [each for each in found.get("function", []) if not each["identifier"].endswith("-admin")]
        chosen = [each for each in functions if function in (None, each["identifier"])]
        if not chosen or not found.get("proxy") or not found.get("instance"):
            raise LaptopError("the local stack has no function behind a proxy; run `make up`")
        proxy = found["proxy"][0]
        value = json.loads(client.secret(proxy["auths"][0]["secretArn"]))
        return cls(
            state=laptop_state(checkout_root()),
            instance=found["instance"][0],
            proxy=proxy,
            function=chosen[0],
            user=value["username"],
            database=found["instance"][0]["dbName"],
            password=value["password"],
        )

    def environment(self, host: str) -> dict[str, str]:
        """The environment of a function that connects to `host`, on this machine."""
        wrapper = next(iter(sorted(Path("/usr/lib").glob("*/libnss_wrapper.so"))), None)
        return {
            "PATH": os.environ.get("PATH", ""),
            "LD_PRELOAD": str(wrapper or ""),
            "NSS_WRAPPER_HOSTS": str(self.state / "hosts"),
            "DB_HOST": host,
            "DB_PORT": "5432",
            "DB_NAME": self.database,
            "DB_USER": self.user,
            "DB_ENGINE": "postgresql",
            # Read once here: a thousand reads of one secret at the same moment would storm Secrets Manager instead.
            "DB_AUTH": "password",
            "DB_PASSWORD": self.password,
            "DB_SSL_ROOT_CERT": str(self.state / "authority" / "ca.pem"),
        }

    def superuser(self) -> "psycopg.Connection[Any]":
        """A connection on the slots that PostgreSQL reserves for superusers: it works in a storm too."""
        folder = self.state / "instances" / self.instance["identifier"]
        return psycopg.connect(
            host=self.instance["ip"],
            port=self.instance["port"],
            dbname="postgres",
            user="rdsadmin",
            password=(folder / "rdsadmin.password").read_text(),
            sslmode="require",
            connect_timeout=5,
            autocommit=True,
        )


def run_storm(stack: LaptopStack, settings: StormSettings, say: Callable[[str, float, int, int], None]) -> StormResult:
    """Both phases, each from a clean state, then pgbench.

    Args:
        say: told (phase, seconds, connections, active) several times a second.
    """
    phases = {}
    for name, host in (("direct", stack.instance["address"]), ("proxy", stack.proxy["endpoint"])):
        phases[name] = _run_phase(stack, settings, name, host, say)
    return StormResult(
        settings=settings,
        max_connections=int(stack.instance["maxConnections"]),
        ceiling=_ceiling(stack),
        phases=phases,
        pgbench_requests_per_second=_pgbench(stack, settings, phases["proxy"].query),
    )


def _ceiling(stack: LaptopStack) -> int:
    text = (stack.state / "proxies" / stack.proxy["identifier"] / "pgbouncer.ini").read_text()
    return int(next(line.split(" = ")[1] for line in text.splitlines() if line.startswith("max_db_connections = ")))


def _run_phase(
    stack: LaptopStack,
    settings: StormSettings,
    name: str,
    host: str,
    say: Callable[[str, float, int, int], None],
) -> Phase:
    phase = Phase(name=name, seconds=settings.seconds)
    with stack.superuser() as watcher:
        _end_clients(watcher, stack.user)
        start = time.time() + 1.0 + settings.clients * _LOAD_SECONDS_PER_CLIENT
        with _load(stack, settings, host, start) as (load, complaints):
            finished = threading.Event()
            sampler = threading.Thread(target=_sample, args=(watcher, stack.user, phase, start, finished, load, say))
            sampler.start()
            try:
                assert load.stdout is not None  # noqa: S101 - asked for
                lines = _lines(load.stdout)
                # A storm ends by itself, whatever happens to its load.
                deadline = start + settings.seconds + 2 * _TIMEOUT_SECONDS
                for _ in _groups(settings):
                    with contextlib.suppress(queue.Empty):
                        part = json.loads(lines.get(timeout=max(0.1, deadline - time.time())) or "null")
                        if part is not None:
                            phase.latencies += part["latencies"]
                            phase.errors.update(part["errors"])
                            phase.never_served += part["neverServed"]
                            continue
                    raise LaptopError(f"the load ended before its time: {_tail(complaints)}")
            finally:
                finished.set()
                sampler.join()
            time.sleep(0.5)  # environments are idle now, and frozen on Lambda
            phase.idle_left_behind = _connections(watcher, stack.user)[0]
        phase.seconds_to_recover = _recovery(stack)
    return phase


def _lines(stream: IO[str]) -> "queue.Queue[str]":
    """The lines of a stream as they come, and an empty one at its end."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    return lines


def _groups(settings: StormSettings) -> list[int]:
    """Clients per process."""
    processes = max(1, -(-settings.clients // _CLIENTS_PER_PROCESS))
    return [settings.clients // processes + (index < settings.clients % processes) for index in range(processes)]


@contextmanager
def _load(
    stack: LaptopStack, settings: StormSettings, host: str, start: float
) -> "Iterator[tuple[subprocess.Popen[str], IO[str]]]":
    """The load processes; whatever happens, they are gone after the block."""
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - a pipe that nobody reads while the load runs would stop it
    process = subprocess.Popen(
        [os.path.realpath(sys.executable), "-S", "-s", str(Path(__file__).parent / "load.py")],
        cwd=stack.function["folder"],
        env=stack.environment(host),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdin is not None  # noqa: S101 - asked for
        order = {
            "handler": stack.function["handler"],
            "clients": _groups(settings),
            "start": start,
            "end": start + settings.seconds,
            "timeout": _TIMEOUT_SECONDS,
        }
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        yield process, errors
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def _tail(complaints: IO[str]) -> str:
    complaints.seek(0)
    lines = complaints.read().strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _connections(watcher: "psycopg.Connection[Any]", user: str) -> tuple[int, int]:
    """(connections, active ones) of the application's user in the database."""
    row = watcher.execute(
        "SELECT count(*), count(*) FILTER (WHERE state = 'active') FROM pg_stat_activity WHERE usename = %s", [user]
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def _sample(
    watcher: "psycopg.Connection[Any]",
    user: str,
    phase: Phase,
    start: float,
    finished: threading.Event,
    load: "subprocess.Popen[str]",
    say: Callable[[str, float, int, int], None],
) -> None:
    while not finished.wait(_SAMPLE_SECONDS):
        connections, active = _connections(watcher, user)
        moment = time.time() - start
        phase.samples.append((round(moment, 2), connections, active))
        say(phase.name, moment, connections, active)
        if not phase.query and moment > 1:
            row = watcher.execute(
                "SELECT query FROM pg_stat_activity WHERE usename = %s AND query ILIKE 'select%%' LIMIT 1", [user]
            ).fetchone()
            phase.query = row[0] if row else ""
        if len(phase.samples) % 20 == 0:
            phase.peak_memory_mb = max(phase.peak_memory_mb, _memory_mb(load.pid))


def _memory_mb(pid: int) -> float:
    """Proportional memory of the load's processes: what they share counts once."""
    total = 0
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return 0.0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 2**20


def _recovery(stack: LaptopStack) -> float:
    """Seconds after the storm until the application's user is let in again."""
    began = time.monotonic()
    while time.monotonic() - began < 60:
        try:
            psycopg.connect(
                host=stack.instance["ip"],
                port=stack.instance["port"],
                dbname=stack.database,
                user=stack.user,
                password=stack.password,
                sslmode="require",
                connect_timeout=2,
            ).close()
            return round(time.monotonic() - began, 2)
        except psycopg.OperationalError:
            time.sleep(0.05)
    return round(time.monotonic() - began, 2)


def _end_clients(watcher: "psycopg.Connection[Any]", user: str) -> None:
    """Start each phase from a clean state."""
    watcher.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [user])
    deadline = time.monotonic() + 10
    while _connections(watcher, user)[0] and time.monotonic() < deadline:
        time.sleep(0.05)


def _pgbench(stack: LaptopStack, settings: StormSettings, query: str) -> float:
    """Transactions per second of pgbench with the same query and clients through the same pooler; 0 without pgbench."""
    from local.supervisor.postgres import binaries

    program = binaries() / "pgbench"
    if not program.exists() or not query:
        return 0.0
    script = stack.state / "storm.sql"
    script.write_text(query.rstrip(";") + ";\n")
    connection = (
        f"host={stack.proxy['ip']} port={stack.proxy['port']} dbname={stack.database} user={stack.user} sslmode=require"
    )
    done = subprocess.run(
        [str(program), "--no-vacuum", "--client", str(settings.clients), "--jobs", "2", "--time", str(_PGBENCH_SECONDS),
         "--protocol", "extended", "--file", str(script), connection],
        env={"PATH": os.environ.get("PATH", ""), "PGPASSWORD": stack.password},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )  # fmt: skip
    script.unlink(missing_ok=True)
    for line in done.stdout.splitlines():
        if line.startswith("tps = "):
            return float(line.split()[2])
    raise LaptopError(f"pgbench failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
