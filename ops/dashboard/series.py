"""The lines of one graph of a dashboard's body, as the looks at a laptop stack fill them. Pure."""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .laptop_numbers import NUMBERS, Look, metric_of

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """A visible line: its points are (seconds, value), a look without a value left out; None: it has no number here."""

    label: str
    points: Sequence[tuple[float, float]] | None


def lines(metrics: Sequence[Sequence[Any]], looks: Sequence[Look], log_metrics: Mapping[str, str]) -> list[Line]:
    """The visible lines of a graph's `metrics`."""
    by_id = {line[-1]["id"]: line for line in metrics if "id" in line[-1]}
    found = []
    for line in metrics:
        if not line[-1].get("visible", True):
            continue
        needed = _names(line[0]["expression"]) if _is_expression(line) else set()
        sources = [by_id[name] for name in needed] if needed else [line]
        label = str(line[-1].get("label") or line[1])
        if any(_number(source, log_metrics) is None for source in sources):
            found.append(Line(label=label, points=None))
            continue
        values = [(look.at, _value(line, look, by_id, log_metrics)) for look in looks]
        found.append(Line(label=label, points=[(at, value) for at, value in values if value is not None]))
    return found


def evaluate(expression: str, values: Mapping[str, float | None]) -> float | None:
    """The value of an expression of numbers, names, + - * and /; None as CloudWatch has none, of nothing or by zero.

    Raises:
        ValueError: it has something else in it.
    """

    def value(node: ast.expr) -> float | None:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return values[name]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                one, other = value(left), value(right)
                if one is None or other is None or (isinstance(op, ast.Div) and other == 0):
                    return None
                return _OPERATORS[type(op)](one, other)
        raise ValueError(f'the expression "{expression}" has more in it than names, numbers, + - * and /')

    return value(ast.parse(expression, mode="eval").body)


def _names(expression: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)}


def _is_expression(line: Sequence[Any]) -> bool:
    return isinstance(line[0], dict)


def _number(line: Sequence[Any], log_metrics: Mapping[str, str]) -> Callable[[Look], float | None] | None:
    metric, function = metric_of(line, log_metrics)
    number = None if metric is None else NUMBERS.get(metric)
    return None if number is None else lambda look: number.read(look, function)


def _value(
    line: Sequence[Any], look: Look, by_id: Mapping[str, Sequence[Any]], log_metrics: Mapping[str, str]
) -> float | None:
    if not _is_expression(line):
        read = _number(line, log_metrics)
        return None if read is None else read(look)
    expression = line[0]["expression"]
    needed = {name: _value(by_id[name], look, by_id, log_metrics) for name in _names(expression)}
    return evaluate(expression, needed)
