"""The alarms of a proxy, its database and its functions: a table, one row each. Pure.

AWS recommends alarms for databases and functions (CloudWatch User Guide, "Recommended alarms": marked "AWS"), and none
for a proxy: what stands there is this project's own. The sections of docs/runbook.md have the names of the rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ..engines import Profile, TargetKind
from . import metrics
from .metrics import Metric

RUNBOOK = "docs/runbook.md"

Limits = Mapping[str, float | None]
"""What thresholds are shares of: usable_connections, timeout_milliseconds, reserved_concurrency; None is unknown."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A value for each profile and its reason; with `share_of` the value is a share of that limit."""

    dev: float
    prod: float
    reason: str
    share_of: str | None = None

    def chosen(self, profile: Profile) -> float:
        """The value, or the share, of a profile."""
        return self.prod if profile is Profile.PROD else self.dev

    def value(self, profile: Profile, limits: Limits) -> float | None:
        """The threshold, or None where what it is a share of is not known: then there is no such alarm."""
        chosen = self.chosen(profile)
        if self.share_of is None:
            return chosen
        limit = limits.get(self.share_of)
        return None if limit is None else round(chosen * limit, 3)


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One row.

    `metrics` are named by what `expression` calls them (without an expression there is one), `minutes` how many in a
    row have to be beyond the threshold, `missing` what a minute without a value says, `means` the alarm's description,
    `notifies` whether it tells anyone itself. Of a row with `of_each_function` the one metric is that of each function,
    and the threshold that of the one which is worst.
    """

    name: str
    metrics: Mapping[str, Metric]
    threshold: Threshold
    minutes: int
    means: str
    expression: str | None = None
    comparison: str = "GreaterThanThreshold"
    missing: str = "notBreaching"
    notifies: bool = True
    of_each_function: bool = False

    @property
    def description(self) -> str:
        """What it means, and where to read on."""
        return f"{self.means} {RUNBOOK}#{self.name}"


@dataclass(frozen=True, kw_only=True)
class CompositeAlarm:
    """An alarm over alarms: `all_of` are, and `none_of` is, in alarm."""

    name: str
    all_of: tuple[str, ...]
    none_of: tuple[str, ...]
    means: str

    @property
    def description(self) -> str:
        """What it means, and where to read on."""
        return f"{self.means} {RUNBOOK}#{self.name}"

    def rule(self, names: Mapping[str, str]) -> str:
        """The rule, of the names that the alarms have in CloudWatch."""
        return " AND ".join(
            [f'ALARM("{names[each]}")' for each in self.all_of]
            + [f'NOT ALARM("{names[each]}")' for each in self.none_of]
        )


# A minute without a value: latencies, counters and quotients are not published while there is nothing to count, so it
# says that nothing is wrong. Availability and the database's own connections are published every minute of their life:
# without them nobody knows, which is a state of its own (INSUFFICIENT_DATA).
PROXY_ALARMS = (
    Alarm(
        name="pool-nearly-full",
        metrics={"connections": metrics.DATABASE_CONNECTIONS, "allowed": metrics.DATABASE_CONNECTIONS_ALLOWED},
        expression="100 * connections / allowed",
        threshold=Threshold(dev=90, prod=70, reason="AWS asks for 30 % headroom; in dev only a pool that is used up"),
        minutes=3,
        means="The proxy has opened nearly all the database connections it may open (percent).",
    ),
    Alarm(
        name="pool-full",
        metrics={"borrowed": metrics.DATABASE_CONNECTIONS_BORROWED, "allowed": metrics.DATABASE_CONNECTIONS_ALLOWED},
        expression="100 * borrowed / allowed",
        threshold=Threshold(dev=90, prod=90, reason="the next clients wait; idle connections do not count"),
        minutes=3,
        means="Clients use nearly all the database connections that the proxy may open (percent).",
        notifies=False,
    ),
    Alarm(
        name="clients-waiting",
        metrics={"latency": metrics.BORROW_LATENCY},
        threshold=Threshold(
            dev=500_000,
            prod=100_000,
            reason="0.1 s is far above opening a connection; in dev a cold pool may take more",
        ),
        minutes=3,
        means="Clients wait for a database connection (average, microseconds).",
    ),
    Alarm(
        name="slow-queries",
        metrics={"latency": metrics.DATABASE_LATENCY},
        threshold=Threshold(
            dev=5_000_000, prod=1_000_000, reason="at 1 s each connection serves one statement a second"
        ),
        minutes=3,
        means="The database takes long to answer (average, microseconds): the proxy only waits for it.",
    ),
    Alarm(
        name="sessions-pinned",
        metrics={"pinned": metrics.DATABASE_CONNECTIONS_PINNED, "connections": metrics.DATABASE_CONNECTIONS},
        expression="100 * pinned / connections",
        threshold=Threshold(dev=30, prod=20, reason="ideal is zero; above 30 % sharing is largely lost"),
        minutes=5,
        means="Connections are bound to one client each, so that clients no longer share them (percent).",
    ),
    Alarm(
        name="database-refuses-connections",
        metrics={"failed": metrics.DATABASE_SETUPS_FAILED},
        threshold=Threshold(dev=0, prod=0, reason="a healthy proxy can always log in; 3 minutes outlast a restart"),
        minutes=3,
        means="The proxy cannot open connections to the database.",
    ),
    Alarm(
        name="logins-fail",
        metrics={"failed": metrics.CLIENTS_REFUSED},
        threshold=Threshold(
            dev=5, prod=0, reason="every client is a function with the right role; people try things in dev"
        ),
        minutes=1,
        means="The proxy refuses clients: token, password, secret or role.",
    ),
    Alarm(
        name="proxy-unavailable",
        metrics={"availability": metrics.AVAILABILITY},
        threshold=Threshold(dev=75, prod=100, reason="100 is usual; one bad node of several, in dev most of them"),
        minutes=2,
        comparison="LessThanThreshold",
        missing="missing",
        means="The target is not available to the proxy all the time (average over its nodes, percent).",
    ),
    Alarm(
        name="clients-without-tls",
        metrics={"clients": metrics.CLIENTS_WITHOUT_TLS},
        threshold=Threshold(
            dev=0, prod=0, reason="the proxy demands TLS: one such client means that it no longer does"
        ),
        minutes=1,
        means="Clients talk to the proxy in plain text.",
    ),
)

BOTTLENECK = CompositeAlarm(
    name="proxy-is-the-bottleneck",
    all_of=("pool-full", "clients-waiting"),
    none_of=("slow-queries",),
    means="The pool is used up and clients wait, while the database answers quickly: the pool is too small for the "
    "load, or transactions stay open too long.",
)


def database_alarms(kind: TargetKind) -> tuple[Alarm, ...]:
    """The rows of a database: an instance, or a cluster's writer."""
    return (
        Alarm(
            name="database-nearly-full",
            metrics={"sessions": metrics.database_sessions(kind)},
            threshold=Threshold(
                dev=0.95,
                prod=0.9,
                reason="AWS: 90–95 % of max_connections, here of those that are not reserved",
                share_of="usable_connections",
            ),
            minutes=5,
            missing="missing",
            means="The database itself is nearly out of connections, whoever has them.",
        ),
    )


