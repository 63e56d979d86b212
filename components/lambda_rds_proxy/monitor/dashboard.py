"""The body of the CloudWatch dashboard of one proxy, its database and its functions. Pure.

Structure and limits: CloudWatch API Reference, "Dashboard Body Structure and Syntax": 500 widgets, 500 metrics in a
widget, 100 alarms in an alarm widget. That a whole dashboard has at most 2,500 metrics is what is generally quoted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..engines import Profile, TargetKind
from . import metrics
from .alarms import PROXY_ALARMS, RUNBOOK
from .metrics import PERIOD_SECONDS, Metric

# Each function is a line in every graph of functions. 300 keep a dashboard below 2,500 metrics; alarms are over all.
MOST_FUNCTIONS = 300
MOST_ALARMS = 100
_COLUMNS, _WIDTH, _HEIGHT = 24, 8, 6
_THRESHOLDS = {alarm.name: alarm.threshold for alarm in PROXY_ALARMS}


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What a dashboard shows, by the names AWS has for it.

    `endpoint` is what the handler's metrics call the proxy, `log_metric` the metric that the filters of the functions'
    logs count timeouts in; `functions` are names by the label of their lines; `alarms` are ARNs, the most important
    first.
    """

    title: str
    region: str
    profile: Profile
    proxy: str
    endpoint: str
    log_metric: str
    database: str
    kind: TargetKind
    max_connections: int | None
    functions: Mapping[str, str]
    alarms: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class _Graph:
    """One graph: lines, or an expression over hidden lines; `limits` are labelled horizontal lines."""

    title: str
    unit: str
    lines: Sequence[list[Any]]
    limits: Sequence[tuple[str, float]] = ()


