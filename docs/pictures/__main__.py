"""Writes the pictures of the docs from the running laptop stack: `make docs`.

`docs/dashboard.svg` is the stack's own dashboard with the laptop's numbers, `docs/storm.svg` the storm that it shows.
The functions are invoked all the time; after a while the storm goes straight to the database, then through the proxy.
"""

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local.storm.laptop import LaptopStack
from local.storm.run import run_phases
from local.supervisor.errors import LaptopError
from local.tools.source import sources
from ops import plots
from ops.errors import OpsError
from ops.stack_outputs import StackError, stack_export, stack_outputs
from ops.storm import report
from ops.storm.deployed import DeployedStack
from ops.storm.results import StormResult, StormSettings
from toolchain.checkout import checkout_root, laptop_state

from .dashboard import figure
from .function_lines import FunctionLines, function_lines
from .laptop_metrics import LaptopSample

_CLIENTS, _SECONDS = 12, 60.0
_STORM = StormSettings(environments=150, connections=1, seconds=15)
_STORM_BEGINS, _CALM = 12.0, 10.0


def main() -> None:
    """Load the stack, look at it, and draw."""
    docs = checkout_root() / "docs"
    try:
        body = declared(stack_export("local"))
        storm = StormResult(settings=_STORM, max_connections=None, ceiling=None)
        with ThreadPoolExecutor() as threads:
            loads = [threads.submit(_invoke), threads.submit(_strike, storm)]
            samples = _samples(loads)
            for each in loads:
                each.result()
    except (LaptopError, OpsError) as error:
        sys.exit(f"error: {error}")
    for name, drawn in (("dashboard", figure(body, samples)), ("storm", report.figure(storm))):
        (docs / f"{name}.svg").write_text(plots.svg(drawn))
        print(f"docs/{name}.svg")


def declared(export: dict[str, Any]) -> dict[str, Any]:
    """The dashboard's body, from a stack's state.

    Raises:
        StackError: it has no dashboard.
    """
    for each in (export.get("deployment") or {}).get("resources") or []:
        if each["type"].endswith(":Dashboard"):
            body: dict[str, Any] = json.loads(each["inputs"]["dashboardBody"])
            return body
    raise StackError('the stack "local" has no dashboard; run `make up`')


def _invoke() -> None:
    settings = StormSettings(environments=_CLIENTS, connections=1, seconds=_SECONDS)
    result = StormResult(settings=settings, max_connections=None, ceiling=None)
    DeployedStack.find("local").run_storm(result, lambda _: None)


def _strike(result: StormResult) -> None:
    time.sleep(_STORM_BEGINS)
    stack = LaptopStack.find()
    result.max_connections, result.ceiling = stack.max_connections, stack.ceiling
    run_phases(stack, result, lambda _: None)


def _samples(loads: Sequence[Future[None]]) -> list[LaptopSample]:
    """A sample each second until a while after the loads have ended."""
    functions = sorted((stack_outputs("local").get("functions") or {}).values())
    logs = [FunctionLog(laptop_state(checkout_root()) / "functions" / name / "function.log") for name in functions]
    source = next(sources(seconds=1))
    began, samples, ends = time.monotonic(), [], float("inf")
    while time.monotonic() < ends:
        evidence = source.look()
        lines = {name: log.read() for name, log in zip(functions, logs, strict=True)}
        samples.append(LaptopSample(at=time.monotonic() - began, evidence=evidence, functions=lines))
        if ends == float("inf") and all(each.done() for each in loads):
            ends = time.monotonic() + _CALM
    return samples


class FunctionLog:
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


if __name__ == "__main__":
    main()
