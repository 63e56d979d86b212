"""Alarms, one dashboard and RDS's own events of a proxy, with its database and its functions."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pulumi
import pulumi_aws as aws

from ..engines import ENGINES
from ..names import physical_name
from ..references import FunctionRef, ProxyRef
from ..settings.reading import read, with_defaults
from ..stack.args import StackSettings
from ..stack_names import stated_name
from .alarms import (
    BOTTLENECK,
    FUNCTION_ALARMS,
    MOST_METRICS,
    PROXY_ALARMS,
    STACK_ALARMS,
    WORST,
    Alarm,
    Limits,
    database_alarms,
)
from .args import MonitorArgs
from .dashboard import Watched, dashboard_body, dashboard_url
from .metrics import HANDLER_NAMESPACE, PERIOD_SECONDS, TIMEOUT_PATTERN, Metric, metric_label

# PutMetricAlarm, PutDashboard (botocore's service model), CreateEventSubscription: "less than 255".
_MAX_NAME = 254
Names = Mapping[str, pulumi.Input[str]]
_NONE: Names = MappingProxyType({})
# RDS User Guide, "Working with RDS Proxy events". That a proxy or an endpoint was created is nobody's concern.
_EVENT_CATEGORIES = ["configuration change", "deletion", "failure"]


class Monitor(pulumi.ComponentResource):
    """What whoever is on call needs of one proxy; docs/runbook.md has a section for each alarm."""

    dashboard_name: pulumi.Output[str]
    """Name of the CloudWatch dashboard."""
    dashboard_url: pulumi.Output[str]
    """Its page in the console."""
    bottleneck_alarm_arn: pulumi.Output[str]
    """ARN of the composite alarm that the proxy is the bottleneck."""

    def __init__(self, name: str, args: MonitorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:Monitor", name, {}, opts)
        self._name = name
        args = read(MonitorArgs, args, name, part="monitor")
        stack = with_defaults(StackSettings, args.get("stack", {}))
        self._tags, self._profile = stack.get("tags"), stack["profile"]
        topic = args.get("settings", {}).get("alarm_topic_arn")
        self._actions = None if topic is None else [topic]
        self._made: dict[str, aws.cloudwatch.MetricAlarm] = {}
        self._metrics_of_alarms = 0
        proxy, database, functions = args["proxy"], args["database"], args.get("functions", {})
        kind, facts = database["kind"], ENGINES[database["engine"]]

        self._log_metric = self._physical("timeouts")
        self._names: Names = {
            "proxy": proxy["name"],
            "endpoint": pulumi.Output.from_input(proxy["endpoint"]).apply(metric_label),
            "database": database["identifier"],
            "log_metric": self._log_metric,
        }
        usable = facts.usable_connections(database.get("max_connections"))
        for row in (*PROXY_ALARMS, *database_alarms(kind)):
            self._alarm(row.name, row, {"usable_connections": usable})
        bottleneck = self._bottleneck()
        if functions:
            self._of_functions(functions)
        if topic is not None:
            self._events(proxy, topic)

        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        partition = aws.get_partition_output(opts=pulumi.InvokeOutputOptions(parent=self)).partition
        self.dashboard_name = self._dashboard(
            args, region, [bottleneck.arn, *(each.arn for each in self._made.values())]
        )
        self.dashboard_url = pulumi.Output.all(self.dashboard_name, region, partition).apply(
            lambda known: dashboard_url(*known)
        )
        self.bottleneck_alarm_arn = bottleneck.arn
        self.register_outputs(
            {
                "dashboard_name": self.dashboard_name,
                "dashboard_url": self.dashboard_url,
                "bottleneck_alarm_arn": self.bottleneck_alarm_arn,
            }
        )

    def metrics_of_alarms(self) -> int:
        """How many metrics all alarms read: what CloudWatch charges for."""
        return self._metrics_of_alarms

    def _alarm(self, key: str, row: Alarm, limits: Limits, functions: Names = _NONE) -> None:
        """Make a row's alarm, if it has a threshold, over some functions where it is about functions."""
        threshold = row.threshold.value(self._profile, limits)
        if threshold is None:
            return
        self._metrics_of_alarms += max(len(functions), len(row.metrics))
        self._made[key] = aws.cloudwatch.MetricAlarm(
            f"{self._name}-{key}",
            name=self._physical(key),
            alarm_description=row.description,
            **_measured(row, self._names, functions),
            threshold=threshold,
            comparison_operator=row.comparison,
            evaluation_periods=row.minutes,
            datapoints_to_alarm=row.minutes,
            treat_missing_data=row.missing,
            alarm_actions=self._actions if row.notifies else None,
            ok_actions=self._actions if row.notifies else None,
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _of_functions(self, functions: Mapping[str, FunctionRef]) -> None:
        """What counts their timeouts, the alarms over all of them, and those that one of them asks for."""
        for key, function in functions.items():
            self._timeouts(key, function)
        named = [(key, function["name"]) for key, function in functions.items()]
        some = [dict(named[first : first + MOST_METRICS]) for first in range(0, len(named), MOST_METRICS)]
        for row in STACK_ALARMS:
            for number, each in enumerate(some if row.of_each_function else [_NONE], 1):
                self._alarm(row.name if number == 1 else f"{row.name}-{number}", row, {}, each)
        for key, function in functions.items():
            limits = {
                "timeout_milliseconds": function["timeout"] * 1000,
                "reserved_concurrency": function.get("reserved_concurrency"),
            }
            for row in FUNCTION_ALARMS:
                if row.name in function.get("alarms", ()):
                    self._alarm(f"{key}-{row.name}", row, limits, {key: function["name"]})

    def _bottleneck(self) -> aws.cloudwatch.CompositeAlarm:
        parts = [*BOTTLENECK.all_of, *BOTTLENECK.none_of]
        return aws.cloudwatch.CompositeAlarm(
            f"{self._name}-{BOTTLENECK.name}",
            alarm_name=self._physical(BOTTLENECK.name),
            alarm_description=BOTTLENECK.description,
            alarm_rule=BOTTLENECK.rule({part: self._physical(part) for part in parts}),
            alarm_actions=self._actions,
            ok_actions=self._actions,
            tags=self._tags,
            # CloudWatch deletes no alarm that a composite alarm still names.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._made[part] for part in parts]),
        )

    def _timeouts(self, key: str, function: FunctionRef) -> None:
        aws.cloudwatch.LogMetricFilter(
            f"{self._name}-{key}-timeouts",
            name=self._physical(f"{key}-timeouts"),
            log_group_name=function["log_group_name"],
            pattern=TIMEOUT_PATTERN,
            metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                namespace=HANDLER_NAMESPACE,
                name=self._log_metric,
                value="1",
                # A minute in which the function logs anything else says 0, not nothing.
                default_value="0",
                unit="Count",
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _events(self, proxy: ProxyRef, topic: pulumi.Input[str]) -> None:
        aws.rds.EventSubscription(
            self._name,
            name=self._physical(),
            sns_topic=topic,
            source_type="db-proxy",
            source_ids=[proxy["name"]],
            event_categories=_EVENT_CATEGORIES,
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _dashboard(
        self, args: MonitorArgs, region: pulumi.Output[str], alarms: list[pulumi.Output[str]]
    ) -> pulumi.Output[str]:
        database, functions = args["database"], args.get("functions", {})
        body = pulumi.Output.all(
            region=region,
            proxy=args["proxy"]["name"],
            endpoint=self._names["endpoint"],
            database=database["identifier"],
            functions={key: function["name"] for key, function in functions.items()},
            alarms=alarms,
        ).apply(
            lambda known: json.dumps(
                dashboard_body(
                    Watched(
                        title=self._name,
                        region=known["region"],
                        profile=self._profile,
                        proxy=known["proxy"],
                        database=known["database"],
                        kind=database["kind"],
                        max_connections=database.get("max_connections"),
                        endpoint=known["endpoint"],
                        log_metric=self._log_metric,
                        functions=known["functions"],
                        alarms=known["alarms"],
                    )
                )
            )
        )
        return aws.cloudwatch.Dashboard(
            self._name,
            dashboard_name=stated_name("dashboard", self._name, max_length=_MAX_NAME),
            dashboard_body=body,
            opts=pulumi.ResourceOptions(parent=self),
        ).dashboard_name

    def _physical(self, key: str | None = None) -> str:
        """A name of our own: the composite alarm's rule holds names, and a preview has to know them."""
        parts = [pulumi.get_project(), pulumi.get_stack(), self._name, *([] if key is None else [key])]
        return physical_name(*parts, max_length=_MAX_NAME)


def _measured(row: Alarm, names: Names, functions: Names) -> dict[str, Any]:
    """The arguments that say what an alarm reads: one metric, or an expression over several."""
    expression = row.expression
    read: list[tuple[str, str | None, Metric, Names]]
    if functions:
        (metric,) = row.metrics.values()
        read = [(f"f{n}", key, metric, {"function": functions[key]}) for n, key in enumerate(functions)]
        expression = WORST if len(functions) > 1 else None
    else:
        read = [(id_, None, metric, names) for id_, metric in row.metrics.items()]
    if expression is None:
        ((_, _, metric, names),) = read
        percentile = metric.statistic.startswith("p")
        return {
            "namespace": metric.namespace,
            "metric_name": metric.metric_name(names),
            "dimensions": metric.dimensions(names),
            "period": PERIOD_SECONDS,
            "extended_statistic" if percentile else "statistic": metric.statistic,
        }
    queries = [
        aws.cloudwatch.MetricAlarmMetricQueryArgs(id="value", expression=expression, label=row.name, return_data=True)
    ]
    queries += [
        aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=id_,
            label=label,
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace=metric.namespace,
                metric_name=metric.metric_name(names),
                dimensions=metric.dimensions(names),
                period=PERIOD_SECONDS,
                stat=metric.statistic,
            ),
        )
        for id_, label, metric, names in read
    ]
    return {"metric_queries": queries}
