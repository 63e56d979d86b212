"""A cell tried on its stand, and the whole matrix, one thread for each kind of login."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace

import psycopg

from local.supervisor.errors import LaptopError
from tests.chaos.faults import strike
from tests.chaos.load import Load
from tests.chaos.matrix import Auth, Cell, Moment, Style
from tests.chaos.stand import Stand, stand
from tests.chaos.verdict import Aftermath, Verdict, judge

Progress = Callable[[Cell, Verdict | None], None]
"""Told when a cell begins (without a verdict) and when it is judged."""
_REACHED_SECONDS = 5.0
_SETTLE_SECONDS = 5.0
# What pg_stat_activity says of a backend whose environment is at a moment.
_AT = {
    Moment.QUERY: "state = 'active' AND query LIKE 'INSERT INTO numbered%%'",
    Moment.TRANSACTION: "state = 'idle in transaction'",
    Moment.COMMIT: "state = 'active' AND query = 'COMMIT'",
}


def run_matrix(
    cells: Sequence[Cell], *, environments: int, seconds: float, progress: Progress, style: Style = Style.PLAIN
) -> dict[Cell, Verdict]:
    """Try all cells; the columns run at the same time, each on servers of its own.

    Args:
        environments: how many of them write at once, in each column.
        seconds: how long they go on when a fault is over.

    Raises:
        LaptopError: a server is not installed, or does not start.
        psycopg.OperationalError: a fault left a database behind that cannot be asked.
    """
    cancelled = threading.Event()
    verdicts: dict[Cell, Verdict] = {}

    def column(auth: Auth) -> None:
        with stand(auth, environments, style) as its:
            for cell in cells:
                if cell.auth is not auth or cancelled.is_set():
                    continue
                progress(cell, None)
                verdicts[cell] = try_cell(its, cell, seconds=seconds)
                progress(cell, verdicts[cell])

    with ThreadPoolExecutor() as executor:
        columns = [executor.submit(column, auth) for auth in Auth if any(cell.auth is auth for cell in cells)]
        try:
            for each in columns:
                each.result()
        except BaseException:
            cancelled.set()
            raise
    return {cell: verdicts[cell] for cell in cells}


def try_cell(its: Stand, cell: Cell, *, seconds: float) -> Verdict:
    """Write rows under load, let the fault strike, go on for so many seconds, and count."""
    problem = ""
    met = stuck = left = 0
    its.query("TRUNCATE numbered")
    secrets = its.secrets
    with (
        its.straight() if cell.is_straight else nullcontext(),
        Load(its.environments, cell.moment, seconds=cell.seconds) as load,
    ):
        try:
            load.warm()
            met = min(_reach(its, cell.moment), strike(its, cell, load))
            load.over = True
            time.sleep(seconds)
        except (LaptopError, psycopg.Error, OSError) as error:
            problem = f"the fault could not be made: {' '.join(str(error).split())}"
    stuck, left = load.probe(), _settle(its)
    aftermath = Aftermath(
        rows=its.rows(),
        pinned=its.pinned(),
        met=met,
        in_transaction=left,
        stuck=stuck,
        unnoticed=cell.is_unnoticed,
        over=cell.is_over,
        repeated=cell.is_repeated,
        waited_for=cell.is_waited_for,
        secrets=(*secrets, *its.secrets),
    )
    its.tidy()  # the next cell must not wait for what this one left behind
    verdict = judge(load.attempts, aftermath)
    return replace(verdict, problems=(problem, *verdict.problems)) if problem else verdict


def _reach(its: Stand, moment: Moment) -> int:
    """Wait until half of the environments are at a moment that the database sees: how many are."""
    deadline = time.monotonic() + _REACHED_SECONDS
    while moment in _AT:
        found = its.backends(_AT[moment])
        if found >= max(1, len(its.environments) // 2) or time.monotonic() > deadline:
            return found
    return len(its.environments)


def _settle(its: Stand) -> int:
    """Wait until no database connection of the application works or is in a transaction: how many still are."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while (found := its.backends("state <> 'idle'")) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
