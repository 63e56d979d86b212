"""The storm on the laptop stack: both phases, each from a clean state, then pgbench."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
import psycopg

from ops.storm.results import Phase, Progress, Sample, StormResult, StormSettings

from ..supervisor.client import SupervisorClient
from ..supervisor.errors import LaptopError
from ..supervisor.postgres import SUPERVISOR
from . import pgbench
from .laptop import LaptopStack, Route
from .load import starts_after

# More threads in one process wait for each other; fewer cost memory and are no faster.
_CLIENTS_PER_PROCESS = 50
_SAMPLE_SECONDS = 0.1
_TIMEOUT_SECONDS = 15.0
# For loading a copy of the handler's modules per client, on a machine that is busy with other things.
_LOAD_SECONDS, _LOAD_SECONDS_PER_CLIENT = 30.0, 0.1
_RECOVERY_SECONDS = 60.0
_COMPLAINT_LINES = 20
_MEMORY_EVERY = 20  # samples: adding up the memory of all processes takes a while

Say = Callable[[Progress], None]


def run_storm(stack: LaptopStack, result: StormResult, say: Say) -> None:
    """Fill `result`, phase by phase, so that what is done is there when someone interrupts; then run pgbench.

    Raises:
        LaptopError: the load, pgbench or the laptop's supervisor failed.
    """
    run_phases(stack, result, say)
    query = result.phases["proxy"].query
    if query:
        result.pgbench_requests_per_second = pgbench.transactions_per_second(
            stack, stack.routes["proxy"], query, result.settings.clients
        )
    running = SupervisorClient.running()
    if running is None or running.pid != stack.client.pid:
        raise LaptopError("the laptop's supervisor did not survive the storm; run `make up`")


def run_phases(stack: LaptopStack, result: StormResult, say: Say) -> None:
    """The two phases alone.

    Raises:
        LaptopError: the load failed.
    """
    result.versions = stack.versions
    for name, route in stack.routes.items():
        result.phases[name] = _run_phase(stack, result.settings, name, route, say)


def groups(settings: StormSettings) -> list[int]:
    """Clients per process of the load."""
    processes = max(1, -(-settings.clients // _CLIENTS_PER_PROCESS))
    return [settings.clients // processes + (index < settings.clients % processes) for index in range(processes)]


def _run_phase(stack: LaptopStack, settings: StormSettings, name: str, route: Route, say: Say) -> Phase:
    phase = Phase(name=name, path=route.path, seconds=settings.seconds)
    with stack.postgres.superuser() as watcher:
        _end_clients(watcher, stack.user)
        with _load(stack, settings, route) as load:
            _watch(load, watcher, stack, settings, phase, say)
            time.sleep(0.5)  # environments are idle now, and frozen on Lambda
            phase.idle_left_behind = phase.saw(_connections(watcher, stack.user))
        phase.seconds_to_recover = _recovery(stack)
        _end_clients(watcher, stack.user)
    return phase


class _Load:
    """The load's processes: what they print, and what they complain of."""

    def __init__(self, process: "subprocess.Popen[str]", complaints: IO[str]) -> None:
        self.pid = process.pid
        self._complaints = complaints
        self._lines: queue.Queue[str] = queue.Queue()
        assert process.stdout is not None  # noqa: S101 - asked for
        threading.Thread(target=self._read, args=(process.stdout,), daemon=True).start()

    def next_line(self, seconds: float) -> dict[str, Any] | None:
        """What it prints next, if it does within `seconds`.

        Raises:
            LaptopError: it ended.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        if not line.strip():
            raise LaptopError(f"the load ended before its time; it said: {self.complaint()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def complaint(self) -> str:
        """What it wrote to standard error: the beginning of a crash, else the last lines."""
        self._complaints.seek(0)
        lines = self._complaints.read().strip().splitlines()
        crash = next((at for at, line in enumerate(lines) if line.startswith("Current thread")), None)
        return "\n".join(lines[-_COMPLAINT_LINES:] if crash is None else lines[crash:][:_COMPLAINT_LINES]) or "nothing"

    def memory_mb(self) -> float:
        """Proportional memory of all its processes: what they share counts once."""
        total = 0
        with contextlib.suppress(psutil.Error):
            for process in [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    total += process.memory_full_info().pss
        return total / 2**20

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put("")


@contextmanager
def _load(stack: LaptopStack, settings: StormSettings, route: Route) -> Iterator[_Load]:
    """The load, started; whatever happens, it is gone after the block."""
    # A file: a pipe that nobody reads while the load runs would stop it.
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(  # noqa: S603 - a list of words, no shell
            [
                os.path.realpath(sys.executable),
                "-X",
                "faulthandler",
                "-S",
                "-s",
                str(Path(__file__).with_name("load.py")),
            ],
            cwd=stack.function["folder"],
            env=stack.environment(route),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdin is not None  # noqa: S101 - asked for
            order = {
                "handler": stack.function["handler"],
                "clients": groups(settings),
                "seconds": settings.seconds,
                "timeout": _TIMEOUT_SECONDS,
            }
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            yield _Load(process, complaints)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _watch(
    load: _Load,
    watcher: "psycopg.Connection[Any]",
    stack: LaptopStack,
    settings: StormSettings,
    phase: Phase,
    say: Say,
) -> None:
    """Follow a phase to its end: its results, with the database looked at ten times a second."""
    # A storm ends by itself, whatever happens to its load: loading, then cold start, sustained part and last answers.
    deadline = time.monotonic() + _LOAD_SECONDS + settings.clients * _LOAD_SECONDS_PER_CLIENT
    started = False
    missing = len(groups(settings))
    next_look = 0.0
    while missing:
        if time.monotonic() > deadline:
            raise LaptopError(f"the load did not end in time; it said: {load.complaint()}")
        line = load.next_line(_SAMPLE_SECONDS)
        if line is None:
            continue
        if "latencies" in line:
            missing -= 1
            phase.served_at += line["servedAt"]
            phase.latencies += line["latencies"]
            phase.count_errors(line["errors"], line["texts"])
            phase.never_served += line["neverServed"]
            phase.medians += line["medians"]
        elif "coldSeconds" in line:
            phase.cold_seconds = line["coldSeconds"]
        elif time.monotonic() >= next_look:
            next_look = time.monotonic() + _SAMPLE_SECONDS
            if line["stage"] != "loading" and not started:
                started = True
                deadline = time.monotonic() + settings.seconds + 4 * _TIMEOUT_SECONDS
                deadline += starts_after(settings.clients - 1)
            connections = _connections(watcher, stack.user)
            if started:
                phase.samples.append(Sample(seconds=line["seconds"], connections=connections))
                phase.saw(connections)
                _look_at_the_gate(stack, phase)
            if line["stage"] == "sustained" and not phase.query:
                phase.query = _query(watcher, stack.user)
            if len(phase.samples) % _MEMORY_EVERY == 1:
                phase.peak_memory_mb = max(phase.peak_memory_mb, load.memory_mb())
            say(Progress(phase=phase.name, path=phase.path, connections=connections, **line))


def _look_at_the_gate(stack: LaptopStack, phase: Phase) -> None:
    """Whom it lets keep a connection; one that is too busy to say so is asked again at the next look."""
    if phase.path == stack.routes["proxy"].path:
        with contextlib.suppress(LaptopError, OSError):
            gate = stack.gate()
            phase.saw_at_the_gate(pinned=gate.pinned, held=gate.held)


def _connections(watcher: "psycopg.Connection[Any]", user: str) -> int:
    """Sessions of the application's user at the database, but those with which the supervisor tries its login."""
    row = watcher.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND application_name <> %s", [user, SUPERVISOR]
    ).fetchone()
    return int(row[0]) if row else 0


def _query(watcher: "psycopg.Connection[Any]", user: str) -> str:
    """A query that the handler sends."""
    row = watcher.execute(
        "SELECT query FROM pg_stat_activity WHERE usename = %s AND query ILIKE 'select%%' LIMIT 1", [user]
    ).fetchone()
    return str(row[0]) if row else ""


def _recovery(stack: LaptopStack) -> float | None:
    """Seconds after the environments are gone until the application's user is let in; None if not within a minute."""
    began = time.monotonic()
    while time.monotonic() - began < _RECOVERY_SECONDS:
        if stack.lets_in():
            return round(time.monotonic() - began, 2)
        time.sleep(0.05)
    return None


def _end_clients(watcher: "psycopg.Connection[Any]", user: str) -> None:
    """A clean state: nothing of the phase before is left."""
    watcher.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [user])
    deadline = time.monotonic() + 10
    while _connections(watcher, user) and time.monotonic() < deadline:
        time.sleep(0.05)
