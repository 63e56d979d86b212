"""Settings of a monitor."""

from typing import NotRequired, TypedDict

import pulumi

from ..references import DatabaseRef, FunctionRef, ProxyRef
from ..settings.checks import Checks, matching
from ..stack.args import StackSettings


class MonitorSettings(TypedDict):
    """Whom alarms tell."""

    alarm_topic_arn: NotRequired[pulumi.Input[str]]
    """SNS topic, not FIFO, that is told of alarms, of their end, and of the proxy's events; without it alarms are seen
    only in CloudWatch, and there is no event subscription. Its policy, and that of its key, must let CloudWatch and
    RDS's events publish (docs/runbook.md)."""


class MonitorArgs(TypedDict):
    """What to watch, by references, and whom to tell."""

    proxy: ProxyRef
    """The proxy, made here or existing."""
    database: DatabaseRef
    """What it stands in front of; without max_connections its own connections have no alarm."""
    functions: NotRequired[dict[str, FunctionRef]]
    """The functions that use it, by a name for each; none without it."""
    settings: NotRequired[MonitorSettings]
    """Whom to tell."""
    stack: NotRequired[StackSettings]
    """What holds for all resources; `profile` says how strict the alarms are."""


CHECKS: Checks = {
    "alarm_topic_arn": matching(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:.+", "the ARN of an SNS topic"),
}
