"""Faults under load: the handler's real code, real servers, and a count of every row afterwards: `make chaos`.

`python -m tests.chaos` shows the matrix on the terminal, as JSON, or as the table of docs/faults.md.
"""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from local.supervisor.errors import LaptopError
from tests.chaos.matrix import Auth, Cell, Fault, Moment, Style, cells
from tests.chaos.trial import run_matrix
from tests.chaos.verdict import Verdict

app = typer.Typer(rich_markup_mode="markdown", add_completion=False)
_errors = Console(stderr=True, emoji=False, highlight=False)


@app.command()
def chaos(
    fault: Annotated[list[Fault] | None, typer.Option(help="Only this fault; may be given several times.")] = None,
    moment: Annotated[list[Moment] | None, typer.Option(help="Only this moment; may be given several times.")] = None,
    auth: Annotated[list[Auth] | None, typer.Option(help="Only this login; may be given several times.")] = None,
    style: Annotated[Style, typer.Option(help="How the function is written.")] = Style.PLAIN,
    environments: Annotated[int, typer.Option(min=1, max=8, help="Environments that write at once, per login.")] = 4,
    seconds: Annotated[float, typer.Option(min=0, max=60, help="How long they go on when a fault is over.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
    markdown: Annotated[bool, typer.Option(help="Print the result as the table of docs/faults.md.")] = False,
) -> None:
    """Faults under load, on servers of its own: every fault at every moment, and a count of every row afterwards.

    **Examples**

    - `python -m tests.chaos`: everything, in a few minutes; needs no running stack and touches none
    - `python -m tests.chaos --fault failover --auth iam`: one row, one column
    - `python -m tests.chaos --style async`: everything, in coroutines
    - `python -m tests.chaos --moment commit --moment answer --json > chaos.json`: for a machine to read

    Exit status: 0 every cell is as it must be, 1 one is not, 2 wrong options or nothing was tried, 130 interrupted.
    """
    chosen = cells(faults=fault or (), moments=moment or (), auths=auth or ())
    if not chosen:
        raise typer.BadParameter("no cell has this fault, moment and auth together; see docs/faults.md")
    progress = _Progress(len(chosen))
    try:
        # Progress goes to standard error: what is asked for can be redirected.
        with Live(console=_errors, refresh_per_second=5, transient=True, get_renderable=progress.line):
            verdicts = run_matrix(
                chosen, environments=environments, seconds=seconds, progress=progress.tell, style=style
            )
    except (LaptopError, OSError, psycopg.Error) as error:
        _errors.print(f"error: {' '.join(str(error).split())}", soft_wrap=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        _errors.print("error: interrupted; all servers are ended")
        raise typer.Exit(130) from None
    if as_json:
        print(json.dumps(as_document(verdicts, environments=environments), indent=2))
    elif markdown:
        print(as_markdown(verdicts))
    else:
        Console(emoji=False, highlight=False).print(as_table(verdicts, environments=environments))
    wrong = {cell: verdict for cell, verdict in verdicts.items() if not verdict.passed}
    for cell, verdict in wrong.items():
        problems = escape("; ".join(verdict.problems))
        _errors.print(f"✗ {cell.fault} {cell.moment} {cell.auth}: {problems}", soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


def as_document(verdicts: Mapping[Cell, Verdict], *, environments: int) -> dict[str, Any]:
    """The result with the names of `--json`; seconds."""
    return {
        "passed": all(verdict.passed for verdict in verdicts.values()),
        "environments": environments,
        "cells": [
            {
                "fault": cell.fault.value,
                "moment": cell.moment.value,
                "auth": cell.auth.value,
                "passed": verdict.passed,
                "met": verdict.met,
                "written": verdict.written,
                "failed": verdict.failed,
                "unknown": verdict.unknown,
                "ranTwice": verdict.rerun,
                "slowestSeconds": round(verdict.slowest, 3),
                "errors": dict(verdict.errors),
                "problems": list(verdict.problems),
            }
            for cell, verdict in verdicts.items()
        ],
    }


def as_table(verdicts: Mapping[Cell, Verdict], *, environments: int) -> Table:
    """A row for each fault and moment, a column for each login."""
    auths = [auth for auth in Auth if any(cell.auth is auth for cell in verdicts)]
    table = Table(
        title=f"{environments} environments for each login; rows written + told as failed ? unknown",
        title_justify="left",
    )
    for heading in ("fault", "moment"):
        table.add_column(heading, no_wrap=True)
    for auth in auths:
        table.add_column(auth.value)
    before = None
    for fault, moment in dict.fromkeys((cell.fault, cell.moment) for cell in verdicts):
        found = [verdicts.get(Cell(fault, moment, auth)) for auth in auths]
        table.add_row("" if fault is before else fault.value, moment.value, *map(_shown, found))
        before = fault
    return table


def as_markdown(verdicts: Mapping[Cell, Verdict]) -> str:
    """A row for each fault and moment with what callers got. Without counts, for they vary."""
    lines = ["| fault | moment | what callers got |", "|---|---|---|"]
    for fault, moment in dict.fromkeys((cell.fault, cell.moment) for cell in verdicts):
        its = [verdict for cell, verdict in verdicts.items() if (cell.fault, cell.moment) == (fault, moment)]
        got: Counter[str] = sum((Counter(verdict.errors) for verdict in its), Counter())
        answers = [f"`{error}`" for error in sorted(got)]
        ways = ["a row", *(["a row, written at the second attempt"] if any(v.rerun for v in its) else []), *answers]
        mark = "" if all(verdict.passed for verdict in its) else "✗ "
        lines.append(f"| {fault.value} | {moment.value} | {mark}{' · '.join(ways)} |")
    return "\n".join(lines)


def _shown(verdict: Verdict | None) -> str:
    if verdict is None:
        return "–"
    if not verdict.passed:
        return f"[red]✗ {escape(verdict.problems[0])}[/red]"
    counts = f"[green]✓[/green] {verdict.written}"
    counts += f" + {verdict.failed}" if verdict.failed else ""
    return counts + (f" ? {verdict.unknown}" if verdict.unknown else "")


class _Progress:
    """What is being tried, in one line."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._judged: Counter[bool] = Counter()
        self._now: dict[Auth, str] = {}
        self._lock = threading.Lock()

    def tell(self, cell: Cell, verdict: Verdict | None) -> None:
        """A cell begins, or is judged."""
        with self._lock:
            if verdict is None:
                self._now[cell.auth] = f"{cell.auth}: {cell.fault} {cell.moment}"
            else:
                self._now.pop(cell.auth, None)
                self._judged[verdict.passed] += 1

    def line(self) -> str:
        """The line."""
        with self._lock:
            wrong = f", {self._judged[False]} wrong" if self._judged[False] else ""
            now = " · ".join(self._now.values()) or "starting servers"
            return f"{self._judged.total()} of {self._total} cells{wrong}   {now}"


if __name__ == "__main__":
    app(prog_name="python -m tests.chaos")
