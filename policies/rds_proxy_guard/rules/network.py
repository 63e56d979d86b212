"""The way to a database is through its proxy: its security group admits the proxy's, not the world and no function's.

Judged for databases that a proxy of the same stack stands before. Bastions, EC2, containers and anything else that is
let in are nobody's business here. Groups are compared by id where it is known, else by dependency.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..configuration import Configuration
from ..graph import Finding, Graph, Node, Other, short_name
from ..resources import CIDR_SOURCES, GROUP_SOURCES, LIST_SOURCES, Kind, kind_of
from ..rule import StackRule
from ..topology import Topology
from ..values import UNKNOWN, Json, dig, holds_unknown, number, texts

# Default ports by the beginning of the engine's name: RDS API reference, CreateDBInstance, Port.
_PORTS = {
    "postgres": 5432,
    "aurora-postgresql": 5432,
    "mysql": 3306,
    "mariadb": 3306,
    "aurora": 3306,
    "sqlserver": 1433,
}
# They name a function without ever calling it.
_WATCHERS = frozenset(
    {
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        "aws:cloudwatch/dashboard:Dashboard",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        "aws:iam/policy:Policy",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig",
        "aws:lambda/runtimeManagementConfig:RuntimeManagementConfig",
        "aws-native:cloudwatch:Alarm",
        "aws-native:cloudwatch:Dashboard",
        "aws-native:logs:LogGroup",
        "aws-native:logs:MetricFilter",
    }
)


@dataclass(frozen=True, kw_only=True)
class _Ingress:
    """One rule that lets something in: `where` states it, `sources` are groups, each a URN or else an id."""

    where: Node
    sources: frozenset[str]
    certain: bool
    complete: bool
    cidrs: tuple[str, ...]
    ports: tuple[float, float] | None

    def covers(self, port: float | None) -> bool | None:
        """Whether it opens a port; None when that is not known."""
        if self.ports == (0.0, 65535.0):
            return True
        return None if port is None or self.ports is None else self.ports[0] <= port <= self.ports[1]

    @property
    def open_to_the_world(self) -> bool:
        """Whether any address is let in."""
        return any(_admits_everyone(cidr) for cidr in self.cidrs)


def by_graph(graph: Graph, _: Configuration) -> list[Finding]:
    """What is wrong on the way from each proxy to its database, and who else is let in."""
    topology = Topology(graph)
    databases = {
        graph.nodes[urn]: proxies for urn, proxies in topology.proxies_by_database.items() if urn in graph.nodes
    }
    if not databases:
        return []
    network = _Network(graph)
    found: dict[tuple[str, str], Finding] = {}
    for database, proxies in databases.items():
        for finding in [*_not_admitted(network, database, proxies), *_let_in(network, database)]:
            found[finding.urn, finding.text] = finding
    return list(found.values())


BY_GRAPH = StackRule(
    name="rds-proxy-network",
    display_name="The network leads through the proxy",
    description="A database behind an RDS Proxy admits the proxy, and neither the world nor Lambda functions.",
    severity="medium",
    remediation_steps="Let the database's group admit the proxy's group, and the proxy's admit the functions'.",
    tags=("rds-proxy", "network"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-network-prereqs.html",
    advisory=True,
    judged=Kind.PROXY,
    read=(Kind.TARGET_GROUP, Kind.TARGET, Kind.DATABASE, Kind.FUNCTION, Kind.SECURITY_GROUP, Kind.INGRESS_RULE),
    judge=by_graph,
)


def _not_admitted(network: "_Network", database: Node, proxies: Iterable[Node]) -> Iterable[Finding]:
    groups, all_known = network.groups(database)
    # Rules of a group that others own are not in this stack, and neither are those of one that cannot be identified.
    if not groups or not all_known or "" in network.rules or not all(group in network.graph.nodes for group in groups):
        return
    port = _port(database)
    rules = [rule for group in groups for rule in network.rules.get(group, ()) if rule.covers(port) is not False]
    for proxy in proxies:
        own, known = network.groups(proxy)
        if not own or not known or any(rule.sources & own or rule.cidrs or not rule.complete for rule in rules):
            continue
        names = ", ".join(sorted(map(short_name, own)))
        yield Finding(
            database.urn,
            f"Its security group {_names(groups)} does not admit the group {names} of its proxy {proxy.name}, so the "
            f"proxy's target never becomes available. Add an ingress rule from that group on the database's port.",
        )


def _let_in(network: "_Network", database: Node) -> Iterable[Finding]:
    port = _port(database)
    for group in sorted(network.groups(database)[0]):
        for rule in network.rules.get(group, ()):
            if not rule.covers(port):
                continue
            if rule.open_to_the_world:
                yield Finding(
                    rule.where.urn,
                    f"It opens the port of the database {database.name} to every address. Whoever connects goes round "
                    "the proxy and takes connections from it. Admit the proxy's security group instead.",
                )
            clients = [
                function
                for source in rule.sources
                for function in (network.functions.get(source, ()) if rule.certain else ())
                if not network.only_invoked(function)
            ]
            if clients:
                names = ", ".join(sorted({function.name for function in clients})[:5])
                yield Finding(
                    rule.where.urn,
                    f"It admits the security group of the Lambda function {names} to the database {database.name}, "
                    "which opens a way round the proxy. Admit the proxy's group only, and let the functions' group "
                    "into the proxy's.",
                )


class _Network:
    """The security groups of a stack: who has which, and what each lets in."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._by_id = {
            text: node.urn
            for node in graph.of(Kind.SECURITY_GROUP)
            for path in node.provider.group_ids
            for text in texts(node.read(*path))
        }

    def groups(self, node: Node) -> tuple[frozenset[str], bool]:
        """The groups of a database or proxy, and whether these are all."""
        for path in node.provider.security_groups:
            value = node.read(*path)
            if value is not None or any(node.fed_by(path[0])):
                return self._resolve(node, path[0], value)
        return frozenset(), False

    @cached_property
    def rules(self) -> dict[str, list[_Ingress]]:
        """Group → what it lets in, stated inline or by rules of their own; under "" rules whose group is not known."""
        found: dict[str, list[_Ingress]] = {}
        for group in self.graph.of(Kind.SECURITY_GROUP):
            found.setdefault(group.urn, []).extend(self._inline(group))
        for rule in self.graph.of(Kind.INGRESS_RULE):
            if rule.read("type") == "egress":
                continue
            path = rule.provider.rule_group
            admitting, _ = self._resolve(rule, path[0], rule.read(*path))
            stated = {name: rule.read(name) for name in rule.provider.properties}
            sources, complete = self._sources(rule, stated, GROUP_SOURCES)
            if _is_on(stated.get("self")):
                sources |= admitting
            for group_urn in admitting or {""}:
                ingress = _ingress(rule, stated, sources, certain=True, complete=complete)
                found.setdefault(group_urn, []).append(ingress)
        return found

    @cached_property
    def functions(self) -> dict[str, list[Node]]:
        """Group → the Lambda functions that are in it."""
        found: dict[str, list[Node]] = {}
        for function in self.graph.of(Kind.FUNCTION):
            path = function.provider.function_groups
            ids = {self._by_id.get(text, text) for text in texts(function.read(*path))}
            fed = {node.urn for node in self.graph.precisely(function, path[0]) if node.kind is Kind.SECURITY_GROUP}
            for group in ids | fed:
                found.setdefault(group, []).append(function)
        return found

    def only_invoked(self, function: Node) -> bool:
        """Whether Pulumi's own Invocation is all that ever calls a function: no trigger, no permission, no URL."""
        users = self.graph.users.get(function.urn, [])
        invoked = [user for user in users if kind_of(user.token) is Kind.INVOCATION]
        return bool(invoked) and all(_never_calls(user) or user in invoked for user in users)

    def _inline(self, group: Node) -> list[_Ingress]:
        path = group.provider.inline_ingress
        # The provider computes the list where the program states none; the inputs tell the two apart.
        stated = dig(group.outputs if group.inputs is None else group.inputs, *path)
        if holds_unknown(stated) and not holds_unknown(group.read(*path)):
            stated = group.read(*path)
        if stated is UNKNOWN:
            stated = [UNKNOWN]
        entries = stated if isinstance(stated, list) else []
        unclear = [each for each in entries if any(holds_unknown(dig(each, name)) for name in GROUP_SOURCES)]
        one_way = len({str([dig(each, name) for name in ("fromPort", "toPort")]) for each in unclear}) <= 1
        found = []
        for entry in entries:
            sources, complete = self._sources(group, entry, path)
            if _is_on(dig(entry, "self")):
                sources |= {group.urn}
            found.append(_ingress(group, entry, sources, certain=entry not in unclear or one_way, complete=complete))
        return found

    def _sources(self, node: Node, stated: Json, properties: Iterable[str]) -> tuple[frozenset[str], bool]:
        """The groups that one rule admits, and whether these are all: unknown ones are those that feed it."""
        values = [dig(stated, name) for name in GROUP_SOURCES]
        found = {self._by_id.get(text, text) for value in values for text in texts(value)}
        if not any(map(holds_unknown, values)):
            return frozenset(found), True
        fed = {each.urn for each in self.graph.precisely(node, *properties) if each.kind is Kind.SECURITY_GROUP}
        return frozenset(found | fed), bool(fed) and not self.graph.feeds_others(node, *properties)

    def _resolve(self, node: Node, property_name: str, value: Json) -> tuple[frozenset[str], bool]:
        found = {self._by_id.get(text, text) for text in texts(value)}
        if not holds_unknown(value):
            return frozenset(found), True
        fed = {each.urn for each in self.graph.precisely(node, property_name) if each.kind is Kind.SECURITY_GROUP}
        return frozenset(found | fed), bool(fed) and not self.graph.feeds_others(node, property_name)


