"""A Lambda function must not go round the proxy: decided from values where they are known, else from the graph."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest

from ..configuration import IGNORED_KEYS, Configuration, patterns_option
from ..engines import Beside, shown_by
from ..environment import (
    is_database_alone,
    is_database_like,
    is_host_alone,
    is_host_like,
    is_link,
    is_proxy_like,
    is_reference_like,
    is_vague,
)
from ..graph import NAMED, Finding, Graph, Node, short_names
from ..hosts import endpoints_in, strings
from ..memory import Memory
from ..origins import Origin, Origins, Sign, Verdict
from ..reach import MOST
from ..resources import HOLDERS, Kind
from ..rule import ResourceRule, StackRule
from ..values import Json, dig, holds_unknown

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
    keys, beside = Keys(config), Beside(variables)
    found = []
    for name in sorted(filter(keys.read, variables)):
        direct = [each for each in endpoints_in(variables[name]) if each.direct]
        kinds: dict[bool | None, set[str]] = {}
        for each in direct:
            shown = shown_by(each)
            serves = memory.serves_host(each, beside.shown(name) if shown is None else shown)
            kinds.setdefault(serves, set()).add(each.kind)
        if any(pattern.search(text) for pattern in keys.direct_hosts for text in strings(variables[name])):
            kinds.setdefault(True, set()).add("own host name (directHostPatterns)")
        if True in kinds:
            text = f"Environment variable {name} holds a database's {' and '.join(sorted(kinds[True]))}. {_WHY} {_FIX}"
            found.append(Finding(function.urn, text))
        elif None in kinds:
            text = (
                f"Undecided: environment variable {name} holds the endpoint of a database whose engine is not stated. "
                f"Unless it is one without RDS Proxy, take the host from there. {_WHY}"
            )
            found.append(Finding(function.urn, text, decided=False))
    return found


def by_graph(graph: Graph, config: Configuration) -> list[Finding]:
    """Functions whose host is not a value yet, or comes out of a parameter, a secret or a DNS record."""
    functions = graph.of(Kind.FUNCTION)
    if not functions:
        return []
    judged = _Judged(graph, Keys(config))
    return [finding for function in functions if (finding := judged.finding(function))]


_PAGE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html"
BY_VALUE = ResourceRule(
    name="lambda-uses-rds-proxy",
    display_name="Lambda uses RDS Proxy",
    description="Lambda functions must connect to RDS through RDS Proxy, never straight to a database.",
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
    description="A database's host must come from an RDS Proxy, wherever a function finds it.",
    severity="high",
    remediation_steps="Set the host variable, or the parameter or record it reads, to the proxy's endpoint.",
    tags=("lambda", "connections"),
    url=_PAGE,
    options=(
        patterns_option("hostKeyPatterns", "More names of environment variables that carry a database's host."),
        IGNORED_KEYS,
    ),
    judged=Kind.FUNCTION,
    read=(Kind.DATABASE, Kind.PROXY, Kind.PROXY_ENDPOINT, Kind.TARGET, Kind.DNS_ZONE, *HOLDERS),
    judge=by_graph,
)


@dataclass(frozen=True)
class _Environment:
    """One function's variables, and what feeds them: `known` by name (None while the names are not known either)."""

    function: Node
    known: dict[str, Json] | None
    fed: frozenset[str]
    origin: Origin

    @cached_property
    def unknown(self) -> list[str]:
        """The variables whose values are not known."""
        return sorted(name for name, value in (self.known or {}).items() if holds_unknown(value))

    @cached_property
    def literals(self) -> dict[str, Json]:
        """The others."""
        return {name: value for name, value in (self.known or {}).items() if not holds_unknown(value)}

    def has_host(self, keys: Keys) -> bool:
        """Whether the database's host is known already."""
        return any(keys.carries_database_host(name) and not is_database_alone(name) for name in self.literals)


