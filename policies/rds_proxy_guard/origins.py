"""Where a value comes from in the end: databases, proxies, or something else that may be the host as well.

One walk over all that hands a host on: a parameter, a secret or a DNS record leads to what it was computed from and to
what its content names; a component to what it contains.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntFlag, auto

from .engines import Engines
from .environment import is_database_alone, is_host_alone, is_host_like, is_vague
from .graph import Graph, Node
from .hosts import endpoints_in
from .reach import Reach, few
from .references import References
from .resources import HOLDERS, SECRETS, Kind, has_no_host
from .values import holds_unknown, is_on, texts

_NONE: frozenset[str] = frozenset()


class Sign(IntFlag):
    """What else was seen on the way."""

    NOTHING = 0
    CERTAIN = auto()  # a content shows a database's own host
    ELSEWHERE = auto()  # something that is neither database nor proxy, and may be the host
    HOSTLESS = auto()  # something that can be part of a URL but never its host: a password, a key, a role
    IN_SECRET = auto()  # a secret that holds what comes from a database; whether a function reads it, its code says
    CONNECTED = auto()  # a database that is not reached over the Data API alone


class Verdict(Enum):
    """What a function finds in a holder."""

    DIRECT = "direct"
    UNDECIDED = "undecided"


@dataclass(frozen=True, eq=False, slots=True)
class Origin:
    """The first few databases and proxies, of `unsure` ones no engine is stated; `holders` were followed.

    A target hands out its database's host, but what takes its host from the proxy may only wait for the target.
    """

    known: frozenset[str] = _NONE
    targets: frozenset[str] = _NONE
    unsure: frozenset[str] = _NONE
    proxies: frozenset[str] = _NONE
    holders: frozenset[str] = _NONE
    signs: Sign = Sign.NOTHING

    @property
    def databases(self) -> frozenset[str]:
        """What hands out a database's host."""
        return self.known or (_NONE if self.proxies else self.targets)

    def has(self, sign: Sign) -> bool:
        """Whether something was seen."""
        return sign in self.signs


@dataclass(frozen=True)
class Below:
    """Of the parameters below a path the first few that hold a database's host, and whether one holds a proxy's."""

    direct: frozenset[str] = _NONE
    proxied: bool = False


EMPTY = Origin()
_OTHER_RECORDS = frozenset({"CAA", "DS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SSHFP", "TLSA", "TXT"})
"""Records whose content is no host to connect to."""
_ELSEWHERE, _HOSTLESS = Origin(signs=Sign.ELSEWHERE), Origin(signs=Sign.HOSTLESS)


def merged(origins: Iterable[Origin]) -> Origin:
    """What several values come from together; in whatever order."""
    known = {origin for origin in origins if origin is not EMPTY}
    if len(known) < 2:
        return known.pop() if known else EMPTY
    signs = Sign.NOTHING
    for each in {origin.signs for origin in known}:
        signs |= each
    return Origin(
        few({origin.known for origin in known}),
        few({origin.targets for origin in known}),
        few({origin.unsure for origin in known}),
        few({origin.proxies for origin in known}),
        few({origin.holders for origin in known}),
        signs,
    )


_Key = str | tuple[str]
"""A resource by its URN as what it hands out; in a tuple as the component whose parts do."""


class Origins:
    """The origins of a stack's values and the verdicts on its holders, each found once."""

    def __init__(self, graph: Graph) -> None:
        self._nodes = graph.nodes
        self._secrets = frozenset(node.urn for node in graph.of(Kind.SECRET))
        self.references = References(graph)
        self._reach: Reach[_Key, Origin] = Reach(_Steps(graph, self.references).of, merged)
        self._verdicts: dict[str, Verdict | None] = {}

    def of(self, urns: frozenset[str]) -> Origin:
        """What these resources hand out together; a secret itself hands out its name and ARN only."""
        kept = urns - self._secrets
        found = self._reach.of_all(kept)
        return found if len(kept) == len(urns) else merged([found, _HOSTLESS])

    def of_holder(self, urn: str) -> Origin:
        """What is in a holder, a secret's versions included."""
        return self._reach.of(urn)

    def verdict(self, urn: str) -> Verdict | None:
        """What a function that is given a holder finds there: a database's host, perhaps one, or nothing of it."""
        if urn not in self._verdicts:
            self._verdicts[urn] = self._judge(self._nodes[urn])
        return self._verdicts[urn]

    def below(self) -> Reach[str, Below]:
        """Path → what the parameters below it hold."""

        def step(path: str) -> tuple[Below, Iterable[str]]:
            if path not in self._nodes:
                return Below(), self.references.below(path)
            own, proxied = frozenset([path]), bool(self.of_holder(path).proxies)
            return Below(own if self.verdict(path) is Verdict.DIRECT else _NONE, proxied), ()

        def merge(found: Iterable[Below]) -> Below:
            known = list(found)
            return Below(few(each.direct for each in known), any(each.proxied for each in known))

        return Reach(step, merge)

    def _judge(self, holder: Node) -> Verdict | None:
        origin = self.of_holder(holder.urn)
        if not origin.databases and not origin.unsure:
            return None
        if holder.kind in SECRETS:
            # Secrets of proxies hold the direct host as well; whether a function reads it, only its code says.
            return None if origin.proxies else Verdict.UNDECIDED
        if origin.has(Sign.CERTAIN):
            return Verdict.DIRECT
        hosts = [name for name in _own_names(holder) if is_host_like(name)]
        if origin.proxies:
            return None
        if not (hosts or holder.kind is Kind.DNS_RECORD):
            return Verdict.UNDECIDED if origin.has(Sign.IN_SECRET) else None
        # A password can be part of a URL whose host is written in; a host alone has no such part.
        in_url = origin.has(Sign.HOSTLESS) and bool(hosts) and not any(map(is_host_alone, hosts))
        over_api = not origin.has(Sign.CONNECTED)  # then a parameter called "database" may hold the cluster's ARN
        vague = bool(hosts) and all(is_vague(name) or (over_api and is_database_alone(name)) for name in hosts)
        unclear = in_url or vague
        alone = bool(origin.databases) and not origin.has(Sign.ELSEWHERE) and not origin.unsure and not unclear
        return Verdict.DIRECT if alone else Verdict.UNDECIDED


