"""What the choices of a stack cost per month, from one dated table of list prices.

An estimate to compare choices with, not a bill: no requests, traffic, backups beyond the free ones, logs or Lambda. A
price that is not in the table makes its line, and then the sum, unknown rather than wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..engines import TargetKind
from ..engines.instance_classes import SERVERLESS, vcpus
from ..monitor.metrics import OF_THE_HANDLER

# US East (N. Virginia), on demand, US dollars. AWS's own pages were out of reach: the price of an instance stands alike
# in two tables that others took from AWS's price list (terraform-provider-aws, internal/service/rds, instance classes
# of its tests, 2024-02; a reader of the bulk price list, 2026), and only classes that cost the same with PostgreSQL and
# MySQL are here. Aurora, Standard: a public table of both editions, 2026. Storage: "RDS pricing calculator" (usage.ai,
# June 2026). Proxy, endpoint: aws.amazon.com/rds/proxy/pricing and aws.amazon.com/privatelink/pricing. CloudWatch:
# aws.amazon.com/cloudwatch/pricing as several public repositories quote it alike, seen in 2026, partly undated. An
# account's free tier (10 alarm metrics, 10 custom metrics, 3 dashboards) is not taken off: it may be used up.
AS_OF = "2026-06"
REGION = "us-east-1"
HOURS = 730  # AWS's own month
_INSTANCE_HOUR: Mapping[str, float] = MappingProxyType(
    {
        "db.t4g.micro": 0.016,
        "db.t4g.small": 0.032,
        "db.t4g.medium": 0.065,
        "db.t4g.large": 0.129,
        "db.t4g.xlarge": 0.258,
        "db.m7g.large": 0.168,
        "db.m7g.xlarge": 0.337,
        "db.m7g.2xlarge": 0.674,
        "db.r7g.large": 0.239,
        "db.r7g.xlarge": 0.478,
    }
)
_AURORA_HOUR: Mapping[str, float] = MappingProxyType(
    {
        "db.t4g.medium": 0.073,
        "db.t4g.large": 0.146,
        "db.r6g.large": 0.260,
        "db.r6g.xlarge": 0.519,
        "db.r7g.large": 0.276,
        "db.r7g.xlarge": 0.553,
        "db.r7g.2xlarge": 1.106,
    }
)
_GP3_GIB_MONTH = 0.115
_AURORA_ACU_HOUR = 0.12
_PROXY_VCPU_HOUR, _PROXY_LEAST_VCPUS = 0.015, 2
_PROXY_ACU_HOUR, _PROXY_LEAST_ACUS = 0.015, 8
_ENDPOINT_ZONE_HOUR = 0.01
_ALARM_METRIC_MONTH, _COMPOSITE_ALARM_MONTH = 0.10, 0.50
_DASHBOARD_MONTH = 3.00
_CUSTOM_METRIC_MONTH = 0.30


@dataclass(frozen=True, kw_only=True)
class MonthlyCost:
    """US dollars per month by what they are for; None where the table has no price."""

    lines: Mapping[str, float | None]

    @property
    def total(self) -> float | None:
        """The sum, or None when a line is unknown."""
        known = [value for value in self.lines.values() if value is not None]
        return round(sum(known), 2) if len(known) == len(self.lines) else None

    def as_output(self) -> dict[str, object]:
        """The cost with the names of the stack output."""
        return {"currency": "USD", "region": REGION, "asOf": AS_OF, "lines": dict(self.lines), "total": self.total}

    def sentence(self) -> str:
        """One line for `pulumi preview`."""
        parts = ", ".join(f"{name} {_amount(value)}" for name, value in self.lines.items())
        return f"per month about {_amount(self.total)} ({parts}); list prices of {REGION}, {AS_OF}"


def monthly_cost(
    *,
    kind: TargetKind,
    instance_class: str | None,
    instances: int,
    min_acu: float | None,
    new_database: bool,
    multi_az: bool,
    storage_gib: int,
    proxy_endpoints: int,
    secrets_endpoint: bool,
    zones: int,
    metrics_of_alarms: int,
    functions: int,
) -> MonthlyCost:
    """The cost of one proxy, its database when it is new, the interface endpoints, and what watches them.

    Args:
        kind: what stands behind the proxy.
        instance_class: of its instances; None when it is not known.
        instances: of a cluster, the writer included; 1 of an instance.
        min_acu: lowest capacity of a serverless cluster, the least that it costs; else None.
        new_database: whether the database is made, and so paid for, by this stack.
        multi_az: whether an instance has a standby, which costs as much as it does.
        storage_gib: gp3 of an instance.
        proxy_endpoints: beside the default one, which costs nothing.
        secrets_endpoint: whether this stack makes an interface endpoint for Secrets Manager.
        zones: availability zones that endpoints stand in.
        metrics_of_alarms: metrics that alarms read, beside one composite alarm and one dashboard.
        functions: functions with the handler's metrics, each paid for the hours in which it publishes them.
    """
    lines: dict[str, float | None] = {}
    if new_database:
        if instance_class == SERVERLESS:
            lines["database"] = _month(_AURORA_ACU_HOUR * (min_acu or 0) * instances)
        elif kind is TargetKind.CLUSTER:
            # Its storage is paid for as it is used.
            lines["database"] = _instances(_AURORA_HOUR, instance_class, instances)
        else:
            copies = 2 if multi_az else 1
            lines["database"] = _instances(_INSTANCE_HOUR, instance_class, copies)
            lines["storage"] = round(_GP3_GIB_MONTH * storage_gib * copies, 2)
    lines["proxy"] = _proxy(instance_class, instances, min_acu)
    if proxy_endpoints:
        lines["readerEndpoint"] = _month(_ENDPOINT_ZONE_HOUR * zones * proxy_endpoints)
    if secrets_endpoint:
        lines["secretsEndpoint"] = _month(_ENDPOINT_ZONE_HOUR * zones)
    lines["alarms"] = round(_ALARM_METRIC_MONTH * metrics_of_alarms + _COMPOSITE_ALARM_MONTH, 2)
    lines["dashboard"] = _DASHBOARD_MONTH
    if functions:
        # The handler's own, and the timeouts that a filter counts.
        lines["customMetrics"] = round(_CUSTOM_METRIC_MONTH * functions * (len(OF_THE_HANDLER) + 1), 2)
    return MonthlyCost(lines=MappingProxyType(lines))


def _proxy(instance_class: str | None, instances: int, min_acu: float | None) -> float | None:
    if instance_class is None:
        return None
    if instance_class == SERVERLESS:
        return _month(_PROXY_ACU_HOUR * max((min_acu or 0) * instances, _PROXY_LEAST_ACUS))
    return _month(_PROXY_VCPU_HOUR * max(vcpus(instance_class), _PROXY_LEAST_VCPUS) * instances)


def _instances(prices: Mapping[str, float], instance_class: str | None, count: int) -> float | None:
    hour = prices.get(instance_class or "")
    return None if hour is None else _month(hour * count)


def _month(hour: float) -> float:
    return round(hour * HOURS, 2)


def _amount(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f} USD"
