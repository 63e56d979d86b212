"""Looks at a stack on AWS: CloudWatch, the proxy's own description, and what stands around it."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from ops.aws_errors import AwsErrors, reason
from ops.stack_outputs import StackError, stack_outputs, stack_proxies

from .cloudwatch import PERIOD_SECONDS, Function, Target, evidence, queries
from .drift import Settings, Surroundings
from .evidence import Evidence
from .surroundings import surroundings

# CloudWatch shows a minute's value about a minute after its end.
_LATE = timedelta(minutes=1)
_QUERIES_AT_ONCE = 500


class DeployedPatient:
    """The stack of some outputs, seen with the shell's AWS credentials at one of its proxies, by default its own."""

    def __init__(
        self, outputs: dict[str, Any], proxy: str | None = None, others: Collection[str] = frozenset()
    ) -> None:
        own = str(outputs["proxyEndpoint"]).split(".")[0]
        self.name = self._name = proxy or own
        self.is_configured = self.name == own
        self._outputs = outputs
        self._others = others
        try:
            self._rds = boto3.client("rds")
            self._proxy: dict[str, Any] = self._rds.describe_db_proxies(DBProxyName=self._name)["DBProxies"][0]
            groups = self._rds.describe_db_proxy_target_groups(DBProxyName=self._name)["TargetGroups"]
            self._pool: dict[str, Any] = groups[0]["ConnectionPoolConfig"] if groups else {}
            self._targets: list[dict[str, Any]] = self._rds.describe_db_proxy_targets(DBProxyName=self._name)["Targets"]
        except AwsErrors as error:
            raise StackError(f"RDS does not show the proxy {self._name}: {reason(error)}") from None

    @classmethod
    def find(cls, stack: str, *, proxy: str | None = None) -> "DeployedPatient":
        """The stack at a proxy of some name, or at its own.

        Raises:
            StackError: the stack cannot be read, or RDS does not show the proxy.
        """
        outputs, endpoints = _proxies(stack)
        name = proxy or next(iter(endpoints))
        return cls(outputs, name, {endpoint for each, endpoint in endpoints.items() if each != name})

    @classmethod
    def find_all(cls, stack: str, *, proxy: str | None = None) -> "list[DeployedPatient]":
        """The same at each of its proxies, its own first, or at the one that is named.

        Raises:
            StackError: the stack cannot be read, or RDS does not show a proxy.
        """
        outputs, endpoints = _proxies(stack)
        return [
            cls(outputs, name, {endpoint for each, endpoint in endpoints.items() if each != name})
            for name in ([proxy] if proxy is not None else endpoints)
        ]

    def examine(self, minutes: int, now: datetime | None = None) -> Evidence:
        """What the last whole minutes were like.

        Raises:
            StackError: CloudWatch or Lambda does not let us look.
        """
        functions, target = self._functions(), self.target()
        end = (now or datetime.now(UTC)).replace(second=0, microsecond=0) - _LATE
        asked = queries(self._name, target, functions)
        series: dict[str, list[float]] = {}
        try:
            pages = boto3.client("cloudwatch").get_paginator("get_metric_data")
            for first in range(0, len(asked), _QUERIES_AT_ONCE):
                for page in pages.paginate(
                    MetricDataQueries=asked[first : first + _QUERIES_AT_ONCE],
                    StartTime=end - timedelta(seconds=minutes * PERIOD_SECONDS),
                    EndTime=end,
                    ScanBy="TimestampAscending",
                ):
                    for result in page["MetricDataResults"]:
                        series.setdefault(result["Id"], []).extend(result["Values"])
        except AwsErrors as error:
            raise StackError(f"CloudWatch does not show its metrics: {reason(error)}") from None
        # The budget is of the stack's own database; before which another proxy stands, RDS does not say as a number.
        budget = (self._outputs.get("connectionBudget") if self._same_database() else None) or {}
        most = budget.get("maxConnections")
        return evidence(
            series,
            minutes=minutes,
            engine_family=str(self._proxy.get("EngineFamily")),
            target=target,
            max_connections=int(most) if isinstance(most, int | float) else None,
            borrow_timeout=self._pool.get("ConnectionBorrowTimeout"),
            functions=functions,
            proxy_status=self._proxy.get("Status"),
        )

    def settings(self) -> Settings:
        """What runs, as RDS describes it."""
        auths = self._proxy.get("Auth") or []
        if self._proxy.get("DefaultAuthScheme") == "IAM_AUTH":
            auth = "iam-end-to-end"
        else:
            auth = "iam" if any(each.get("IAMAuth") == "REQUIRED" for each in auths) else "secret"
        return Settings(
            max_connections_percent=self._pool.get("MaxConnectionsPercent"),
            borrow_timeout=self._pool.get("ConnectionBorrowTimeout"),
            idle_client_timeout=self._proxy.get("IdleClientTimeout"),
            require_tls=self._proxy.get("RequireTLS"),
            auth=auth,
        )

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
        )

    def _same_database(self) -> bool:
        return self._database()[1] == str(self._outputs.get("databaseEndpoint") or "").split(".")[0]

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

    def surroundings(self) -> tuple[Surroundings, list[str]]:
        """What the proxy needs around it, with a note for what could not be seen."""
        target = self.target()
        try:
            if target.dimension == "DBClusterIdentifier":
                found = self._rds.describe_db_clusters(DBClusterIdentifier=target.identifier)["DBClusters"]
            else:
                found = self._rds.describe_db_instances(DBInstanceIdentifier=target.identifier)["DBInstances"]
        except AwsErrors as error:
            return Surroundings(), [f"the database {target.identifier} not seen: {reason(error)}"]
        return surroundings(self._proxy, found[0], proxy_port=int(self._outputs.get("proxyPort") or 5432))

    def _functions(self) -> list[Function]:
        client, found = boto3.client("lambda"), []
        for name in (self._outputs.get("functions") or {}).values():
            try:
                shown = client.get_function_configuration(FunctionName=name)
            except AwsErrors as error:
                raise StackError(f"Lambda does not show {name}: {reason(error)}") from None
            # Who names none of the proxies may have been meant for this one. Nothing else of the environment is read.
            if (shown.get("Environment") or {}).get("Variables", {}).get("DB_HOST") not in self._others:
                found.append(Function(name=name, timeout=float(shown["Timeout"])))
        return found


def _proxies(stack: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A stack's outputs, and the endpoints of its proxies by name, its own first."""
    outputs = stack_outputs(stack)
    own = str(outputs.get("proxyEndpoint") or "")
    if not own:
        raise StackError(f'the stack "{stack}" has no output "proxyEndpoint"; run `pulumi up --stack {stack}`')
    return outputs, {own.split(".")[0]: own, **stack_proxies(stack)}
