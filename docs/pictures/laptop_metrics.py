"""Which number of the laptop stands for which CloudWatch metric: the one place that says so. Pure."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

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
    read = sum if metric.statistic == "Sum" else p90
    return _logged(
        "the handler's metrics line in the function's log", lambda lines: read(lines.metrics.get(metric.name, ()))
    )


def p90(values: Iterable[float]) -> float | None:
    """The value that nine of ten are not above; None of nothing."""
    ordered = sorted(values)
    return ordered[math.ceil(0.9 * len(ordered)) - 1] if ordered else None


def _microseconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds * 1000


# A metric without a row has no number on the laptop, for the reason that docs/dashboard.md gives.
LAPTOP_METRICS: Mapping[Metric, Number] = {
    cloudwatch.CLIENT_CONNECTIONS: _seen("PgBouncer, `SHOW CLIENTS`", lambda seen: seen.clients),
    cloudwatch.CLIENTS_RECEIVED: _seen("new clients in `SHOW CLIENTS`", lambda seen: seen.clients_received),
    cloudwatch.CLIENTS_REFUSED: _seen("refusals in the logs of pooler and functions", lambda seen: seen.failed_logins),
    cloudwatch.DATABASE_CONNECTIONS: _seen("PgBouncer, `SHOW POOLS`: all `sv_…`", lambda seen: seen.connections),
    cloudwatch.DATABASE_CONNECTIONS_ALLOWED: _seen("max_connections × percent", lambda seen: seen.allowed),
    cloudwatch.DATABASE_CONNECTIONS_BORROWED: _seen("`SHOW POOLS`: `sv_active`", lambda seen: seen.borrowed),
    cloudwatch.BORROW_LATENCY: _seen("`cl_waiting`, by Little's law", lambda seen: _microseconds(seen.borrow_latency)),
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
    cloudwatch.TIMEOUTS: _logged("`Task timed out` in the function's log", lambda lines: lines.timeouts),
    cloudwatch.DURATION: _logged("`Duration` of `REPORT`, p90", lambda lines: p90(lines.durations)),
    cloudwatch.CONCURRENCY: _logged("`START` without its `REPORT`, at most", lambda lines: lines.concurrency),
    **{metric: _handlers(metric) for metric in cloudwatch.OF_THE_HANDLER},
}


def metric_of(line: Sequence[object], log_metrics: Mapping[str, str]) -> tuple[Metric | None, str]:
    """The metric of a line of the dashboard's body, and the function that it is of, else "".

    Args:
        line: `[namespace, name, dimension, value, …, {…}]`.
        log_metrics: name of a log filter's metric → function.
    """
    namespace, name, *rest = [part for part in line if isinstance(part, str)]
    if name in log_metrics:
        return cloudwatch.TIMEOUTS, log_metrics[name]
    dimensions = dict(zip(rest[::2], rest[1::2], strict=True))
    for metric in _KNOWN:
        if (metric.namespace, metric.name) == (namespace, name) and metric.dimensions(
            _EVERY
        ).keys() == dimensions.keys():
            return metric, dimensions.get("FunctionName", "")
    return None, ""


_EVERY = {"proxy": "", "database": "", "function": ""}
_KNOWN = tuple(each for each in vars(cloudwatch).values() if isinstance(each, Metric)) + tuple(
    cloudwatch.database_sessions(kind) for kind in TargetKind
)
