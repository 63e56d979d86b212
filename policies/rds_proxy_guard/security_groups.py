"""What security groups let in: rules inline and of their own, by group, by address, by port.

Groups are compared by id where it is known, else by dependency.
"""

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

from .graph import Graph, Node, Other
from .reach import few
from .resources import CIDR_SOURCES, GROUP_SOURCES, LIST_SOURCES, Kind, kind_of
from .values import UNKNOWN, Json, dig, holds_unknown, is_on, number, texts

EVERY_PORT, _NO_PORT = (0.0, 65535.0), (1.0, 0.0)
_ANYONE = frozenset([""])
_NOBODY: frozenset[str] = frozenset()
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
class Ingress:
    """One rule that lets something in: `where` states it, `sources` are groups, each a URN or else an id."""

    where: Node
    sources: frozenset[str]
    certain: bool
    complete: bool
    cidrs: tuple[str, ...]
    ports: tuple[float, float] | None

    @property
    def open_to_the_world(self) -> bool:
        """Whether any address is let in."""
        return any(_admits_everyone(cidr) for cidr in self.cidrs)


class _Admission:
    """What the rules of one group admit: source ("" for what may be anyone) → ranges of ports, joined where that goes.

    Rules with the same sources are one: entries that are not known yet may admit any of the groups that feed them all.
    """

    def __init__(self, rules: Iterable[Ingress]) -> None:
        together: dict[frozenset[str], list[tuple[float, float]]] = {}
        for rule in rules:
            sources = rule.sources if rule.complete and not rule.cidrs else _ANYONE
            together.setdefault(sources, []).append(rule.ports or EVERY_PORT)
        self._ranges: dict[str, list[list[tuple[float, float]]]] = {}
        for sources, ranges in together.items():
            joined = _joined(ranges)
            for source in sources:
                self._ranges.setdefault(source, []).append(joined)

    def covers(self, sources: Iterable[str], port: float | None) -> bool:
        """Whether one of these is admitted on a port, as far as is known."""
        return any(self._holds(ranges, port) for source in {"", *sources} for ranges in self._ranges.get(source, ()))

    @staticmethod
    def _holds(ranges: list[tuple[float, float]], port: float | None) -> bool:
        if port is None or not ranges:
            return bool(ranges)
        index = bisect_right(ranges, (port, float("inf"))) - 1
        return index >= 0 and ranges[index][1] >= port


