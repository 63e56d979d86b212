"""The command line: `python -m ops --help`."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from local.supervisor.errors import LaptopError

from .report import render
from .storm import LaptopStack, StormResult, StormSettings, run_storm
from .survey import command as survey

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    help="Tools to see and operate a running Lambda → RDS Proxy → RDS stack.",
)
console = Console(highlight=False)
# The database and a laptop survive this; more is no storm but a denial of service against oneself.
_MOST_CLIENTS = 5_000


@app.callback()
def operate() -> None:
    """Tools to see and operate a running Lambda → RDS Proxy → RDS stack."""


@app.command(
    epilog="Examples: `python -m ops storm` · `python -m ops storm --environments 100 --connections 1 --seconds 5` · "
    "`python -m ops storm --json > storm.json`"
)
def storm(
    environments: Annotated[int, typer.Option(min=1, help="Execution environments that start at once.")] = 500,
    connections: Annotated[int, typer.Option(min=1, max=10, help="Connections that each of them opens.")] = 2,
    seconds: Annotated[float, typer.Option(min=1, max=60, help="How long each phase lasts.")] = 10,
    function: Annotated[str | None, typer.Option(help="Function whose handler is the load.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
    report: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = Path("reports/storm.html"),
) -> None:
    """The article's connection storm on the running laptop stack: straight at the database, then through the proxy."""
    if environments * connections > _MOST_CLIENTS:
        raise _stop(
            f"{environments} environments × {connections} connections are {environments * connections} clients; a "
            f"laptop takes {_MOST_CLIENTS} at most",
            2,
        )
    settings = StormSettings(environments=environments, connections=connections, seconds=seconds)
    try:
        stack = LaptopStack.find(function)
        if as_json:
            result = run_storm(stack, settings, lambda *_: None)
        else:
            with Live(console=console, refresh_per_second=5, transient=True) as live:
                result = run_storm(stack, settings, lambda *now: live.update(_now(settings, *now)))
    except LaptopError as error:
        raise _stop(str(error), 1) from None
    except KeyboardInterrupt:
        raise _stop("interrupted; the load is ended and the stack is as it was", 130) from None
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(render(result))
    if as_json:
        print(json.dumps(result.as_json(), indent=2))
        return
    console.print(_table(result))
    served, pgbench = result.phases["proxy"].as_json()["requestsPerSecond"], result.pgbench_requests_per_second
    if pgbench:
        console.print(
            f"through the proxy {served:,.0f} requests/s; pgbench with the same query and clients through the same "
            f"pooler {pgbench:,.0f}/s ({served / pgbench:.2f} of it)"
        )
    memory = max(phase.peak_memory_mb for phase in result.phases.values())
    console.print(f"memory of the load at most {memory:,.0f} MB; report: {report}")


app.command(epilog=survey.EXAMPLES)(survey.survey)


def _now(settings: StormSettings, name: str, moment: float, connections: int, active: int) -> str:
    bar = "█" * min(60, connections // 2)
    when = f"loading {settings.clients} clients" if moment < 0 else f"{moment:4.1f} of {settings.seconds:g} s"
    return f"{name:>6}  {when}  {connections:4} connections to the database, {active} active  {bar}"


def _table(result: StormResult) -> Table:
    settings = result.settings
    table = Table(
        title=f"{settings.environments} environments × {settings.connections} connections, "
        f"max_connections {result.max_connections}, the proxy's ceiling {result.ceiling}",
        title_justify="left",
    )
    table.add_column("")
    for name in result.phases:
        table.add_column(name, justify="right")
    shown = {name: phase.as_json() for name, phase in result.phases.items()}

    def row(label: str, *keys: str, unit: str = "") -> None:
        values = [next(each[key] for key in keys) for each in shown.values()]
        table.add_row(label, *("–" if value is None else f"{value:,}{unit}" for value in values))

    row("served", "served")
    table.add_row("failed", *(f"{sum(phase.errors.values()):,}" for phase in result.phases.values()))
    for label in sorted({label for phase in result.phases.values() for label in phase.errors}):
        table.add_row(f"  {label}", *(f"{phase.errors.get(label, 0):,}" for phase in result.phases.values()))
    clients = f" of {settings.clients:,}"
    table.add_row("clients never served", *(f"{phase.never_served:,}{clients}" for phase in result.phases.values()))
    row("requests per second", "requestsPerSecond")
    row("p50", "p50Ms", unit=" ms")
    row("p95", "p95Ms", unit=" ms")
    row("p99", "p99Ms", unit=" ms")
    row("peak database connections", "peakDatabaseConnections")
    row("idle ones left behind", "idleLeftBehind")
    row("time to recover", "secondsToRecover", unit=" s")
    return table


def _stop(sentence: str, status: int) -> typer.Exit:
    Console(stderr=True, highlight=False).print(f"error: {sentence}", soft_wrap=True)
    return typer.Exit(status)


if __name__ == "__main__":
    app(prog_name="python -m ops")
