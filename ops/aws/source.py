"""Looks at a stack on AWS: CloudWatch, the proxy's own description, and what stands around it."""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from lambda_rds_proxy.engines import ENGINES
from lambda_rds_proxy.serverless_database.budget import ConnectionBudget
from lambda_rds_proxy.settings.spelling import CONFIG
from ops.budget import budget_of_output
from ops.doctor.drift import Settings, Surroundings, auth_of
from ops.doctor.evidence import Evidence, LoginProblem
from ops.doctor.logged import LoggedFailures, logged_failures
from ops.pinning.counts import PinKey, Pinning, ranked
from ops.stack_outputs import StackError, outputs_so_far, stack_outputs, stack_proxies, stack_resources

from .cloudwatch import PERIOD_SECONDS, Function, Series, Target, evidence, failed, queries
from .errors import AwsErrors, reason, refused_by
from .function_events import failed_events
from .proxy_log import read_pins
from .surroundings import surroundings

# CloudWatch shows a minute's value about a minute after its end.
_LATE = timedelta(minutes=1)
_QUERIES_AT_ONCE = 500
_MORE_PINS = "the proxy's log tells of more pins than were read"


def sources(
    stack: str,
    *,
    proxy: str | None = None,
    seconds: float | None = None,
    past: float | None = None,  # noqa: ARG001 - what CloudWatch shows is past, metrics and logs alike
) -> "Iterator[CloudWatchSource]":
    """A source for each proxy of a deployed stack, or for the one that is named, with the shell's credentials."""
    outputs, resources = stack_outputs(stack), stack_resources(stack)
    if not outputs.get("proxyEndpoint"):
        outputs = outputs_so_far(resources)
    own = str(outputs.get("proxyEndpoint") or "")
    if not own:
        raise StackError(f'the stack "{stack}" has no proxy; run `pulumi up --stack {stack}`')
    endpoints = {own.split(".")[0]: own, **stack_proxies(resources)}
    for name in endpoints if proxy is None else [proxy]:
        others = {endpoint for each, endpoint in endpoints.items() if each != name}
        yield CloudWatchSource(outputs, name, others, minutes=max(1, round((seconds or 0) / PERIOD_SECONDS)))