class _Judged:
    """The functions of a stack, one by one, over one walk of its graph."""

    def __init__(self, graph: Graph, keys: Keys) -> None:
        self._graph, self._keys = graph, keys
        self._origins = Origins(graph)
        self._below = self._origins.below()
        self._databases = frozenset(node.urn for node in graph.of(Kind.DATABASE, Kind.TARGET))
        self._secrets = frozenset(node.urn for node in graph.of(Kind.SECRET))
        # Each holder is judged once; a function only asks which of those that it is given are among these.
        verdicts = {node.urn: self._origins.verdict(node.urn) for node in graph.of(*HOLDERS)}
        self._holders = verdicts.keys()
        self._direct = frozenset(urn for urn, verdict in verdicts.items() if verdict is Verdict.DIRECT)
        self._perhaps = frozenset(urn for urn, verdict in verdicts.items() if verdict is Verdict.UNDECIDED)
        self._proxied = frozenset(urn for urn in verdicts if self._origins.of_holder(urn).proxies)
        self._in_secrets = frozenset(urn for urn in verdicts if self._origins.of_holder(urn).has(Sign.IN_SECRET))

    def finding(self, function: Node) -> Finding | None:
        """What is wrong with one function: what is decided before what is not."""
        path = function.provider.environment
        variables, fed = function.read(*path), frozenset(function.fed_by(path[0]))
        if variables is None and not fed:
            return None  # no environment at all
        known = (
            {name: value for name, value in variables.items() if self._keys.read(name)}
            if isinstance(variables, dict)
            else None
        )
        environment = _Environment(function, known, fed, self._origins.of(fed))
        found = [each for judge in (self._computed, self._linked, self._given) if (each := judge(environment))]
        return min(found, key=lambda finding: not finding.decided, default=None)

    def _computed(self, environment: _Environment) -> Finding | None:
        """A host that is not known yet: by all that feeds the environment, since which feeds what is not known."""
        origin, unknown = environment.origin, environment.unknown
        beside = Beside(environment.known or {})
        hosts = [name for name in unknown if self._keys.carries_host(name) and beside.shown(name) is not False]
        over_api = not origin.has(Sign.CONNECTED) and any(map(is_reference_like, unknown))
        if over_api or environment.has_host(self._keys):
            hosts = [name for name in hosts if not is_database_alone(name)]  # RESOURCE_ARN, DATABASE
        if not hosts and environment.known is not None:
            return None
        what = ", ".join(hosts) or "the environment"
        database_hosts = list(filter(self._keys.carries_database_host, hosts))
        databases = origin.databases | origin.unsure
        if not databases:
            if database_hosts and environment.fed <= self._secrets:
                what = f"{', '.join(database_hosts)} is not known yet and nothing in this stack feeds it"
                return _undecided(environment.function, what)
            return None
        if origin.proxies:
            database_hosts = [name for name in hosts if name in database_hosts or is_proxy_like(name)]
            # A proxy or proxy endpoint for every host, and something else to take from the database: nothing is left.
            enough = len(database_hosts) <= len(origin.proxies) or len(origin.proxies) >= MOST
            if len(database_hosts) < 2 or (enough and len(unknown) > len(hosts)):
                return None
            return _undecided(
                environment.function,
                f"{what} come from an RDS Proxy and from the database {short_names(databases)}, and the graph does not "
                "say which from which",
            )
        return self._by_database(environment, hosts, database_hosts)

    def _by_database(self, environment: _Environment, hosts: list[str], database_hosts: list[str]) -> Finding | None:
        """No proxy feeds the environment and a database does: its host, unless that may come from something else."""
        origin, function = environment.origin, environment.function
        databases = origin.databases | origin.unsure
        what = ", ".join(hosts) or "the environment"
        named_otherwise = not database_hosts and environment.known is not None
        over_api = not origin.has(Sign.CONNECTED) and named_otherwise
        references = list(filter(is_reference_like, environment.unknown))
        accounted = environment.has_host(self._keys) or any(over_api or is_database_like(name) for name in references)
        if named_otherwise and accounted and origin.has(Sign.ELSEWHERE):
            return None  # another service's host, beside the database's ARN or secret, or a host that is known already
        # A password can be part of a URL whose host is written in; it is none of a variable that is a host alone.
        alone = bool(database_hosts) and all(map(is_host_alone, database_hosts))
        in_url = origin.has(Sign.HOSTLESS) and not alone
        by_reference = bool(references) and not self._fed_by_database(environment)
        elsewhere = origin.has(Sign.ELSEWHERE) or (bool(hosts) and all(map(is_vague, hosts)))
        if origin.unsure or elsewhere or in_url or by_reference or (over_api and references):
            engine = ", whose engine is not stated" if origin.unsure else ""
            return _undecided(function, f"{what} may come from the database {short_names(databases)}{engine}")
        text = (
            f"{what} will be computed from the database {short_names(databases)}{_through(origin)}, and nothing in the "
            f"environment comes from an RDS Proxy. {_WHY} {_FIX} {_LATER}"
        )
        return Finding(function.urn, text)

    def _fed_by_database(self, environment: _Environment) -> bool:
        if not environment.fed.isdisjoint(self._databases):
            return True
        feeding = self._graph.feeding(environment.function, environment.function.provider.environment[0])
        return any(node.urn in self._databases for node in feeding)

    def _linked(self, environment: _Environment) -> Finding | None:
        """A link of SST holds all properties of what it links to."""
        origin = environment.origin
        links = list(filter(is_link, environment.unknown))
        if not links or origin.proxies or not origin.databases:
            return None
        what = f"{', '.join(links)} may hold the host of the database {short_names(origin.databases)}"
        return _undecided(environment.function, what)

    def _given(self, environment: _Environment) -> Finding | None:
        """What the function will find in the parameters, records and secrets that it was given, each by itself."""
        function, shown = environment.function, endpoints_in(list(environment.literals.values()))
        held, below, perhaps_below = self._named(environment)
        given = held | (environment.fed & self._holders)
        # What a value shows already is the other policy's finding.
        hosts = {each.host for each in shown}
        direct = (
            {urn for urn in given & self._direct if not self._repeats(urn, hosts)} if hosts else given & self._direct
        )
        if direct or below:
            where = self._described(direct | below)
            text = f"It is given {where}, which holds what comes from a database. {_WHY} Put the proxy's host there."
            return Finding(function.urn, text)
        perhaps = given & self._perhaps
        # A proxy's secret holds the direct host as well: with a host in sight the secret is for the login.
        if shown or environment.origin.proxies or not given.isdisjoint(self._proxied):
            perhaps -= self._in_secrets
        if perhaps or perhaps_below:
            where = self._described(perhaps | perhaps_below)
            return _undecided(function, f"it is given {where}, which may hold a database's host")
        return None

    def _named(self, environment: _Environment) -> tuple[set[str], set[str], set[str]]:
        """The holders that values name; of those below a path that one names, the first, and the same with doubt."""
        held: set[str] = set()
        below: set[str] = set()
        perhaps: set[str] = set()
        for name, value in environment.literals.items():
            named, paths = self._origins.references.in_variable(name, value)
            held |= named
            for path in paths:
                there, path_like = self._below.of(path), self._origins.references.is_path_like(name)
                # Of two hosts below one path, which one is read is not known.
                if path_like and not there.proxied:
                    below |= there.direct
                elif path_like or path:
                    perhaps |= there.direct
        return held, below, perhaps - below

    def _repeats(self, urn: str, hosts: set[str]) -> bool:
        node = self._graph.nodes[urn]
        held = {each.host for path in node.provider.contents for each in endpoints_in(node.read(*path))}
        return bool(held) and held <= hosts

    def _described(self, urns: Collection[str]) -> str:
        nodes = [self._graph.nodes[urn] for urn in nsmallest(NAMED, urns)]
        named = [f"{node.kind.value} {node.name}" for node in nodes]
        more = [f"{len(urns) - NAMED} more"] if len(urns) > NAMED else []
        return "the " + " and the ".join([*named, *more])


def _undecided(function: Node, what: str) -> Finding:
    return Finding(function.urn, f"Undecided: {what}. Check that its host is an RDS Proxy's. {_WHY}", decided=False)


def _through(origin: Origin) -> str:
    return f" through {short_names(origin.holders)}" if origin.holders else ""
