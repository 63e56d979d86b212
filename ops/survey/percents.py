"""What the proxies of each database may take of its connections, as the state has it. Pure.

A percent that no resource of the stack states is AWS's default; which one that is, and what is too much, the pack says.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rds_proxy_guard.resources import Kind, kind_of, provider_of
from rds_proxy_guard.values import UNKNOWN, dig, number

from .exports import Resource


@dataclass(frozen=True, kw_only=True)
class ProxyPercent:
    """One proxy's maxConnectionsPercent: None when it is AWS's default, or when it is a secret (`unknown`)."""

    urn: str
    name: str
    percent: float | None
    unknown: bool = False

    def __str__(self) -> str:
        return "unknown" if self.unknown else "AWS's default" if self.percent is None else f"{self.percent:g}"


@dataclass(frozen=True, kw_only=True)
class DatabasePercent:
    """The proxies of one database; `database` is None for a proxy without a target in this stack."""

    database: str | None
    proxies: tuple[ProxyPercent, ...]

    @property
    def total(self) -> float | None:
        """The sum, or None when a proxy's percent is not known as a number."""
        percents = [each.percent for each in self.proxies if each.percent is not None]
        return sum(percents) if len(percents) == len(self.proxies) else None

    def __str__(self) -> str:
        parts = " + ".join(map(str, self.proxies))
        return f"{parts} = {self.total:g}" if len(self.proxies) > 1 and self.total is not None else parts


def database_percents(resources: Iterable[Resource]) -> list[DatabasePercent]:
    """The proxies of a stack by the database they stand before; a proxy of two databases counts for both."""
    inspected = [each for each in resources if kind_of(each.token) is not None]
    groups = [each for each in inspected if kind_of(each.token) is Kind.TARGET_GROUP]
    links = groups + [each for each in inspected if kind_of(each.token) is Kind.TARGET]
    by_database: dict[str, list[ProxyPercent]] = {}
    alone = []
    for proxy in inspected:
        # A reader endpoint is of the proxy's kind, but shares the connections of its proxy.
        if kind_of(proxy.token) is not Kind.PROXY or proxy.token.endswith("Endpoint"):
            continue
        name = _either(proxy, *provider_of(proxy.token).proxy_name)
        percent = _percent(proxy, [group for group in groups if _either(group, "dbProxyName") == name])
        databases = {
            identifier for link in links if _either(link, "dbProxyName") == name for identifier in _databases(link)
        }
        for database in databases:
            by_database.setdefault(database, []).append(percent)
        if not databases:
            alone.append(DatabasePercent(database=None, proxies=(percent,)))
    shared = [DatabasePercent(database=name, proxies=tuple(each)) for name, each in sorted(by_database.items())]
    return shared + alone


def _percent(proxy: Resource, groups: list[Resource]) -> ProxyPercent:
    value = _either(groups[0], *provider_of(groups[0].token).pool) if groups else None
    unknown = value is UNKNOWN
    return ProxyPercent(urn=proxy.urn, name=proxy.name, percent=None if unknown else number(value), unknown=unknown)


def _databases(link: Resource) -> list[str]:
    found = [_either(link, name) for name in provider_of(link.token).target_databases]
    flat = [item for value in found for item in (value if isinstance(value, list) else [value])]
    return [item for item in flat if isinstance(item, str)]


def _either(resource: Resource, *path: str) -> Any:  # noqa: ANN401 - JSON
    """What the program stated, else what the provider answered."""
    stated = dig(dict(resource.inputs), *path)
    return dig(dict(resource.outputs), *path) if stated is None else stated
