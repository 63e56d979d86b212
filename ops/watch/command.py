"""`python -m ops watch`: short looks of the doctor, one after the other."""

import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from local.supervisor.errors import LaptopError
from ops.doctor.deployed import DeployedPatient
from ops.doctor.evidence import Evidence
from ops.doctor.laptop import LaptopPatient
from ops.doctor.table import diagnose
from ops.stack_outputs import StackError

from .view import Picture, as_line

# CloudWatch has one value a minute: asking more often costs money and shows nothing new.
_MINUTE_SECONDS = 60.0
_EXAMPLES = """
**Examples**

- `python -m ops watch`: the laptop stack until Ctrl-C, beside `make storm` in another terminal
- `python -m ops watch --seconds 2 --json`: a line of JSON for each second, for two
- `python -m ops watch --stack dev`: stack dev on AWS, minute by minute

Exit status: 0 it is over (Ctrl-C, or --seconds), 2 it could not look.
"""
_console = Console(highlight=False)
_Look = Callable[[], Evidence]


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
    """The live picture: clients, database connections under max_connections, who waits, and invocations."""
    try:
        look, pause = _laptop(proxy) if stack is None else _deployed(stack, proxy)
        looks = _looks(look, pause, seconds)
        if as_json or not _console.is_terminal:
            for seen in looks:
                print(as_line(seen, diagnose(seen), datetime.now(UTC)), flush=True)
            return
        picture = Picture(" ".join(filter(None, (stack or "local", proxy))))
        with Live(console=_console, refresh_per_second=4) as live:
            for seen in looks:
                live.update(picture.update(seen, diagnose(seen)))
    except KeyboardInterrupt:
        return  # that is how it ends
    except (LaptopError, StackError) as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", soft_wrap=True, markup=False)
        raise typer.Exit(2) from None


watch.__doc__ = f"{watch.__doc__}\n{_EXAMPLES}"


def _looks(look: _Look, pause: float, seconds: float | None) -> Iterator[Evidence]:
    """One look after the other, until the time is over."""
    ends = math.inf if seconds is None else time.monotonic() + seconds
    while True:
        yield look()
        left = ends - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(pause, left))


def _laptop(proxy: str | None) -> tuple[_Look, float]:
    patient = LaptopPatient.find(proxy=proxy)
    return (lambda: patient.examine(1)), 0.0


def _deployed(stack: str, proxy: str | None) -> tuple[_Look, float]:
    patient = DeployedPatient.find(stack, proxy=proxy)
    return (lambda: patient.examine(1)), _MINUTE_SECONDS
