"""The CloudWatch metrics of a proxy, its database and its functions: one row each, with how it has to be read. Pure.

Metrics and dimensions: RDS User Guide, "Monitoring RDS Proxy metrics with Amazon CloudWatch"; Lambda Developer Guide,
"Types of metrics". What has to be known about them:

- A proxy has several nodes, and each publishes its gauges once a minute. They add up by Sum, and over 60 seconds only:
  a Sum over five minutes is five times too much.
- AvailabilityPercentage is per node too, but a share: Average. It is published only with TargetGroup and TargetRole.
- Latencies are in microseconds. They and the counters are published only while there is something to count.
- The QueryRequests metrics are not published for PostgreSQL's extended protocol, which every current driver speaks:
  they have no row.
- No metric counts timeouts: a filter of each function's log does. What a filter counts cannot have a fixed dimension,
  so the metric's name is the stack's own; all its filters add to one.
- A custom metric costs three times an alarm's: of the handler's, all but Failures are those of the proxy, over all that
  use it. The handler names the proxy by the first label of its endpoint. Failures has a value for every use of the
  database, so its sample count is how many there were.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from ..engines import TargetKind

PERIOD_SECONDS = 60
# What the handler writes its metrics under (handler/rds_connection/metrics.py); timeouts join them there.
HANDLER_NAMESPACE = "LambdaRdsProxy"
# Quoted: a phrase as it stands. Lambda writes it for every invocation that it ends.
TIMEOUT_PATTERN = '"Task timed out"'

Name = TypeVar("Name")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a metric is about: dimensions whose values are names (by the key they are known under), and fixed ones."""

    named: tuple[tuple[str, str], ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()


PROXY = Subject(named=(("ProxyName", "proxy"),))
WRITER = Subject(named=(("ProxyName", "proxy"),), fixed=(("TargetGroup", "default"), ("TargetRole", "READ_WRITE")))
INSTANCE = Subject(named=(("DBInstanceIdentifier", "database"),))
CLUSTER = Subject(named=(("DBClusterIdentifier", "database"),), fixed=(("Role", "WRITER"),))
FUNCTION = Subject(named=(("FunctionName", "function"),))
HANDLERS = Subject(named=(("Proxy", "endpoint"),))
LOGS = Subject()


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric and the statistic under which it means something."""

    namespace: str
    name: str
    statistic: str
    of: Subject

    def metric_name(self, names: Mapping[str, object]) -> str:
        """The name, which a log's metric has from its stack."""
        return str(names["log_metric"]) if self.of is LOGS else self.name

    def dimensions(self, names: Mapping[str, Name]) -> dict[str, Name | str]:
        """Dimension → value, of names by `proxy`, `endpoint`, `database` and `function`."""
        return {**{key: names[known] for key, known in self.of.named}, **dict(self.of.fixed)}


def _proxy(name: str, statistic: str = "Sum", of: Subject = PROXY) -> Metric:
    return Metric(namespace="AWS/RDS", name=name, statistic=statistic, of=of)


def _lambda(name: str, statistic: str) -> Metric:
    return Metric(namespace="AWS/Lambda", name=name, statistic=statistic, of=FUNCTION)


def _handler(name: str, statistic: str = "Sum", of: Subject = HANDLERS) -> Metric:
    return Metric(namespace=HANDLER_NAMESPACE, name=name, statistic=statistic, of=of)


CLIENT_CONNECTIONS = _proxy("ClientConnections")
CLIENTS_WITHOUT_TLS = _proxy("ClientConnectionsNoTLS")
CLIENTS_RECEIVED = _proxy("ClientConnectionsReceived")
CLIENTS_SET_UP = _proxy("ClientConnectionsSetupSucceeded")
CLIENTS_REFUSED = _proxy("ClientConnectionsSetupFailedAuth")
DATABASE_CONNECTIONS = _proxy("DatabaseConnections")
DATABASE_CONNECTIONS_ALLOWED = _proxy("MaxDatabaseConnectionsAllowed")
DATABASE_CONNECTIONS_BORROWED = _proxy("DatabaseConnectionsCurrentlyBorrowed")
DATABASE_CONNECTIONS_PINNED = _proxy("DatabaseConnectionsCurrentlySessionPinned")
DATABASE_SETUPS_FAILED = _proxy("DatabaseConnectionsSetupFailed")
BORROW_LATENCY = _proxy("DatabaseConnectionsBorrowLatency", "Average")
DATABASE_LATENCY = _proxy("QueryDatabaseResponseLatency", "Average")
AVAILABILITY = _proxy("AvailabilityPercentage", "Average", WRITER)

INVOCATIONS = _lambda("Invocations", "Sum")
ERRORS = _lambda("Errors", "Sum")
THROTTLES = _lambda("Throttles", "Sum")
DURATION = _lambda("Duration", "p90")
LONGEST = _lambda("Duration", "Maximum")
CONCURRENCY = _lambda("ConcurrentExecutions", "Maximum")
TIMEOUTS = Metric(namespace=HANDLER_NAMESPACE, name="Timeouts", statistic="Sum", of=LOGS)

OPENED = _handler("ConnectionsOpened")
USES = _handler("Failures", "SampleCount")
RETRIES = _handler("Retries")
FAILURES = _handler("Failures")
CONNECT_TIME = _handler("ConnectTime", "p90")
QUERY_TIME = _handler("QueryTime", "p90")
FAILURES_OF_FUNCTION = _handler("Failures", of=FUNCTION)
OF_THE_HANDLER = (OPENED, USES, RETRIES, FAILURES, CONNECT_TIME, QUERY_TIME, FAILURES_OF_FUNCTION)


def metric_label(endpoint: str) -> str:
    """What the handler's metrics call a proxy, by its endpoint."""
    return endpoint.partition(".")[0].lower()


def custom_metrics(functions: int) -> int:
    """How many custom metrics a stack with so many functions publishes, while each uses the database and has it."""
    of_the_stack = {each.name for each in OF_THE_HANDLER if each.of is HANDLERS} | {TIMEOUTS.name}
    return len(of_the_stack) + functions if functions else 0


def database_sessions(kind: TargetKind) -> Metric:
    """All connections of the database itself, whoever has them: the same name as the proxy's, other dimensions."""
    return _proxy("DatabaseConnections", "Maximum", CLUSTER if kind is TargetKind.CLUSTER else INSTANCE)
