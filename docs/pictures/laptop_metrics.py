"""Which number of the laptop stands for which CloudWatch metric: the one place that says so. Pure."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambda_rds_proxy.engines import TargetKind
from lambda_rds_proxy.monitor import metrics as cloudwatch
from lambda_rds_proxy.monitor.metrics import Metric
from ops.doctor.evidence import Evidence

from .function_lines import FunctionLines


@dataclass(frozen=True, kw_only=True)
class LaptopSample:
    """What was seen of the laptop stack in a second, which stands for a minute of CloudWatch; `at` is its end."""

    at: float
    evidence: Evidence
    functions: Mapping[str, FunctionLines]


@dataclass(frozen=True)
class Number:
    """What it is on the laptop, and how it is read of a sample, for a function where the metric is of one."""

    source: str
    read: Callable[[LaptopSample, str], float | None]


def _seen(source: str, read: Callable[[Evidence], float | None]) -> Number:
    return Number(source, lambda sample, _: read(sample.evidence))


def _logged(source: str, read: Callable[[FunctionLines], float | None]) -> Number:
    def of_function(sample: LaptopSample, function: str) -> float | None:
        lines = sample.functions.get(function)
        return None if lines is None else read(lines)

    return Number(source, of_function)


def _handlers(metric: Metric) -> Number:
    def read(sample: LaptopSample, function: str) -> float | None:
        of = [sample.functions[function]] if function in sample.functions else sample.functions.values()
        values = [value for lines in of for value in lines.metrics.get(metric.name, ())]
        return _STATISTICS[metric.statistic](values)

    return Number("the handler's metrics line in the functions' logs", read)


def p90(values: Iterable[float]) -> float | None:
    """The value that nine of ten are not above; None of nothing."""
    ordered = sorted(values)
    return ordered[math.ceil(0.9 * len(ordered)) - 1] if ordered else None


_STATISTICS: Mapping[str, Callable[[Sequence[float]], float | None]] = {"Sum": sum, "SampleCount": len, "p90": p90}


def _microseconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds * 1000


def _set_up(seen: Evidence) -> float | None:
    if seen.clients_received is None or seen.failed_logins is None:
        return None
    return seen.clients_received - seen.failed_logins


# A metric without a row has no number on the laptop, for the reason that docs/dashboard.md gives.
LAPTOP_METRICS: Mapping[Metric, Number] = {
    cloudwatch.CLIENT_CONNECTIONS: _seen("the gate: logged in", lambda seen: seen.clients),
    cloudwatch.CLIENTS_RECEIVED: _seen("the gate: logins", lambda seen: seen.clients_received),
    cloudwatch.CLIENTS_SET_UP: _seen("the gate: logins, without the refused", _set_up),
    cloudwatch.CLIENTS_REFUSED: _seen("the gate: refused logins", lambda seen: seen.failed_logins),
    cloudwatch.DATABASE_CONNECTIONS: _seen("the gate: open", lambda seen: seen.connections),
    cloudwatch.DATABASE_CONNECTIONS_ALLOWED: _seen("max_connections × percent", lambda seen: seen.allowed),
    cloudwatch.DATABASE_CONNECTIONS_BORROWED: _seen("the gate: lent", lambda seen: seen.borrowed),
    cloudwatch.DATABASE_CONNECTIONS_PINNED: _seen("the gate: pinned", lambda seen: seen.pinned),
    cloudwatch.BORROW_LATENCY: _seen(
        "the gate: seconds of waiting, by lent connections", lambda seen: _microseconds(seen.borrow_latency)
    ),
    cloudwatch.DATABASE_LATENCY: _seen(
        "`active` in `pg_stat_activity`, by Little's law", lambda seen: _microseconds(seen.answer)
    ),
    cloudwatch.AVAILABILITY: _seen(
        "whether the supervisor can log in to the database as each user",
        lambda seen: None if seen.target_state is None else 100.0 * (seen.target_state == "AVAILABLE"),
    ),
    **{
        cloudwatch.database_sessions(kind): _seen(
            "`pg_stat_activity`: client backends", lambda seen: seen.database_sessions
        )
        for kind in TargetKind
    },
    cloudwatch.INVOCATIONS: _logged("`REPORT` in the function's log", lambda lines: lines.invocations),
    cloudwatch.ERRORS: _logged("errors in the function's log", lambda lines: lines.errors),
    cloudwatch.THROTTLES: Number(
        "the Lambda API's own count of calls answered 429",
        lambda sample, function: sum(
            each.throttles for each in sample.evidence.functions if function in ("", each.name)
        ),
    ),
    cloudwatch.TIMEOUTS: Number(
        "`Task timed out` in the functions' logs",
        lambda sample, _: sum(each.timeouts for each in sample.functions.values()),
    ),
    cloudwatch.DURATION: _logged("`Duration` of `REPORT`", lambda lines: p90(lines.durations)),
    cloudwatch.LONGEST: _logged("`Duration` of `REPORT`", lambda lines: max(lines.durations, default=None)),
    cloudwatch.CONCURRENCY: _logged("`START` without its `REPORT`, at most", lambda lines: lines.concurrency),
    **{metric: _handlers(metric) for metric in cloudwatch.OF_THE_HANDLER},
}


def metric_of(line: Sequence[Any]) -> tuple[Metric | None, str]:
    """The metric of a line of the dashboard's body, and the function that it is of, else "".

    A line is `[namespace, name, dimension, value, …, {…}]`; what log filters count is called as the stack likes.
    """
    namespace, name, *rest = [part for part in line if isinstance(part, str)]
    if namespace == cloudwatch.HANDLER_NAMESPACE and not rest:
        return cloudwatch.TIMEOUTS, ""
    dimensions = dict(zip(rest[::2], rest[1::2], strict=True))
    wanted = namespace, name, line[-1].get("stat"), dimensions.keys()
    for metric in _KNOWN:
        if (metric.namespace, metric.name, metric.statistic, metric.dimensions(_EVERY).keys()) == wanted:
            return metric, dimensions.get("FunctionName", "")
    return None, ""


_EVERY = {"proxy": "", "endpoint": "", "database": "", "function": ""}
_KNOWN = tuple(each for each in vars(cloudwatch).values() if isinstance(each, Metric)) + tuple(
    cloudwatch.database_sessions(kind) for kind in TargetKind
)
