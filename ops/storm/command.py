"""`python -m ops storm`."""

import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from ops.errors import OpsError
from ops.places import must_be_here
from ops.stack_outputs import StackError

from .deployed import DeployedStack
from .report import render
from .results import Progress, StormResult, StormSettings
from .view import Picture, efficiency, proven, table

# The database and a laptop survive this; more is no storm but a denial of service against oneself.
_CLIENT_LIMIT = 5_000
# Lambda's concurrency per account and region, unless raised.
_ENVIRONMENT_LIMIT = 1_000
_console = Console(emoji=False, highlight=False)
Say = Callable[[Progress], None]


def storm(
    environments: Annotated[int, typer.Option(min=1, help="Execution environments that start at once.")] = 500,
    connections: Annotated[
        int | None, typer.Option(min=1, max=10, help="Connections that each opens; 2, with --stack 1.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=60, help="How long each phase is sustained.")] = 10,
    function: Annotated[str | None, typer.Option(help="The function whose handler is the load.")] = None,
    stack: Annotated[
        str | None, typer.Option(help="Invoke the deployed functions of this Pulumi stack instead; costs money.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the stated cost of --stack.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
    report: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = Path("reports/storm.html"),
) -> None:
    """The article's connection storm: straight at the database, then through the proxy.

    **Examples**

    - `python -m ops storm`: 500 environments × 2 connections on the laptop stack, as the article has it
    - `python -m ops storm --environments 1000 --connections 5`: 5,000 clients, a few minutes and 4 GB
    - `python -m ops storm --json > storm.json`: for a machine to read
    - `python -m ops storm --stack dev --environments 50`: the functions deployed as stack dev; says the cost and asks

    Exit status: 0 the storm ran, 1 it could not, 2 wrong options or not confirmed, 130 interrupted.
    """
    if stack is not None and connections not in (None, 1):
        raise OpsError(f"--connections {connections} is the laptop's; a deployed function opens what its handler opens")
    if connections is None:
        connections = 1 if stack else 2
    settings = StormSettings(environments=environments, connections=connections, seconds=seconds)
    if settings.clients > _CLIENT_LIMIT:
        raise OpsError(
            f"{environments} environments × {connections} connections are {settings.clients} clients; a laptop takes "
            f"{_CLIENT_LIMIT} at most"
        )
    result = StormResult(
        settings=settings,
        max_connections=None,
        ceiling=None,
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}",
    )
    try:
        place = must_be_here() if stack is None else None
        run = partial(place.storm, result, function) if place else _deployed(result, str(stack), function, yes)
        if as_json:
            run(lambda _: None)
        else:
            picture = Picture(result)
            with Live(console=_console, refresh_per_second=8, transient=True) as live:
                run(lambda now: live.update(picture.update(now)))
    except StackError as error:
        raise OpsError(str(error), exit_code=1) from None
    except KeyboardInterrupt:
        raise OpsError("interrupted; the load is ended", exit_code=130) from None
    finally:  # what was measured until then is not lost
        _tell(result, report, as_json=as_json)


def _deployed(result: StormResult, stack: str, function: str | None, yes: bool) -> Callable[[Say], None]:
    if result.settings.environments > _ENVIRONMENT_LIMIT:
        raise OpsError(
            f"--environments is {result.settings.environments}; an account runs {_ENVIRONMENT_LIMIT} at once"
        )
    found = DeployedStack.find(stack, function)
    result.max_connections, result.ceiling = found.max_connections, found.ceiling
    if not found.is_here:
        _confirm(f"{found.cost(result.settings)} ({found.endpoint})", yes)
    return lambda say: found.run_storm(result, say)


def _confirm(cost: str, yes: bool) -> None:
    print(f"This storm costs {cost}.", file=sys.stderr)
    if yes:
        return
    if not sys.stdin.isatty():
        raise OpsError("not confirmed; say --yes to agree to this cost")
    if not typer.confirm("Go on?", err=True):
        raise OpsError("not confirmed; nothing was invoked")


def _tell(result: StormResult, report: Path, *, as_json: bool) -> None:
    if not result.phases:
        return
    if as_json:
        print(json.dumps(result.as_json(), indent=2))
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(render(result))
    except OSError as error:
        raise OpsError(f"--report {report} cannot be written: {error.strerror}; name another file") from None
    if as_json:
        return
    _console.print(proven(result), style="bold")
    _console.print(table(result))
    compared = efficiency(result)
    if compared:
        _console.print(compared)
    memory = max(phase.peak_memory_mb for phase in result.phases.values())
    _console.print(
        (f"memory of the load at most {memory:,.0f} MB; " if memory else "") + f"report: {report}", markup=False
    )
