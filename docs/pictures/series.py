"""The lines of one graph of a dashboard's body, as samples of a laptop stack fill them. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .laptop_metrics import LAPTOP_METRICS, LaptopSample, metric_of

_Read = Callable[[LaptopSample], float | None]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A visible line of (seconds, value), where a value was seen; None: there is no such number on the laptop."""

    label: str
    points: Sequence[tuple[float, float]] | None


def lines(metrics: Sequence[Sequence[Any]], samples: Sequence[LaptopSample]) -> list[Line]:
    """The visible lines of a graph's `metrics`."""
    by_id = {line[-1]["id"]: line for line in metrics if "id" in line[-1]}
    found = []
    for line in metrics:
        if line[-1].get("visible", True):
            read = _reader(line, by_id)
            values = [(each.at, read(each)) for each in samples] if read else []
            points = None if read is None else [(at, value) for at, value in values if value is not None]
            found.append(Line(label=str(line[-1].get("label") or line[1]), points=points))
    return found


def evaluate(expression: str, values: Mapping[str, float | None]) -> float | None:
    """The value of an expression of the dashboard; None as CloudWatch has none, of nothing or by zero."""
    if None in values.values():
        return None
    try:
        return float(eval(expression, {"__builtins__": {}}, dict(values)))  # noqa: S307 - words of our own component
    except ZeroDivisionError:
        return None


def _reader(line: Sequence[Any], by_id: Mapping[str, Sequence[Any]]) -> _Read | None:
    if isinstance(line[0], dict):
        expression = line[0]["expression"]
        names = compile(expression, "an expression", "eval").co_names
        parts = {name: _reader(by_id[name], by_id) for name in names}
        known = {name: read for name, read in parts.items() if read}
        return (
            (lambda sample: evaluate(expression, {name: read(sample) for name, read in known.items()}))
            if len(known) == len(parts)
            else None
        )
    metric, function = metric_of(line)
    number = None if metric is None else LAPTOP_METRICS.get(metric)
    return None if number is None else lambda sample: number.read(sample, function)
