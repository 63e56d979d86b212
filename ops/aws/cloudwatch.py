"""CloudWatch's metrics of a proxy, its database and its functions, and what they say as evidence. Pure.

Metrics and dimensions: RDS User Guide, "Monitoring RDS Proxy metrics with CloudWatch"; Lambda Developer Guide, "Types
of metrics". What has to be known about them:

- A proxy has several nodes, and each publishes its gauges once a minute: they add up by Sum, and only over 60 seconds.
- AvailabilityPercentage is per node as well, but a share: Average; and only with TargetGroup and TargetRole.
- Latencies are in microseconds. They and the counters are published only while there is something to count: a counter
  without values is zero, a latency without values is unknown.
- QueryRequests is not published for PostgreSQL's extended protocol: nothing here relies on it.
- No metric counts a function's timeouts: whether its errors can be some is told by its longest Duration.
- Nor its connections: the handler's one metric of each function, Failures, has a value for every use of the database,
  and NoConnection one for each that had none. An older handler does not publish that: of a function all of whose uses
  failed, nothing is known then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambda_rds_proxy.engines import ENGINES
from lambda_rds_proxy.serverless_database.budget import ConnectionBudget
from ops.doctor.evidence import Evidence, FunctionEvidence, LoginProblem
from ops.doctor.logged import LoggedFailures
from ops.pinning.counts import PinKey

PERIOD_SECONDS = 60
# By the family of a proxy, which may be of an engine that is none of ours.
_RESERVED = {facts.proxy_family: facts.reserved_connections for facts in ENGINES.values()}
# The handler says that it is out of time so many seconds before Lambda would end it (handler/README.md).
_MARGIN_SECONDS = 0.5
# Borrowed connections that are in a transaction, from which on nearly all of them are.
_NEARLY_ALL = 0.9

Series = Mapping[str, Sequence[float]]
"""Metric's id → its values by minute, in order. A minute without a value is left out."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function as it is deployed; `timeout` in seconds."""

    name: str
    timeout: float
    log_group: str = ""


@dataclass(frozen=True, kw_only=True)
class Target:
    """The database behind a proxy: its metrics' dimension, its state, AWS's reason code, the port it is known at."""

    dimension: str
    identifier: str
    state: str | None = None
    reason: str | None = None
    port: int | None = None


_GAUGES = {
    "clients": "ClientConnections",
    "connections": "DatabaseConnections",
    "borrowed": "DatabaseConnectionsCurrentlyBorrowed",
    "inTransaction": "DatabaseConnectionsCurrentlyInTransaction",
    "pinned": "DatabaseConnectionsCurrentlySessionPinned",
    "allowed": "MaxDatabaseConnectionsAllowed",
}
_COUNTERS = {
    "received": "ClientConnectionsReceived",
    "failedLogins": "ClientConnectionsSetupFailedAuth",
    "requests": "DatabaseConnectionRequests",
}
_LATENCIES = {"borrowLatency": "DatabaseConnectionsBorrowLatency", "answer": "QueryDatabaseResponseLatency"}
_OF_FUNCTIONS = {
    "invocations": ("AWS/Lambda", "Invocations", "Sum"),
    "errors": ("AWS/Lambda", "Errors", "Sum"),
    "throttles": ("AWS/Lambda", "Throttles", "Sum"),
    "duration": ("AWS/Lambda", "Duration", "Maximum"),
    "uses": ("LambdaRdsProxy", "Failures", "SampleCount"),
    "failures": ("LambdaRdsProxy", "Failures", "Sum"),
    "unconnected": ("LambdaRdsProxy", "NoConnection", "Sum"),
}


def queries(proxy: str, target: Target, functions: Sequence[Function]) -> list[dict[str, Any]]:
    """GetMetricData's queries, each with the id under which its series is read."""
    of_proxy = {"ProxyName": proxy}
    found = [_query(id_, "AWS/RDS", name, "Sum", of_proxy) for id_, name in {**_GAUGES, **_COUNTERS}.items()]
    found += [_query(id_, "AWS/RDS", name, "Average", of_proxy) for id_, name in _LATENCIES.items()]
    role = {**of_proxy, "TargetGroup": "default", "TargetRole": "READ_WRITE"}
    found.append(_query("availability", "AWS/RDS", "AvailabilityPercentage", "Average", role))
    of_database = {target.dimension: target.identifier}
    found.append(_query("sessions", "AWS/RDS", "DatabaseConnections", "Maximum", of_database))
    found.append(_query("cpu", "AWS/RDS", "CPUUtilization", "Average", of_database))
    for number, function in enumerate(functions):
        for id_, (namespace, name, statistic) in _OF_FUNCTIONS.items():
            # Lambda's own dimension, and the one of the handler's metrics, have the same name.
            found.append(_query(f"{id_}{number}", namespace, name, statistic, {"FunctionName": function.name}))
    return found


