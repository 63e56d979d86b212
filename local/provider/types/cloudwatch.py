"""Logs, alarms, the topics that alarms go to, dashboards: recorded only."""

from ...supervisor.client import SupervisorClient
from .. import ACCOUNT
from ..identifiers import arn
from .limits import Modelled, OneOf
from .row import AwsType, Found, Name

# PutRetentionPolicy's list, with 0 for "for ever".
_RETENTION_DAYS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def _find_proxy_logs(name: str) -> Found | None:
    """RDS makes the log group of a proxy itself, and keeps its logs for ever."""
    proxy = name.removeprefix("/aws/rds/proxy/")
    is_there = proxy != name and SupervisorClient.ensure().get("proxy", proxy) is not None
    return (name, {"name": name}) if is_there else None


TYPES = (
    AwsType(
        "aws:cloudwatch/logGroup:LogGroup",
        name=Name("name", 512),
        replaced_by=("name", "namePrefix", "logGroupClass"),
        defaults={"retentionInDays": 0, "skipDestroy": False},
        limits=(
            Modelled("logs", "CreateLogGroupRequest", name="logGroupName"),
            OneOf("retentionInDays", _RETENTION_DAYS),
        ),
        outputs=lambda group: {"arn": group.arn("logs", f"log-group:{group.name}")},
        find=_find_proxy_logs,
    ),
    AwsType(
        "aws:cloudwatch/logMetricFilter:LogMetricFilter", name=Name("name", 512), replaced_by=("name", "logGroupName")
    ),
    AwsType(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        name=Name("name", 255),
        replaced_by=("name",),
        outputs=lambda alarm: {"arn": alarm.arn("cloudwatch", f"alarm:{alarm.name}")},
    ),
    AwsType(
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        replaced_by=("alarmName", "actionsEnabled"),
        defaults={"actionsEnabled": True},
        id=lambda alarm: str(alarm.inputs.get("alarmName")),
        outputs=lambda alarm: {"arn": alarm.arn("cloudwatch", f"alarm:{alarm.id}")},
    ),
    AwsType(
        "aws:cloudwatch/dashboard:Dashboard",
        replaced_by=("dashboardName",),
        id=lambda dashboard: str(dashboard.inputs.get("dashboardName")),
        outputs=lambda dashboard: {"dashboardArn": arn("cloudwatch", "", f"dashboard/{dashboard.id}")},
    ),
    AwsType(
        "aws:sns/topic:Topic",
        name=Name("name", 256),
        replaced_by=("name", "namePrefix", "fifoTopic"),
        id=lambda topic: topic.arn("sns", topic.name),
        outputs=lambda topic: {"arn": topic.id, "owner": ACCOUNT},
    ),
)
