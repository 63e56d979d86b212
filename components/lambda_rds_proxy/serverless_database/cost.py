"""What the choices of a stack cost per month, by the list prices of prices.json: one region, one month, with sources.

An estimate to compare choices with, not a bill: no requests, traffic, backups beyond the free ones, logs or Lambda. A
price that is not in the table makes its line, and then the sum, unknown rather than wrong.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..engines import TargetKind
from ..engines.instance_classes import SERVERLESS, vcpus
from ..monitor.metrics import custom_metrics

_PRICES: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_text())
_HOUR, _MONTH = _PRICES["perHour"], _PRICES["perMonth"]
HOURS = 730  # AWS's own month
# RDS Proxy pricing: at least 2 vCPUs, in front of Serverless v2 at least 8 ACUs.
_PROXY_LEAST_VCPUS, _PROXY_LEAST_ACUS = 2, 8


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
        return {
            "currency": "USD",
            "region": _PRICES["region"],
            "asOf": _PRICES["asOf"],
            "lines": dict(self.lines),
            "total": self.total,
        }

    def sentence(self, *, region: str) -> str:
        """One line for `pulumi preview` of a stack in a region."""
        parts = ", ".join(f"{name} {_amount(value)}" for name, value in self.lines.items())
        listed, when = _PRICES["region"], _PRICES["asOf"]
        elsewhere = "" if region == listed else f", not of {region}, where this stack is"
        return f"on AWS about {_amount(self.total)} a month ({parts}); list prices of {listed}{elsewhere}, {when}"


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
        functions: functions with the handler's metrics, paid for the hours in which they publish them. What one
            publishes only while it gets no connection is not in it.
    """
    lines: dict[str, float | None] = {}
    if new_database:
        if instance_class == SERVERLESS:
            lines["database"] = _month(_HOUR["auroraCapacityUnit"] * (min_acu or 0) * instances)
        elif kind is TargetKind.CLUSTER:
            # Its storage is paid for as it is used.
            lines["database"] = _instances(_HOUR["auroraInstance"], instance_class, instances)
        else:
            copies = 2 if multi_az else 1
            lines["database"] = _instances(_HOUR["instance"], instance_class, copies)
            lines["storage"] = round(_MONTH["gp3Gib"] * storage_gib * copies, 2)
    lines["proxy"] = _proxy(instance_class, instances, min_acu)
    if proxy_endpoints:
        lines["readerEndpoint"] = _month(_HOUR["endpointInZone"] * zones * proxy_endpoints)
    if secrets_endpoint:
        lines["secretsEndpoint"] = _month(_HOUR["endpointInZone"] * zones)
    lines["alarms"] = round(_MONTH["alarmMetric"] * metrics_of_alarms + _MONTH["compositeAlarm"], 2)
    lines["dashboard"] = _MONTH["dashboard"]
    if functions:
        lines["customMetrics"] = round(_MONTH["customMetric"] * custom_metrics(functions), 2)
    return MonthlyCost(lines=MappingProxyType(lines))


def _proxy(instance_class: str | None, instances: int, min_acu: float | None) -> float | None:
    if instance_class is None:
        return None
    if instance_class == SERVERLESS:
        return _month(_HOUR["proxyCapacityUnit"] * max((min_acu or 0) * instances, _PROXY_LEAST_ACUS))
    return _month(_HOUR["proxyVcpu"] * max(vcpus(instance_class), _PROXY_LEAST_VCPUS) * instances)


def _instances(prices: Mapping[str, float], instance_class: str | None, count: int) -> float | None:
    hour = prices.get(instance_class or "")
    return None if hour is None else _month(hour * count)


def _month(hour: float) -> float:
    return round(hour * HOURS, 2)


def _amount(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f} USD"