# One alarm over all functions of a stack. No Metrics Insights query can choose them: its WHERE knows =, != and AND, so
# either one function or all of the account, and tags only where an account has turned on that telemetry has them. So
# those that read Lambda's own metrics are math over functions, ten in an alarm at most.
# source: CloudWatch User Guide, "Metrics Insights query components and syntax", "Alarm limits"; CloudWatch pricing:
# either way a price for each metric.
MOST_METRICS = 10
# Minute by minute: what AWS advises against in alarms is the MAX of one series, which is a single number.
WORST = "MAX(METRICS())"

STACK_ALARMS = (
    Alarm(
        name="errors",
        metrics={"errors": metrics.ERRORS},
        threshold=Threshold(dev=5, prod=0, reason="AWS: any, or what is tolerated; timeouts are among them"),
        minutes=3,
        means="Invocations of a function fail.",
        of_each_function=True,
    ),
    Alarm(
        name="timeouts",
        metrics={"timeouts": metrics.TIMEOUTS},
        threshold=Threshold(
            dev=2, prod=0, reason="the function answers before its timeout, if the borrow timeout is below it"
        ),
        minutes=1,
        means="Lambda ends invocations of functions at their timeout.",
    ),
    Alarm(
        name="throttles",
        metrics={"throttles": metrics.THROTTLES},
        threshold=Threshold(
            dev=10, prod=0, reason="AWS: any; in dev a storm that reserved concurrency holds back is meant"
        ),
        minutes=5,
        means="Lambda refuses invocations: a function's or the account's concurrency is used up.",
        of_each_function=True,
    ),
    Alarm(
        name="database-work-fails",
        metrics={"failures": metrics.FAILURES},
        threshold=Threshold(
            dev=5, prod=0, reason="a failure that the function answered itself is no error of Lambda's"
        ),
        minutes=3,
        means="Functions' work with the database fails, by their handler's own count.",
    ),
)

# Of a function that asks for it: a percentile is of one metric, and a share is of a limit of its own.
FUNCTION_ALARMS = (
    Alarm(
        name="slow",
        metrics={"duration": metrics.DURATION},
        threshold=Threshold(dev=0.95, prod=0.8, reason="AWS: p90, below the timeout", share_of="timeout_milliseconds"),
        minutes=15,
        means="One in ten invocations takes nearly as long as the function's timeout (milliseconds).",
    ),
    Alarm(
        name="concurrency-nearly-used-up",
        metrics={"concurrency": metrics.CONCURRENCY},
        threshold=Threshold(dev=0.95, prod=0.9, reason="AWS: 90 % of what there is", share_of="reserved_concurrency"),
        minutes=10,
        means="Nearly all the environments that the function may have are busy.",
    ),
)
