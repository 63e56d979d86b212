"""The way to a database is through its proxy: its security group admits the proxy's, not the world and no function's.

Judged for databases that a proxy of the same stack stands before. Bastions, EC2, containers and anything else that is
let in are nobody's business here.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from ..configuration import Configuration
from ..engines import port_of
from ..graph import NAMED, Finding, Graph, Node, listed, short_names
from ..resources import Kind
from ..rule import StackRule
from ..security_groups import EVERY_PORT, Ingress, SecurityGroups
from ..topology import Topology


def by_graph(graph: Graph, _: Configuration) -> list[Finding]:
    """What is wrong on the way from each proxy to its database, and who else is let in."""
    topology = Topology(graph)
    databases = {
        graph.nodes[urn]: proxies for urn, proxies in topology.proxies_by_database.items() if urn in graph.nodes
    }
    if not databases:
        return []
    network = SecurityGroups(graph)
    found = [
        *(each for database, proxies in databases.items() for each in _not_admitted(network, database, proxies)),
        *_let_in(network, databases),
    ]
    return list({(each.urn, each.text): each for each in found}.values())


BY_GRAPH = StackRule(
    name="rds-proxy-network",
    display_name="The network leads through the proxy",
    description="A database behind an RDS Proxy must admit the proxy, and neither the world nor Lambda functions.",
    severity="medium",
    remediation_steps="Let the database's group admit the proxy's group, and the proxy's admit the functions'.",
    tags=("rds-proxy", "network"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-network-prereqs.html",
    advisory=True,
    judged=Kind.PROXY,
    read=(Kind.TARGET_GROUP, Kind.TARGET, Kind.DATABASE, Kind.FUNCTION, Kind.SECURITY_GROUP, Kind.INGRESS_RULE),
    judge=by_graph,
)


def _not_admitted(network: SecurityGroups, database: Node, proxies: Iterable[Node]) -> Iterable[Finding]:
    groups, all_known = network.groups(database)
    # Rules of a group that others own are not in this stack, and neither are those of one that cannot be identified.
    if not groups or not all_known or "" in network.rules or not all(group in network.graph.nodes for group in groups):
        return
    port = port_of(database)
    for proxy in proxies:
        own, known = network.groups(proxy)
        if not own or not known or any(network.admits(group, own, port) for group in groups):
            continue
        yield Finding(
            database.urn,
            f"Its security group {short_names(groups)} does not admit the group {short_names(own)} of its proxy "
            f"{proxy.name}, so the proxy's target never becomes available. Add an ingress rule from that group on the "
            "database's port.",
        )


def _let_in(network: SecurityGroups, databases: Iterable[Node]) -> Iterable[Finding]:
    """One finding for a rule and what is wrong with it, however many databases it opens."""
    behind: dict[str, list[Node]] = {}
    for database in databases:
        for group in network.groups(database)[0]:
            behind.setdefault(group, []).append(database)
    for group, members in behind.items():
        ports = _Ports(members)
        for rule in network.rules.get(group, ()):
            opened = ports.opened_by(rule)
            if not opened:
                continue
            if rule.open_to_the_world:
                yield Finding(
                    rule.where.urn,
                    f"It opens the port of the database {opened} to every address. Whoever connects goes round the "
                    "proxy and takes connections from it. Admit the proxy's security group instead.",
                )
            clients = network.clients(rule.sources) if rule.certain else None
            if clients:
                yield Finding(
                    rule.where.urn,
                    f"It admits the security group of the Lambda function {', '.join(sorted(clients)[:NAMED])} to the "
                    f"database {opened}, which opens a way round the proxy. Admit the proxy's group only, and let the "
                    "functions' group into the proxy's.",
                )


class _Ports:
    """The databases of a group by their ports: each rule opens those of a range."""

    def __init__(self, databases: list[Node]) -> None:
        known = sorted((port, node.name) for node in databases if (port := port_of(node)) is not None)
        self._ports, self._names = [port for port, _ in known], [name for _, name in known]
        self._first = sorted(node.name for node in databases)[: NAMED + 1]

    def opened_by(self, rule: Ingress) -> str:
        """The names of those that a rule opens for certain; "" if there is none."""
        if rule.ports == EVERY_PORT:
            return listed(self._first)
        if rule.ports is None:
            return ""
        begin, end = bisect_left(self._ports, rule.ports[0]), bisect_right(self._ports, rule.ports[1])
        return listed(sorted(self._names[begin : min(end, begin + NAMED + 1)]))
