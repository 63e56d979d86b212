"""A Lambda function must not go round the proxy: decided from values where they are known, else from the graph."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..configuration import IGNORED_KEYS, Configuration, patterns_option
from ..environment import is_database_like, is_host_like, is_link, is_reference_like
from ..graph import Finding, Graph, Node, short_name
from ..hosts import endpoints_in, strings
from ..memory import Memory
from ..resources import HOLDERS, Kind
from ..rule import ResourceRule, StackRule
from ..topology import can_be_proxied
from ..values import Json, dig, holds_unknown, texts

_WHY = "Every execution environment would open connections of its own, and a burst exhausts the database."
_FIX = "Take the host from the RDS Proxy (or one of its endpoints) instead."
_LATER = "(Decided from the dependency graph; the value itself is checked during up.)"


class Keys:
    """Which variables to read: patterns of names beyond the pack's own, names to leave alone, hosts of one's own."""

    def __init__(self, config: Configuration) -> None:
        # Each of the two policies has one of these.
        self._host = config.values.get("hostKeyPatterns", ())
        self.direct_hosts = config.values.get("directHostPatterns", ())
        self._ignored = config["ignoreKeyPatterns"]

    def carries_host(self, name: str) -> bool:
        """Whether a variable carries a host, by its name."""
        return self.read(name) and (is_host_like(name) or any(pattern.search(name) for pattern in self._host))

    def carries_database_host(self, name: str) -> bool:
        """Whether it carries a relational database's host, by its name."""
        return self.carries_host(name) and (
            is_database_like(name) or any(pattern.search(name) for pattern in self._host)
        )

    def read(self, name: str) -> bool:
        """Whether a variable is looked at."""
        return not any(pattern.search(name) for pattern in self._ignored)


def by_value(function: Node, config: Configuration, memory: Memory) -> list[Finding]:
    """Every variable of one function whose value holds a database's own endpoint."""
    variables = dig(function.inputs, *function.provider.environment)
    if not isinstance(variables, dict):
        return []
    keys = Keys(config)
    unproxied = memory.unproxied()  # nothing better than their own endpoint can be asked for
    found = []
    for name in sorted(filter(keys.read, variables)):
        kinds = {
            each.kind for each in endpoints_in(variables[name]) if each.direct and each.identifier not in unproxied
        }
        if any(pattern.search(text) for pattern in keys.direct_hosts for text in strings(variables[name])):
            kinds.add("own host name (directHostPatterns)")
        if kinds:
            text = f"Environment variable {name} holds a database's {' and '.join(sorted(kinds))}. {_WHY} {_FIX}"
            found.append(Finding(function.urn, text))
    return found


def by_graph(graph: Graph, config: Configuration) -> list[Finding]:
    """Functions whose host is not a value yet, or comes out of a parameter, a secret or a DNS record."""
    functions = graph.of(Kind.FUNCTION)
    if not functions:
        return []
    sources, keys = _Sources(graph), Keys(config)
    return [finding for function in functions if (finding := _of_function(graph, function, sources, keys))]


_PAGE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html"
BY_VALUE = ResourceRule(
    name="lambda-uses-rds-proxy",
    display_name="Lambda uses RDS Proxy",
    description="Lambda functions connect to RDS through RDS Proxy, never straight to a database.",
    severity="high",
    remediation_steps="Set the host variable to the endpoint of an RDS Proxy in front of that database.",
    tags=("lambda", "connections"),
    url=_PAGE,
    options=(
        patterns_option("directHostPatterns", "Your own DNS names that lead straight to a database."),
        IGNORED_KEYS,
    ),
    kinds=(Kind.FUNCTION,),
    judge=by_value,
)
BY_GRAPH = StackRule(
    name="lambda-uses-rds-proxy-graph",
    display_name="Lambda uses RDS Proxy (by dependency)",
    description="A host that is still unknown comes from an RDS Proxy, not from a database.",
    severity="high",
    remediation_steps="Set the host variable, or the parameter or record it reads, to the proxy's endpoint.",
    tags=("lambda", "connections"),
    url=_PAGE,
    options=(
        patterns_option("hostKeyPatterns", "More names of environment variables that carry a database's host."),
        IGNORED_KEYS,
    ),
    judged=Kind.FUNCTION,
    read=(Kind.DATABASE, Kind.PROXY, Kind.PROXY_ENDPOINT, *HOLDERS),
    judge=by_graph,
)


