"""`python -m ops watch`: short looks of the doctor, one after the other."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from ops.doctor.evidence import Evidence
from ops.doctor.source import Source, sources
from ops.doctor.table import diagnose
from ops.places import stack_or_the_places

from .steady import Steady
from .view import Picture, as_line

_console = Console(emoji=False, highlight=False)


def watch(
    stack: Annotated[
        str | None, typer.Option(help="Watch this Pulumi stack on AWS, with the shell's credentials.")
    ] = None,
    proxy: Annotated[str | None, typer.Option(help="At this proxy, if the stack has several; else its first.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="End after so long instead of at Ctrl-C.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each look; so it is where there is no terminal.")
    ] = False,
) -> None:
    """The live picture: clients, the proxy's connections, the database's sessions, who waits, and invocations.

    A verdict other than the one that is shown has to be seen in two looks in a row. No look reads the functions' logs:
    why functions fail is what `doctor` says.

    **Examples**

    - `python -m ops watch`: the laptop stack until Ctrl-C, beside `make storm` in another terminal
    - `python -m ops watch --seconds 2 --json`: a line of JSON for each second, for two
    - `python -m ops watch --stack dev`: stack dev on AWS, minute by minute

    Exit status: 0 it is over (Ctrl-C, or --seconds), 2 it could not look.
    """
    try:
        looks, steady = _looks(next(sources(stack, proxy=proxy)), seconds), Steady()
        if as_json or not _console.is_terminal:
            for seen in looks:
                print(as_line(seen, steady.after(diagnose(seen)), datetime.now(UTC)), flush=True)
            return
        picture = Picture(" ".join(filter(None, (stack_or_the_places(stack), proxy))))
        with Live(console=_console, refresh_per_second=4) as live:
            for seen in looks:
                live.update(picture.update(seen, steady.after(diagnose(seen))))
    except KeyboardInterrupt:
        return  # that is how it ends


def _looks(source: Source, seconds: float | None) -> Iterator[Evidence]:
    """One look after the other, until the time is over."""
    ends = math.inf if seconds is None else time.monotonic() + seconds
    while True:
        yield source.look()
        left = ends - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(source.pause, left))