def evidence(
    series: Series,
    *,
    minutes: int,
    engine_family: str,
    target: Target,
    budget: ConnectionBudget | None,
    borrow_timeout: int | None,
    functions: Sequence[Function],
    proxy_status: str | None = None,
    target_seconds: float | None = None,
    login_problem: LoginProblem | None = None,
    failures: Mapping[str, LoggedFailures] | None = None,
    pins: tuple[tuple[PinKey, int], ...] = (),
    not_seen: tuple[str, ...] = (),
) -> Evidence:
    """What the series of so many minutes say."""
    borrowed, in_transaction = _mean(series, "borrowed"), _mean(series, "inTransaction")
    requests = sum(series.get("requests", ()))
    held = _held(borrowed, requests, minutes)
    answer = _milliseconds(series, "answer")
    idle = None
    if borrowed and in_transaction is not None and held is not None and in_transaction >= _NEARLY_ALL * borrowed:
        idle = max(0.0, held - (answer or 0.0)) / 1000
    return Evidence(
        seconds=minutes * PERIOD_SECONDS,
        log_seconds=minutes * PERIOD_SECONDS,
        not_seen=not_seen,
        borrow_timeout=borrow_timeout,
        proxy_status=proxy_status,
        target_state=target.state,
        target_reason=target.reason,
        target_seconds=target_seconds,
        availability=min(series.get("availability", ()), default=None),
        max_connections=None if budget is None else budget.max_connections,
        reserved_connections=_RESERVED.get(engine_family, 0),
        database_sessions=_peak(series, "sessions"),
        cpu=_mean(series, "cpu"),
        bearable_sessions=None if budget is None else budget.bearable_sessions,
        bearable_percent=None if budget is None else budget.bearable_percent,
        allowed=_last(series, "allowed"),
        connections=_peak(series, "connections"),
        borrowed=borrowed,
        in_transaction=in_transaction,
        pinned=_mean(series, "pinned"),
        pins=pins,
        # Of a proxy that nobody has connected to yet there are no client metrics at all.
        clients=_peak(series, "clients") or 0,
        clients_received=round(sum(series.get("received", ()))),
        waiting=None,
        borrow_latency=_milliseconds(series, "borrowLatency"),
        held=held,
        answer=answer,
        idle_in_transaction_seconds=idle,
        failed_logins=round(sum(series.get("failedLogins", ()))),
        login_problem=login_problem,
        functions=tuple(
            _function(series, number, each, (failures or {}).get(each.name)) for number, each in enumerate(functions)
        ),
    )


def failed(series: Series, number: int) -> tuple[int, int]:
    """How many invocations of a function ended, and how many of them failed."""
    return round(sum(series.get(f"invocations{number}", ()))), round(sum(series.get(f"errors{number}", ())))


def _function(series: Series, number: int, function: Function, failures: LoggedFailures | None) -> FunctionEvidence:
    def of(id_: str) -> Sequence[float]:
        return series.get(f"{id_}{number}", ())

    (invocations, errors), durations = failed(series, number), of("duration")
    margin = min(_MARGIN_SECONDS, function.timeout / 4)
    late = any(duration >= (function.timeout - margin) * 1000 for duration in durations)
    return FunctionEvidence(
        name=function.name,
        timeout=function.timeout,
        invocations=invocations,
        errors=errors,
        timeouts=(errors if late else 0) if durations else None,
        throttles=round(sum(of("throttles"))),
        connections=_connections(sum(of("uses")), sum(of("failures")), sum(of("unconnected"))),
        failures=failures,
    )


def _connections(uses: float, failures: float, unconnected: float) -> int | None:
    """Uses of the database that had a connection, where the handler's metrics say it."""
    if not uses or (failures >= uses and not unconnected):
        return None
    return max(0, round(uses - unconnected))


def _query(id_: str, namespace: str, name: str, statistic: str, dimensions: Mapping[str, str]) -> dict[str, Any]:
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": PERIOD_SECONDS, "Stat": statistic}}


def _held(borrowed: float | None, requests: float, minutes: int) -> float | None:
    """Milliseconds that a borrowed connection is held, by Little's law: a mean number of them, and how many begin."""
    if borrowed is None:
        return None
    return borrowed * minutes * PERIOD_SECONDS * 1000 / max(1.0, requests)


def _mean(series: Series, id_: str) -> float | None:
    values = series.get(id_, ())
    return sum(values) / len(values) if values else None


def _peak(series: Series, id_: str) -> int | None:
    return round(max(series[id_])) if series.get(id_) else None


def _last(series: Series, id_: str) -> int | None:
    return round(series[id_][-1]) if series.get(id_) else None


def _milliseconds(series: Series, id_: str) -> float | None:
    mean = _mean(series, id_)
    return None if mean is None else mean / 1000