def _of_function(graph: Graph, function: Node, sources: "_Sources", keys: Keys) -> Finding | None:
    path = function.provider.environment
    variables = function.read(*path)
    if variables is None and not any(function.fed_by(path[0])):
        return None  # no environment at all
    names_known = isinstance(variables, dict)
    known = {name: value for name, value in variables.items() if keys.read(name)} if names_known else {}
    literals = [value for value in known.values() if not holds_unknown(value)]
    shown = endpoints_in(literals)
    feeding = graph.feeding(function, path[0])
    named = sources.named_in(literals)
    # A Secret hands out its ARN and name only; what it holds is in its versions.
    fed = sources.of([node for node in feeding if node.kind is not Kind.SECRET])
    # A proxy's host that is a value already says nothing about a host that is not.
    proxies = sources.of([*feeding, *named]).proxies
    proxied = bool(proxies)
    unknown = [name for name, value in known.items() if holds_unknown(value)]
    hosts = sorted(filter(keys.carries_host, unknown))
    if hosts or not names_known:
        what = ", ".join(hosts) or "the environment"
        others = graph.feeds_others(function, path[0])
        database_hosts = [name for name in hosts if keys.carries_database_host(name)]
        if fed.databases and not proxied:
            elsewhere = names_known and not database_hosts and others
            by_arn = not any(node.kind is Kind.DATABASE for node in feeding) and any(map(is_reference_like, unknown))
            if elsewhere or by_arn:
                return _undecided(function, f"{what} may come from the database {_names(fed.databases)}")
            text = (
                f"{what} will be computed from the database {_names(fed.databases)}{_through(fed)}, and nothing "
                f"in the environment comes from an RDS Proxy. {_WHY} {_FIX} {_LATER}"
            )
            return Finding(function.urn, text)
        # A proxy or proxy endpoint for every host, and something else to take from the database: nothing is left over.
        explained = len(database_hosts) <= len(proxies) and len(unknown) > len(hosts)
        if fed.databases and len(database_hosts) > 1 and not explained:
            return _undecided(
                function,
                f"{what} come from an RDS Proxy and from the database {_names(fed.databases)}, and the graph does "
                "not say which from which",
            )
        if database_hosts and not proxied and not others and all(node.kind is Kind.SECRET for node in feeding):
            return _undecided(
                function, f"{', '.join(database_hosts)} is not known yet and nothing in this stack feeds it"
            )
    links = sorted(filter(is_link, unknown))
    if links and fed.databases and not proxied:
        return _undecided(function, f"{', '.join(links)} may hold the host of the database {_names(fed.databases)}")
    # A database's own host among the values is the other policy's finding.
    return None if proxied or shown else _by_reference(function, [*feeding, *named], sources)


def _by_reference(function: Node, held: list[Node], sources: "_Sources") -> Finding | None:
    """What the function will find in the parameters, records and secrets that it was given by name."""
    for holder in held:
        origin = sources.of([holder])
        if holder.kind not in HOLDERS or origin.proxies or not origin.databases:
            continue
        where = f"the {holder.kind.value} {holder.name}, which holds what comes from a database"
        if holder.kind in (Kind.SECRET, Kind.SECRET_VERSION):
            # Secrets of proxies hold the direct host as well; whether a function reads it, only its code says.
            return _undecided(function, f"it is given {where}, and no variable comes from an RDS Proxy")
        if origin.certain or _speaks_of_a_host(holder):
            text = f"It is given {where}, and no variable comes from an RDS Proxy. {_WHY} Put the proxy's host there."
            return Finding(function.urn, text)
    return None


def _undecided(function: Node, what: str) -> Finding:
    return Finding(function.urn, f"Undecided: {what}. Check that its host is an RDS Proxy's. {_WHY}", decided=False)


def _speaks_of_a_host(holder: Node) -> bool:
    own_names = [name.rsplit("/", 1)[-1] for name in texts(holder.read("name"))] or [holder.name]
    return holder.kind is Kind.DNS_RECORD or any(is_host_like(name) for name in [*own_names, holder.name])


@dataclass(frozen=True)
class _Origin:
    """Where a value comes from in the end; `certain` when a value shows it, not the graph alone."""

    databases: frozenset[str]
    proxies: frozenset[str]
    holders: frozenset[str]
    certain: bool


class _Sources:
    """Follows parameters, secrets and DNS records to the databases and proxies whose hosts they hold."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._versions: dict[str, list[Node]] = {}
        self._by_name: dict[str, Node] = {}
        holders = graph.of(*HOLDERS)
        for holder in holders:
            for path in holder.provider.holder_names:
                # A name that could be any word says nothing; paths, ARNs and domain names do.
                for name in texts(holder.read(*path)):
                    if re.search(r"[/.:]", name):
                        self._by_name.setdefault(name.rstrip("."), holder)
        for version in (holder for holder in holders if holder.kind is Kind.SECRET_VERSION):
            owners = [node.urn for node in graph.feeding(version, version.provider.secret[0])]
            named = self._by_name.get(str(version.read(*version.provider.secret)))
            for urn in {*owners, *([named.urn] if named else [])}:
                self._versions.setdefault(urn, []).append(version)

    def named_in(self, values: Iterable[Json]) -> list[Node]:
        """The holders whose name, ARN or domain name stands in a value."""
        if not self._by_name:
            return []
        found = (self._by_name.get(text.rstrip(".")) for value in values for text in strings(value))
        return list({holder.urn: holder for holder in found if holder}.values())

    def of(self, nodes: list[Node]) -> _Origin:
        """The databases and proxies that these are, or whose hosts they hold."""
        databases: set[str] = set()
        proxies: set[str] = set()
        holders: set[str] = set()
        certain = False
        todo, seen = list(nodes), set()
        while todo:
            node = todo.pop()
            if node.urn in seen:
                continue
            seen.add(node.urn)
            if node.kind is Kind.DATABASE and can_be_proxied(node):
                databases.add(node.urn)
            elif node.kind in (Kind.PROXY, Kind.PROXY_ENDPOINT):
                proxies.add(node.urn)
            elif node.kind in HOLDERS:
                shown = [each for path in node.provider.contents for each in endpoints_in(node.read(*path))]
                direct = [each for each in shown if each.direct]
                if shown:
                    # What it holds is known, and says more than what it was computed from.
                    (databases if direct else proxies).add(node.urn)
                    certain |= bool(direct)
                elif any(holds_unknown(node.read(*path)) for path in node.provider.contents):
                    todo.extend(self._graph.feeding(node, *(path[0] for path in node.provider.contents)))
                todo.extend(self._versions.get(node.urn, ()))
                if not {node.urn} & databases:
                    holders.add(node.urn)
        return _Origin(frozenset(databases), frozenset(proxies), frozenset(holders), certain)


def _names(urns: Iterable[str]) -> str:
    return ", ".join(sorted(map(short_name, urns)))


def _through(origin: _Origin) -> str:
    return f" through {_names(origin.holders)}" if origin.holders else ""
