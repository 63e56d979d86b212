"""`python -m ops dashboard`: the stack's own dashboard, drawn from what the laptop's servers say under load."""

import json
import subprocess
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.laptop.source import LaptopSource, sources
from ops.stack_outputs import StackError, stack_outputs
from toolchain.checkout import checkout_root, laptop_state

from .function_lines import FunctionLines, function_lines
from .laptop_numbers import Look
from .load import invocations
from .picture import render

_LOOK_SECONDS = 1.0
_EXAMPLES = """
**Examples**

- `python -m ops dashboard > dashboard.svg`: the laptop stack for 40 seconds, with up to 15 clients
- `python -m ops dashboard --clients 0 > dashboard.svg`: with no load but what runs beside it, such as `make storm`

Exit status: 0 it is drawn, 2 the stack is not up or has no dashboard.
"""


def dashboard(
    seconds: Annotated[float, typer.Option(min=2, help="How long to look.")] = 40,
    clients: Annotated[int, typer.Option(min=0, max=100, help="Clients that invoke the functions, at the end.")] = 15,
) -> None:
    """The CloudWatch dashboard of the laptop stack as an SVG picture, each widget from the laptop's own numbers."""
    body, log_metrics = _declared()
    functions = sorted((stack_outputs("local").get("functions") or {}).values())
    source = next(sources(seconds=_LOOK_SECONDS))
    with invocations(functions, clients=clients, seconds=seconds):
        looks = _looks(source, functions, seconds)
    print(render(body, looks, log_metrics), end="")


dashboard.__doc__ = f"{dashboard.__doc__}\n{_EXAMPLES}"


def _declared() -> tuple[dict[str, Any], dict[str, str]]:
    """The dashboard's body, and what each log filter counts for which function, from the stack's state."""
    done = subprocess.run(
        ["pulumi", "stack", "export", "--stack", "local", "--non-interactive"],
        cwd=checkout_root(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError('the stack "local" cannot be read; run `make up`')
    inputs: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(done.stdout)["deployment"].get("resources", []):
        inputs.setdefault(each["type"].rpartition(":")[2], []).append(each.get("inputs") or {})
    if not inputs.get("Dashboard"):
        raise StackError('the stack "local" has no dashboard; run `make up`')
    filters = inputs.get("LogMetricFilter", [])
    return (
        json.loads(inputs["Dashboard"][0]["dashboardBody"]),
        {each["metricTransformation"]["name"]: each["logGroupName"].rpartition("/")[2] for each in filters},
    )


def _looks(source: LaptopSource, functions: list[str], seconds: float) -> list[Look]:
    logs = [_Log(laptop_state(checkout_root()) / "functions" / name / "function.log") for name in functions]
    began, looks = time.monotonic(), []
    while time.monotonic() - began < seconds:
        evidence = source.look()
        lines = {name: log.read() for name, log in zip(functions, logs, strict=True)}
        looks.append(Look(at=time.monotonic() - began, evidence=evidence, functions=lines))
    return looks


class _Log:
    """A function's log from now on, read in whole lines."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._position = file.stat().st_size if file.exists() else 0
        self._running = 0

    def read(self) -> FunctionLines:
        """What was written since the last time."""
        text = b""
        if self._file.exists():
            with self._file.open("rb") as stream:
                stream.seek(self._position)
                text = stream.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._position += len(whole)
        found = function_lines(whole.decode(errors="replace"), self._running)
        self._running = found.running
        return found