def _ingress(where: Node, stated: Json, sources: frozenset[str], *, certain: bool, complete: bool) -> _Ingress:
    cidr_values = [dig(stated, name) for name in (*CIDR_SOURCES, *LIST_SOURCES)]
    return _Ingress(
        where=where,
        sources=sources,
        certain=certain,
        complete=complete and not any(map(holds_unknown, cidr_values)),
        cidrs=tuple(text for value in cidr_values for text in texts(value)),
        ports=_ports(stated),
    )


def _ports(stated: Json) -> tuple[float, float] | None:
    protocol = next((value for name in ("protocol", "ipProtocol") if (value := dig(stated, name)) is not None), None)
    if protocol is not UNKNOWN and str(protocol).lower() in ("-1", "-1.0", "all"):
        return 0.0, 65535.0
    low, high = number(dig(stated, "fromPort")), number(dig(stated, "toPort"))
    return None if low is None or high is None else (low, high)


def _port(database: Node) -> float | None:
    stated = number(database.read(*database.provider.port))
    if stated is not None:
        return stated
    engine = database.read(*database.provider.engine)
    found = [port for begin, port in _PORTS.items() if isinstance(engine, str) and engine.lower().startswith(begin)]
    return found[0] if found else None


def _never_calls(user: Other) -> bool:
    return user.token in _WATCHERS or kind_of(user.token) is Kind.PROXY  # which may wait for one


def _admits_everyone(cidr: str) -> bool:
    try:
        return ipaddress.ip_network(cidr.strip(), strict=False).prefixlen == 0
    except ValueError:
        return False


def _is_on(value: Json) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _names(urns: Iterable[str]) -> str:
    return ", ".join(sorted(map(short_name, urns)))