class _Steps:
    """What each resource is itself, and where it leads."""

    def __init__(self, graph: Graph, references: References) -> None:
        self._graph, self._references, self._engines = graph, references, Engines(graph)
        self._versions: dict[str, set[str]] = {}
        for version in graph.of(Kind.SECRET_VERSION):
            owners = {node.urn for node in graph.feeding(version, version.provider.secret[0])}
            for urn in owners | references.in_content(version.read(*version.provider.secret)):
                self._versions.setdefault(urn, set()).add(version.urn)

    def of(self, key: _Key) -> tuple[Origin, Iterable[_Key]]:
        """One step of the walk."""
        if isinstance(key, tuple):
            below = self._graph.children.get(key[0], ())
            return EMPTY, [*((each,) for each in below), *(each for each in below if not self._is_furniture(each))]
        urn, node = key, self._graph.nodes.get(key)
        if node is None:
            return self._other(urn)
        if node.kind is Kind.DNS_RECORD and str(node.read("type")).upper() in _OTHER_RECORDS:
            return _ELSEWHERE, ()
        if node.kind in HOLDERS:
            return self._holder(node)
        if node.kind is Kind.DATABASE:
            return self._database(node), ()
        if node.kind is Kind.TARGET:
            return Origin(targets=frozenset([urn]), signs=Sign.CONNECTED), ()
        if node.kind in (Kind.PROXY, Kind.PROXY_ENDPOINT):
            return Origin(proxies=frozenset([urn])), ()
        return (_ELSEWHERE if node.kind is Kind.DNS_ZONE else _HOSTLESS), ()

    def _other(self, urn: str) -> tuple[Origin, Iterable[_Key]]:
        other = self._graph.others.get(urn)
        if other is not None and other.is_component:
            # A component package may keep its parts to itself.
            return (EMPTY, [(urn,)]) if urn in self._graph.children else (_ELSEWHERE, ())
        return (_HOSTLESS if other is not None and has_no_host(other.token) else _ELSEWHERE), ()

    def _is_furniture(self, urn: str) -> bool:
        """Whether a part of a component only stands beside its database: its groups, its password, its role."""
        node, other = self._graph.nodes.get(urn), self._graph.others.get(urn)
        if node is not None:
            return node.kind is Kind.SECRET  # what is in it is in its versions
        return other is not None and has_no_host(other.token)

    def _database(self, node: Node) -> Origin:
        serves = self._engines.serves(node)
        signs = Sign.NOTHING if is_on(node.read(*node.provider.data_api)) else Sign.CONNECTED
        own = frozenset([node.urn])
        if serves:
            return Origin(known=own, signs=signs)
        return Origin(unsure=own, signs=signs) if serves is None else _ELSEWHERE

    def _holder(self, node: Node) -> tuple[Origin, Iterable[_Key]]:
        contents = [node.read(*path) for path in node.provider.contents]
        hosts = self._engines.hosts_in(contents)
        proxied = any(not each.direct for each in endpoints_in(contents))
        own = frozenset([node.urn])
        following = set(self._versions.get(node.urn, ())) | self._references.in_content(contents)
        signs = Sign.IN_SECRET if node.kind is Kind.SECRET_VERSION else Sign.NOTHING
        if True in hosts:
            signs |= Sign.CONNECTED if node.kind in SECRETS else Sign.CERTAIN | Sign.CONNECTED
        if False in hosts:
            signs |= Sign.ELSEWHERE
        if not hosts and not proxied:
            if any(map(holds_unknown, contents)):
                fed = {urn for path in node.provider.contents for urn in node.fed_by(path[0])}
                following |= fed
                signs |= Sign.NOTHING if fed else Sign.ELSEWHERE
            elif not following:
                # A record always has a host of its own; a parameter whose content is known is no unknown host.
                signs |= Sign.ELSEWHERE if node.kind is Kind.DNS_RECORD else Sign.HOSTLESS
        origin = Origin(
            known=own if True in hosts else _NONE,
            unsure=own if None in hosts else _NONE,
            proxies=own if proxied else _NONE,
            holders=_NONE if True in hosts else own,
            signs=signs,
        )
        return origin, following - own


def _own_names(holder: Node) -> list[str]:
    """What a holder is called, without the path before it: in AWS and in the program."""
    return [*(name.rsplit("/", 1)[-1] for name in texts(holder.read("name"))), holder.name]
