"""Logs, alarms, the topics that alarms go to, dashboards: recorded only."""

from ...supervisor.client import SupervisorClient
from .. import ACCOUNT
from ..identifiers import arn
from .limits import Modelled
from .row import AwsType, Found


def _find_proxy_logs(name: str) -> Found | None:
    """RDS makes the log group of a proxy itself, and keeps its logs for ever."""
    proxy = name.removeprefix("/aws/rds/proxy/")
    is_there = proxy != name and SupervisorClient.ensure().get("proxy", proxy) is not None
    return (name, {"name": name}) if is_there else None


TYPES = (
    AwsType(
        "aws:cloudwatch/logGroup:LogGroup",
        limits=(Modelled("logs", "CreateLogGroupRequest", name="logGroupName"),),
        outputs=lambda group: {"arn": group.arn("logs", f"log-group:{group.name}")},
        find=_find_proxy_logs,
    ),
    AwsType("aws:cloudwatch/logMetricFilter:LogMetricFilter"),
    AwsType(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        outputs=lambda alarm: {"arn": alarm.arn("cloudwatch", f"alarm:{alarm.name}")},
    ),
    AwsType(
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        named_by="alarmName",
        outputs=lambda alarm: {"arn": alarm.arn("cloudwatch", f"alarm:{alarm.name}")},
    ),
    AwsType(
        "aws:cloudwatch/dashboard:Dashboard",
        named_by="dashboardName",
        outputs=lambda dashboard: {"dashboardArn": arn("cloudwatch", "", f"dashboard/{dashboard.name}")},
    ),
    AwsType(
        "aws:sns/topic:Topic",
        id=lambda topic: topic.arn("sns", topic.name),
        outputs=lambda topic: {"arn": topic.id, "owner": ACCOUNT},
    ),
)