def dashboard_body(watched: Watched) -> dict[str, Any]:
    """The body, to be written as JSON: a text, the alarms, and the graphs in rows of three."""
    names = {
        "proxy": watched.proxy,
        "endpoint": watched.endpoint,
        "log_metric": watched.log_metric,
        "database": watched.database,
    }
    functions = dict(sorted(watched.functions.items())[:MOST_FUNCTIONS])
    graphs = [*_proxy(watched, names), *(_functions(functions, names) if functions else [])]
    widgets = [
        {"type": "text", "x": 0, "y": 0, "width": _COLUMNS, "height": 2, "properties": {"markdown": _text(watched)}},
    ]
    top = 2
    if watched.alarms:
        shown = list(watched.alarms[:MOST_ALARMS])
        title = "Alarms" if len(shown) == len(watched.alarms) else f"Alarms, {MOST_ALARMS} of {len(watched.alarms)}"
        widgets.append(
            {
                "type": "alarm",
                "x": 0,
                "y": top,
                "width": _COLUMNS,
                "height": 3,
                "properties": {"title": title, "alarms": shown},
            }
        )
        top += 3
    for index, graph in enumerate(graphs):
        row, column = divmod(index, _COLUMNS // _WIDTH)
        widgets.append(_widget(graph, watched.region, x=column * _WIDTH, y=top + row * _HEIGHT))
    # Without "inherit" a longer range would change the period, and what is summed over it.
    return {"start": "-PT3H", "periodOverride": "inherit", "widgets": widgets}


def dashboard_url(name: str, region: str, partition: str) -> str:
    """The dashboard's page in the console of a partition."""
    host = {
        "aws-cn": "console.amazonaws.cn",
        "aws-us-gov": "console.amazonaws-us-gov.com",
    }.get(partition, f"{region}.console.aws.amazon.com")
    return f"https://{host}/cloudwatch/home?region={region}#dashboards/dashboard/{name}"


def _text(watched: Watched) -> str:
    text = (
        f"**{watched.title}**: clients → proxy `{watched.proxy}` → database `{watched.database}`. Runbook: {RUNBOOK}."
    )
    left_out = len(watched.functions) - MOST_FUNCTIONS
    return text if left_out <= 0 else f"{text} {left_out} more functions are in the alarms but have no line here."


def _proxy(watched: Watched, names: Mapping[str, str]) -> Iterable[_Graph]:
    def line(metric: Metric, label: str) -> list[Any]:
        return _line(metric, names, label=label)

    def limit(label: str, alarm: str, scale: float = 1) -> tuple[str, float]:
        return label, _THRESHOLDS[alarm].chosen(watched.profile) * scale

    most = watched.max_connections
    return (
        _Graph(
            title="Pool: connections open and in use, of those allowed",
            unit="%",
            lines=_computed(
                names,
                {
                    "connections": metrics.DATABASE_CONNECTIONS,
                    "borrowed": metrics.DATABASE_CONNECTIONS_BORROWED,
                    "allowed": metrics.DATABASE_CONNECTIONS_ALLOWED,
                },
                {"open": "100 * connections / allowed", "in use": "100 * borrowed / allowed"},
            ),
            limits=[limit("nearly full", "pool-nearly-full"), limit("full", "pool-full")],
        ),
        _Graph(
            title="Client connections against database connections",
            unit="connections",
            lines=[
                line(metrics.CLIENT_CONNECTIONS, "clients"),
                line(metrics.DATABASE_CONNECTIONS, "to the database"),
                line(metrics.DATABASE_CONNECTIONS_ALLOWED, "allowed"),
            ],
        ),
        _Graph(
            title="Wait for a database connection",
            unit="milliseconds",
            lines=_computed(names, {"borrow": metrics.BORROW_LATENCY}, {"average": "borrow / 1000"}),
            limits=[limit("alarm", "clients-waiting", 0.001)],
        ),
        _Graph(
            title="Pinned share of the connections",
            unit="%",
            lines=_computed(
                names,
                {"pinned": metrics.DATABASE_CONNECTIONS_PINNED, "connections": metrics.DATABASE_CONNECTIONS},
                {"pinned": "100 * pinned / connections"},
            ),
            limits=[limit("alarm", "sessions-pinned")],
        ),
        _Graph(
            title="Set-ups: received, done, refused",
            unit="per minute",
            lines=[
                line(metrics.CLIENTS_RECEIVED, "clients received"),
                line(metrics.CLIENTS_SET_UP, "clients set up"),
                line(metrics.CLIENTS_REFUSED, "clients refused (login)"),
                line(metrics.DATABASE_SETUPS_FAILED, "refused by the database"),
            ],
        ),
        _Graph(
            title="Availability of the target",
            unit="%",
            lines=[line(metrics.AVAILABILITY, "average over the proxy's nodes")],
            limits=[limit("alarm below", "proxy-unavailable")],
        ),
        _Graph(
            title="Clients without TLS",
            unit="connections",
            lines=[line(metrics.CLIENTS_WITHOUT_TLS, "clients in plain text")],
        ),
        _Graph(
            title="Connections of the database, whoever has them",
            unit="connections",
            lines=[line(metrics.database_sessions(watched.kind), "connections")],
            limits=[] if most is None else [("max_connections", most)],
        ),
        _Graph(
            title="Answer of the database",
            unit="milliseconds",
            lines=_computed(names, {"answer": metrics.DATABASE_LATENCY}, {"average": "answer / 1000"}),
            limits=[limit("alarm", "slow-queries", 0.001)],
        ),
    )


def _functions(functions: Mapping[str, str], names: Mapping[str, str]) -> Iterable[_Graph]:
    def each(metric: Metric) -> list[list[Any]]:
        return [_line(metric, {"function": name}, label=label) for label, name in functions.items()]

    def all_of_them(*shown: tuple[Metric, str]) -> list[list[Any]]:
        return [_line(metric, names, label=label) for metric, label in shown]

    return (
        _Graph(title="Invocations", unit="per minute", lines=each(metrics.INVOCATIONS)),
        _Graph(title="Errors", unit="per minute", lines=each(metrics.ERRORS)),
        _Graph(title="Throttles", unit="per minute", lines=each(metrics.THROTTLES)),
        _Graph(title="Duration, p90", unit="milliseconds", lines=each(metrics.DURATION)),
        _Graph(title="Duration, longest: of a timeout, the timeout", unit="milliseconds", lines=each(metrics.LONGEST)),
        _Graph(title="Concurrent executions", unit="environments", lines=each(metrics.CONCURRENCY)),
        _Graph(
            title="Handler: failures of work with the database",
            unit="per minute",
            lines=each(metrics.FAILURES_OF_FUNCTION),
        ),
        _Graph(
            title="All functions: uses of the database, connections opened",
            unit="per minute",
            lines=all_of_them((metrics.USES, "uses"), (metrics.OPENED, "connections opened")),
        ),
        _Graph(
            title="All functions: timeouts, retries, failures",
            unit="per minute",
            lines=all_of_them(
                (metrics.TIMEOUTS, "timeouts"), (metrics.RETRIES, "retries"), (metrics.FAILURES, "failures")
            ),
        ),
        _Graph(
            title="All functions: time to connect and to query, p90",
            unit="milliseconds",
            lines=all_of_them((metrics.CONNECT_TIME, "connect"), (metrics.QUERY_TIME, "query")),
        ),
    )


def _line(metric: Metric, names: Mapping[str, str], **options: Any) -> list[Any]:  # noqa: ANN401 - JSON
    flat = [part for pair in metric.dimensions(names).items() for part in pair]
    return [metric.namespace, metric.metric_name(names), *flat, {"stat": metric.statistic, **options}]


def _computed(
    names: Mapping[str, str], hidden: Mapping[str, Metric], expressions: Mapping[str, str]
) -> list[list[Any]]:
    shown: list[list[Any]] = [
        [{"expression": expression, "label": label, "id": f"e{number}"}]
        for number, (label, expression) in enumerate(expressions.items())
    ]
    return shown + [_line(metric, names, id=id_, visible=False) for id_, metric in hidden.items()]


def _widget(graph: _Graph, region: str, *, x: int, y: int) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "title": graph.title,
        "view": "timeSeries",
        "stacked": False,
        "region": region,
        "period": PERIOD_SECONDS,
        "metrics": list(graph.lines),
        "yAxis": {"left": {"min": 0, "label": graph.unit, "showUnits": False}},
    }
    if graph.limits:
        properties["annotations"] = {"horizontal": _annotations(graph.limits)}
    return {"type": "metric", "x": x, "y": y, "width": _WIDTH, "height": _HEIGHT, "properties": properties}


def _annotations(limits: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
    """One line for each value: two labels on one line could not be read."""
    labels: dict[float, list[str]] = {}
    for label, value in limits:
        labels.setdefault(value, []).append(label)
    return [{"label": ", ".join(found), "value": value} for value, found in labels.items()]
