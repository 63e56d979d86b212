"""What the proxies of each database may take of its connections, as the state has it. Pure.

A percent that no resource of the stack states is AWS's default; which one that is, and what is too much, the pack says.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rds_proxy_guard.graph import Graph, Node
from rds_proxy_guard.resources import kind_of
from rds_proxy_guard.topology import Topology
from rds_proxy_guard.values import UNKNOWN, number

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
    """The proxies of one database; `database` is its URN, else the target's argument and identifier, or None for
    a proxy without a target in this stack."""

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
    topology = Topology(Graph(_node(each) for each in resources if kind_of(each.token) is not None))
    percents = {proxy.urn: _percent(proxy, topology.groups.get(proxy.urn, [])) for proxy in topology.proxies}
    shared = [
        DatabasePercent(database=database, proxies=tuple(percents[proxy.urn] for proxy in proxies))
        for database, proxies in sorted(topology.proxies_by_database.items())
    ]
    placed = {each.urn for database in shared for each in database.proxies}
    alone = [each for each in percents.values() if each.urn not in placed]
    return shared + [DatabasePercent(database=None, proxies=(each,)) for each in alone]


def _node(resource: Resource) -> Node:
    return Node(
        urn=resource.urn,
        token=resource.token,
        inputs=resource.inputs,
        show=lambda: resource.outputs,
        fed_by=lambda name: resource.feeds.get(name, ()),
    )


def _percent(proxy: Node, groups: list[Node]) -> ProxyPercent:
    value = groups[0].read(*groups[0].provider.pool) if groups else None
    unknown = value is UNKNOWN
    return ProxyPercent(urn=proxy.urn, name=proxy.name, percent=None if unknown else number(value), unknown=unknown)