class CloudWatchSource:
    """One proxy of a stack of some outputs, by default its own; looked at for its last minutes."""

    # CloudWatch has one value a minute: asking more often costs money and shows nothing new.
    pause = float(PERIOD_SECONDS)

    def __init__(
        self,
        outputs: dict[str, Any],
        proxy: str | None = None,
        others: Collection[str] = frozenset(),
        *,
        minutes: int = 1,
    ) -> None:
        own = str(outputs["proxyEndpoint"]).split(".")[0]
        self.name = proxy or own
        self.is_configured = self.name == own
        self._outputs, self._others, self._minutes = outputs, others, minutes
        with refused_by(f"RDS does not show the proxy {self.name}"):
            self._rds = boto3.client("rds")
            self._proxy: dict[str, Any] = self._rds.describe_db_proxies(DBProxyName=self.name)["DBProxies"][0]
            groups = self._rds.describe_db_proxy_target_groups(DBProxyName=self.name)["TargetGroups"]
            self._group: dict[str, Any] = groups[0] if groups else {}
            self._pool: dict[str, Any] = self._group.get("ConnectionPoolConfig") or {}
            self._targets: list[dict[str, Any]] = self._rds.describe_db_proxy_targets(DBProxyName=self.name)["Targets"]

    def look(self, now: datetime | None = None) -> Evidence:
        """What the last whole minutes were like."""
        functions, target = self._functions(), self.target()
        end = (now or datetime.now(UTC)).replace(second=0, microsecond=0) - _LATE
        start = end - timedelta(seconds=self._minutes * PERIOD_SECONDS)
        asked = queries(self.name, target, functions)
        series: dict[str, list[float]] = {}
        with refused_by("CloudWatch does not show its metrics"):
            pages = boto3.client("cloudwatch").get_paginator("get_metric_data")
            for first in range(0, len(asked), _QUERIES_AT_ONCE):
                for page in pages.paginate(
                    MetricDataQueries=asked[first : first + _QUERIES_AT_ONCE],
                    StartTime=start,
                    EndTime=end,
                    ScanBy="TimestampAscending",
                ):
                    for result in page["MetricDataResults"]:
                        series.setdefault(result["Id"], []).extend(result["Values"])
        failures, not_seen = self._failures(series, functions, start, end)
        pins, pins_not_seen = self._pins(start, end) if any(series.get("pinned", ())) else ({}, ())
        return evidence(
            series,
            minutes=self._minutes,
            engine_family=self._family,
            target=target,
            budget=self._budget(),
            borrow_timeout=self._pool.get("ConnectionBorrowTimeout"),
            functions=functions,
            proxy_status=self._proxy.get("Status"),
            target_seconds=self._unchanged(end),
            login_problem=self._login_problem(start, end) if any(series.get("failedLogins", ())) else None,
            failures=failures,
            pins=tuple(ranked(pins)),
            not_seen=not_seen + pins_not_seen,
        )

    def pins(self, since: float) -> Pinning:
        """The sessions whose pins the proxy's log tells of since then; what is pinned now it does not say."""
        with refused_by(f"CloudWatch Logs does not show /aws/rds/proxy/{self.name}"):
            pins, complete = read_pins(self.name, self._family, since, datetime.now(UTC).timestamp())
        return Pinning(pins=pins, not_seen=() if complete else (_MORE_PINS,))

    def _pins(self, start: datetime, end: datetime) -> tuple[Mapping[PinKey, int], tuple[str, ...]]:
        """The pins of which the proxy's log tells, and what of them was not seen."""
        try:
            pins, complete = read_pins(self.name, self._family, start.timestamp(), (end + _LATE).timestamp())
        except AwsErrors as error:
            return {}, (f"why sessions are pinned: {reason(error)}",)
        if not pins:
            return {}, ("why sessions are pinned: the proxy's log does not say; set debugLoggingUntil for an hour",)
        return pins, () if complete else (_MORE_PINS,)

    @property
    def _family(self) -> str:
        return str(self._proxy.get("EngineFamily"))

    def _failures(
        self, series: Series, functions: list[Function], start: datetime, end: datetime
    ) -> tuple[dict[str, LoggedFailures], tuple[str, ...]]:
        """What the logs of functions that failed say, and what of that was not seen."""
        found, not_seen = {}, []
        begin, until = start.timestamp(), (end + _LATE).timestamp()
        for number, each in enumerate(functions):
            invocations, errors = failed(series, number)
            if not errors:
                continue
            try:
                events, complete = failed_events(each.log_group, begin, until)
            except AwsErrors as error:
                not_seen.append(f"the log of {each.name}: {reason(error)}")
                continue
            if not complete:
                not_seen.append(f"the log of {each.name} tells of more failures than were read")
            said = logged_failures(events, start=begin, end=until, invocations=invocations)
            if said is not None:
                found[each.name] = said
        return found, tuple(not_seen)

    def budget(self) -> tuple[str, ...]:
        """What the stack's connection budget warns of."""
        budget = self._budget() if self.is_configured else None
        return tuple(budget.warnings(CONFIG)) if budget else ()

    def _budget(self) -> ConnectionBudget | None:
        """Of the stack's own database; of another one RDS does not say the numbers."""
        own = str(self._outputs.get("databaseEndpoint") or "").split(".")[0]
        try:
            return budget_of_output(self._outputs.get("connectionBudget")) if self._database()[1] == own else None
        except ValueError:
            return None

    def settings(self) -> Settings:
        """What runs, as RDS describes it."""
        return Settings(
            max_connections_percent=self._pool.get("MaxConnectionsPercent"),
            borrow_timeout=self._pool.get("ConnectionBorrowTimeout"),
            idle_client_timeout=self._proxy.get("IdleClientTimeout"),
            require_tls=self._proxy.get("RequireTLS"),
            auth=auth_of(
                default_scheme=self._proxy.get("DefaultAuthScheme"),
                iam_auths=[str(each.get("IAMAuth")) for each in self._proxy.get("Auth") or []],
            ),
        )

    def surroundings(self) -> Surroundings:
        """What the proxy needs around it, and what of that could not be seen."""
        family = self._proxy.get("EngineFamily")
        port = next((facts.port for facts in ENGINES.values() if facts.proxy_family == family), 5432)
        return surroundings(self._proxy, self.target(), proxy_port=int(self._outputs.get("proxyPort") or port))

    def target(self) -> Target:
        """The writer, or the first target whose state is not AVAILABLE, as nothing works while that one is down."""
        instances = [each for each in self._targets if each.get("Type") != "TRACKED_CLUSTER"]
        writers = [each for each in instances if each.get("Role", "READ_WRITE") in ("READ_WRITE", "UNKNOWN")]
        health = [each.get("TargetHealth") or {} for each in writers or instances]
        worst = next(
            (each for each in health if each.get("State") not in (None, "AVAILABLE")), health[0] if health else {}
        )
        dimension, identifier = self._database()
        return Target(
            dimension=dimension,
            identifier=identifier,
            state=worst.get("State") if self._targets else "UNUSED",
            reason=worst.get("Reason"),
            port=next((each["Port"] for each in writers or instances if "Port" in each), None),
        )

    def _unchanged(self, now: datetime) -> float | None:
        """Seconds since proxy or target group was last made or changed."""
        stamps = [each.get(key) for each in (self._proxy, self._group) for key in ("CreatedDate", "UpdatedDate")]
        latest = max((each for each in stamps if each is not None), default=None)
        return None if latest is None else max(0.0, (now - latest).total_seconds())

    def _login_problem(self, start: datetime, end: datetime) -> LoginProblem | None:
        """Whether the proxy's log speaks of IAM's own limit, the one reason that has words of its own there."""
        with contextlib.suppress(*AwsErrors):
            events = boto3.client("logs").filter_log_events(
                logGroupName=f"/aws/rds/proxy/{self.name}",
                filterPattern=f'"{LoginProblem.THROTTLED}"',
                startTime=round(start.timestamp() * 1000),
                endTime=round((end + _LATE).timestamp() * 1000),
                limit=1,
            )["events"]
            return LoginProblem.THROTTLED if events else None
        return None

    def _database(self) -> tuple[str, str]:
        """The dimension and the name of the database: of the stack's outputs, or of another proxy's targets."""
        if self.is_configured:
            endpoint = str(self._outputs.get("databaseEndpoint") or "")
            return "DBClusterIdentifier" if ".cluster-" in endpoint else "DBInstanceIdentifier", endpoint.split(".")[0]
        clusters = [each["TrackedClusterId"] for each in self._targets if each.get("TrackedClusterId")]
        clusters += [each["RdsResourceId"] for each in self._targets if each.get("Type") == "TRACKED_CLUSTER"]
        if clusters:
            return "DBClusterIdentifier", str(clusters[0])
        return "DBInstanceIdentifier", next((str(each["RdsResourceId"]) for each in self._targets), "")

    def _functions(self) -> list[Function]:
        found = []
        for name in (self._outputs.get("functions") or {}).values():
            with refused_by(f"Lambda does not show {name}"):
                shown = boto3.client("lambda").get_function_configuration(FunctionName=name)
            # Who names none of the proxies may have been meant for this one. Nothing else of the environment is read.
            if (shown.get("Environment") or {}).get("Variables", {}).get("DB_HOST") not in self._others:
                group = (shown.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
                found.append(Function(name=name, timeout=float(shown["Timeout"]), log_group=group))
        return found
