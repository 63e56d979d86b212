"""The numbers in a part of a function's log: Lambda's own lines, and the handler's metrics. Pure."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from local.tools.function_log import read_log
from ops.function_logs import Event

_DURATION = re.compile(r"^REPORT RequestId: .*?\tDuration: ([\d.]+) ms")
_METRICS = '{"_aws"'


@dataclass(frozen=True, kw_only=True)
class FunctionLines:
    """What one function did during one sample.

    `metrics` are the values of the handler's metrics by name, one for each use of the database; `running` is how many
    invocations were under way at its end, `concurrency` how many were at most; durations are milliseconds.
    """

    invocations: int
    errors: int
    timeouts: int
    durations: Sequence[float]
    metrics: dict[str, list[float]]
    running: int
    concurrency: int


def function_lines(text: str, running: int = 0) -> FunctionLines:
    """Read whole lines of a log, at whose beginning so many invocations were under way."""
    counted = read_log(Event(text=line) for line in text.split("\n"))
    durations: list[float] = []
    metrics: dict[str, list[float]] = {}
    highest = running
    for line in text.splitlines():
        if line.startswith("START RequestId: "):
            running += 1
            highest = max(highest, running)
        elif found := _DURATION.match(line):
            durations.append(float(found[1]))
            running = max(0, running - 1)
        elif line.startswith(_METRICS):
            for name, value in _values(line).items():
                metrics.setdefault(name, []).append(value)
    return FunctionLines(
        invocations=counted.invocations,
        errors=counted.errors,
        timeouts=counted.timeouts,
        durations=durations,
        metrics=metrics,
        running=running,
        concurrency=highest,
    )


def _values(line: str) -> dict[str, float]:
    """The metrics that a line of the embedded metric format defines, with their values."""
    try:
        document: dict[str, Any] = json.loads(line)
        defined = document["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        return {each["Name"]: float(document[each["Name"]]) for each in defined}
    except (ValueError, KeyError, TypeError, IndexError):
        return {}