class SecurityGroups:
    """The security groups of a stack: who has which, and what each lets in."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._admissions: dict[str, _Admission] = {}
        self._clients: dict[frozenset[str], frozenset[str]] = {}
        self._fed: dict[tuple[str, ...], tuple[frozenset[str], bool]] = {}
        self._groups: dict[str, tuple[frozenset[str], bool]] = {}
        self._by_id = {
            text: node.urn
            for node in graph.of(Kind.SECURITY_GROUP)
            for path in node.provider.group_ids
            for text in texts(node.read(*path))
        }

    def groups(self, node: Node) -> tuple[frozenset[str], bool]:
        """The groups of a database or proxy, and whether these are all."""
        if node.urn not in self._groups:
            self._groups[node.urn] = self._groups_of(node)
        return self._groups[node.urn]

    def _groups_of(self, node: Node) -> tuple[frozenset[str], bool]:
        for path in node.provider.security_groups:
            value = node.read(*path)
            if value is not None or any(node.fed_by(path[0])):
                return self._resolve(node, path[0], value)
        return frozenset(), False

    @cached_property
    def rules(self) -> dict[str, list[Ingress]]:
        """Group → what it lets in, stated inline or by rules of their own; under "" rules whose group is not known."""
        found: dict[str, list[Ingress]] = {}
        for group in self.graph.of(Kind.SECURITY_GROUP):
            found.setdefault(group.urn, []).extend(self._inline(group))
        for rule in self.graph.of(Kind.INGRESS_RULE):
            if rule.read("type") == "egress":
                continue
            path = rule.provider.rule_group
            admitting, _ = self._resolve(rule, path[0], rule.read(*path))
            stated = {name: rule.read(name) for name in rule.provider.properties}
            sources, complete = self._sources(rule, stated, GROUP_SOURCES)
            if is_on(stated.get("self")):
                sources |= admitting
            for group_urn in admitting or {""}:
                ingress = _ingress(rule, stated, sources, certain=True, complete=complete)
                found.setdefault(group_urn, []).append(ingress)
        return found

    def admits(self, group: str, sources: frozenset[str], port: float | None) -> bool:
        """Whether a group admits one of these groups, or perhaps anyone, on a port."""
        if group not in self._admissions:
            self._admissions[group] = _Admission(self.rules.get(group, ()))
        return self._admissions[group].covers(sources, port)

    def clients(self, groups: frozenset[str]) -> frozenset[str]:
        """The names of the first few functions in these groups that anything else than Pulumi's Invocation calls."""
        if groups not in self._clients:
            self._clients[groups] = few([self._clients_by_group.get(group, _NOBODY) for group in groups])
        return self._clients[groups]

    @cached_property
    def _clients_by_group(self) -> dict[str, frozenset[str]]:
        return {
            group: few([frozenset(node.name for node in functions if node.urn not in self._only_invoked)])
            for group, functions in self.functions.items()
        }

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

    @cached_property
    def _only_invoked(self) -> frozenset[str]:
        """The functions that Pulumi's own Invocation is all that ever calls: no trigger, no permission, no URL."""
        calls = [other for other in self.graph.others.values() if kind_of(other.token) is Kind.INVOCATION]
        invoked = {urn for call in calls for urn in call.fed_by()} & self.graph.nodes.keys()
        users = self.graph.users(invoked) if invoked else {}
        return frozenset(urn for urn, using in users.items() if all(map(_never_calls, using)))

    def _inline(self, group: Node) -> list[Ingress]:
        path = group.provider.inline_ingress
        # The provider computes the list where the program states none; the inputs tell the two apart.
        stated = dig(group.outputs if group.inputs is None else group.inputs, *path)
        if holds_unknown(stated) and not holds_unknown(group.read(*path)):
            stated = group.read(*path)
        if stated is UNKNOWN:
            stated = [UNKNOWN]
        entries = stated if isinstance(stated, list) else []
        unclear = [any(holds_unknown(dig(each, name)) for name in GROUP_SOURCES) for each in entries]
        ports = {str([dig(each, name) for name in ("fromPort", "toPort")]) for each in compress(entries, unclear)}
        found = []
        for entry, is_unclear in zip(entries, unclear, strict=True):
            sources, complete = self._sources(group, entry, path)
            if is_on(dig(entry, "self")):
                sources |= {group.urn}
            certain = not is_unclear or len(ports) <= 1
            found.append(_ingress(group, entry, sources, certain=certain, complete=complete))
        return found

    def _sources(self, node: Node, stated: Json, properties: Iterable[str]) -> tuple[frozenset[str], bool]:
        """The groups that one rule admits, and whether these are all: unknown ones are those that feed it."""
        values = [dig(stated, name) for name in GROUP_SOURCES]
        found = {self._by_id.get(text, text) for value in values for text in texts(value)}
        if not any(map(holds_unknown, values)):
            return frozenset(found), True
        fed, complete = self._feeding(node, *properties)
        return (frozenset(found | fed) if found else fed), complete

    def _resolve(self, node: Node, property_name: str, value: Json) -> tuple[frozenset[str], bool]:
        found = {self._by_id.get(text, text) for text in texts(value)}
        if not holds_unknown(value):
            return frozenset(found), True
        fed, complete = self._feeding(node, property_name)
        return (frozenset(found | fed) if found else fed), complete

    def _feeding(self, node: Node, *properties: str) -> tuple[frozenset[str], bool]:
        """The groups that feed properties, and whether nothing else does."""
        key = (node.urn, *properties)
        if key not in self._fed:
            feeding = self.graph.precisely(node, *properties)
            fed = frozenset(each.urn for each in feeding if each.kind is Kind.SECURITY_GROUP)
            self._fed[key] = fed, bool(fed) and not self.graph.feeds_others(node, *properties)
        return self._fed[key]


def _ingress(where: Node, stated: Json, sources: frozenset[str], *, certain: bool, complete: bool) -> Ingress:
    cidr_values = [dig(stated, name) for name in (*CIDR_SOURCES, *LIST_SOURCES)]
    return Ingress(
        where=where,
        sources=sources,
        certain=certain,
        complete=complete and not any(map(holds_unknown, cidr_values)),
        cidrs=tuple(text for value in cidr_values for text in texts(value)),
        ports=_ports(stated),
    )


def _ports(stated: Json) -> tuple[float, float] | None:
    protocol = next((value for name in ("protocol", "ipProtocol") if (value := dig(stated, name)) is not None), None)
    if protocol not in (None, UNKNOWN):
        named = str(protocol).lower().removesuffix(".0")
        if named not in ("tcp", "6"):  # databases speak no other
            return EVERY_PORT if named in ("-1", "all") else _NO_PORT
    low, high = number(dig(stated, "fromPort")), number(dig(stated, "toPort"))
    return None if low is None or high is None else (low, high)


def _never_calls(user: Other) -> bool:
    # A proxy may wait for one; an Invocation is Pulumi's own call.
    return user.token in _WATCHERS or kind_of(user.token) in (Kind.PROXY, Kind.INVOCATION)


def _admits_everyone(cidr: str) -> bool:
    try:
        return ipaddress.ip_network(cidr.strip(), strict=False).prefixlen == 0
    except ValueError:
        return False


def _joined(ranges: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same ports as ranges that do not overlap, in order."""
    found: list[tuple[float, float]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found
