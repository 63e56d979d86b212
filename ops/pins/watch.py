"""`python -m ops pins watch`: who pins and by what, look after look."""

import math
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from ops.doctor.source import sources
from ops.pinning.counts import Pinning

from .view import as_line, picture

_console = Console(emoji=False, highlight=False)
_PAUSE_SECONDS = 1.0


def watch(
    stack: Annotated[
        str | None, typer.Option(help="Watch this Pulumi stack on AWS, with the shell's credentials.")
    ] = None,
    proxy: Annotated[str | None, typer.Option(help="This proxy only; else every proxy of the stack.")] = None,
    minutes: Annotated[
        int, typer.Option(min=1, max=180, help="With --stack, the pins of the last so many minutes.")
    ] = 5,
    seconds: Annotated[float | None, typer.Option(min=1, help="End after so long instead of at Ctrl-C.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print lines of JSON; so it is where there is no terminal.")
    ] = False,
) -> None:
    """Who pins and why: statements, whose sessions, and what avoids each, of every proxy.

    On the laptop all pins since the proxy was started; on AWS those of the last --minutes of which its log tells, with
    their statements while `debugLoggingUntil` runs.

    **Examples**

    - `python -m ops pins watch`: the laptop stack until Ctrl-C
    - `python -m ops pins watch --seconds 2 --json`: a line of JSON for each proxy and second, for two
    - `python -m ops pins watch --stack dev`: stack dev on AWS, minute by minute

    Exit status: 0 it is over (Ctrl-C, or --seconds), 2 it could not look.
    """
    try:
        looks = _looks(stack, proxy, 60.0 * minutes, seconds)
        if as_json or not _console.is_terminal:
            for found in looks:
                for name, seen in found.items():
                    print(as_line(name, seen, datetime.now(UTC)), flush=True)
            return
        with Live(console=_console, refresh_per_second=4) as live:
            for found in looks:
                live.update(picture(found))
    except KeyboardInterrupt:
        return  # that is how it ends


def _looks(stack: str | None, proxy: str | None, past: float, seconds: float | None) -> Iterator[Mapping[str, Pinning]]:
    """One look at each proxy after the other, until the time is over."""
    looked_at = list(sources(stack, proxy=proxy))
    pause = max(_PAUSE_SECONDS, *(each.pause for each in looked_at))
    ends = math.inf if seconds is None else time.monotonic() + seconds
    while True:
        yield {each.name: each.pins(time.time() - past) for each in looked_at}
        left = ends - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(pause, left))
