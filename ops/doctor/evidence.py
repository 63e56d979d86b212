"""What was seen of a stack during one look: the same numbers from CloudWatch and from the laptop's servers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ops.pinning.counts import PinKey, as_documents

from .logged import LoggedFailures


class LoginProblem(StrEnum):
    """Why logins were refused, as far as the refusals say it."""

    EXPIRED_TOKEN = "token is expired"  # noqa: S105 - no password
    WRONG_PASSWORD = "password is wrong"  # noqa: S105 - no password
    THROTTLED = "too many competing requests"
    UNKNOWN = "reason not given"


@dataclass(frozen=True, kw_only=True)
class FunctionEvidence:
    """One function during the look.

    Attributes:
        timeout: its configured timeout, in seconds.
        invocations: that ended.
        errors: of them that failed in any way, timeouts included, as Lambda's metric `Errors` counts.
        timeouts: that Lambda ended, or in which the handler ran out of time; None where nobody counts them.
        throttles: calls that Lambda turned away before any code ran; no invocations.
        connections: that it opened or found open, on AWS uses of the database that had one; None when the function does
            not say.
        failures: those that its log tells of, also from before the look; None where it tells of none.
    """

    name: str
    timeout: float
    invocations: int = 0
    errors: int = 0
    timeouts: int | None = None
    throttles: int = 0
    connections: int | None = None
    failures: LoggedFailures | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One look at proxy, database and functions. None means that it could not be seen, never zero.

    Gauges are means over the look unless they are called a peak; times are in milliseconds unless they say seconds.

    Attributes:
        seconds: how long the look was.
        log_seconds: how far back the functions' logs were read; None where they were not.
        not_seen: what of this could not be seen, and why.
        borrow_timeout: the proxy's, in seconds.
        proxy_status: as DescribeDBProxies has it, such as available; or that its endpoint refuses connections.
        target_state: as DescribeDBProxyTargets has it: AVAILABLE, UNAVAILABLE, REGISTERING, UNUSED.
        target_reason: its reason code, such as CONNECTION_FAILED.
        target_seconds: since proxy and target group were last changed: how long the target may have been like this.
        availability: the metric AvailabilityPercentage.
        reserved_connections: slots of `max_connections` that no application gets.
        database_sessions: at the database's peak, whoever holds them.
        cpu: how busy the database's processor is, in percent.
        bearable_sessions: that it bears at once, by the stack's connection budget.
        bearable_percent: maxConnectionsPercent with which the proxy opens no more; None where none is that low.
        allowed: connections that the proxy may open.
        connections: that the proxy has open to the database, at the peak.
        borrowed: of them, in use by a client.
        in_transaction: of them, inside a transaction.
        pinned: of them, bound to one client.
        held_by_statements: of them, kept on the laptop by named prepared statements; RDS Proxy multiplexes these.
        pins: sessions that were pinned, by kind, the most frequent first: during the look; where none was and some
            still are, before it. On AWS those of which the proxy's log tells.
        clients: connections of clients to the proxy, at the peak.
        clients_received: that were opened during the look, whether their login succeeded or not.
        waiting: clients that wait for a database connection, at the peak.
        borrow_latency: that a client waits for a database connection.
        borrow_timeouts: clients that waited in vain.
        held: that a client keeps a database connection once it has it.
        answer: of that, what the database works.
        idle_in_transaction_seconds: how long a connection stands in a transaction in which nothing runs.
        failed_logins: of clients, at the proxy.
        login_problem: why; None when nothing says it.
    """

    seconds: float
    log_seconds: float | None = None
    not_seen: tuple[str, ...] = ()
    borrow_timeout: float | None = None
    proxy_status: str | None = None
    target_state: str | None = None
    target_reason: str | None = None
    target_seconds: float | None = None
    availability: float | None = None
    max_connections: int | None = None
    reserved_connections: int = 0
    database_sessions: int | None = None
    cpu: float | None = None
    bearable_sessions: int | None = None
    bearable_percent: int | None = None
    allowed: int | None = None
    connections: int | None = None
    borrowed: float | None = None
    in_transaction: float | None = None
    pinned: float | None = None
    held_by_statements: float | None = None
    pins: tuple[tuple[PinKey, int], ...] = ()
    clients: int | None = None
    clients_received: int | None = None
    waiting: int | None = None
    borrow_latency: float | None = None
    borrow_timeouts: int | None = None
    held: float | None = None
    answer: float | None = None
    idle_in_transaction_seconds: float | None = None
    failed_logins: int | None = None
    login_problem: LoginProblem | None = None
    functions: tuple[FunctionEvidence, ...] = field(default=())

    @property
    def invocations(self) -> int:
        """Of all functions."""
        return sum(each.invocations for each in self.functions)

    @property
    def errors(self) -> int:
        """Of all functions."""
        return sum(each.errors for each in self.functions)

    @property
    def timeouts(self) -> int:
        """Of all functions that count them."""
        return sum(each.timeouts or 0 for each in self.functions)

    @property
    def throttles(self) -> int:
        """Of all functions."""
        return sum(each.throttles for each in self.functions)

    @property
    def shortest_timeout(self) -> float | None:
        """Seconds of the function that is ended first."""
        return min((each.timeout for each in self.functions), default=None)

    @property
    def longest_timeout(self) -> float | None:
        """Seconds after which no invocation can still be at work."""
        return max((each.timeout for each in self.functions), default=None)

    def as_json(self) -> dict[str, Any]:
        """Everything that was seen, with the names of `--json`."""
        own = {name: value for name, value in vars(self).items() if name not in ("functions", "not_seen", "pins")}
        return {
            **_camel(own),
            "pins": as_documents(self.pins),
            "functions": [
                {**_camel(vars(each)), "failures": _camel(vars(each.failures)) if each.failures else None}
                for each in self.functions
            ],
        }


def _camel(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        first, *rest = name.split("_")
        found[first + "".join(map(str.title, rest))] = value
    return found
