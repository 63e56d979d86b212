"""Which proxy, target group, target and database belong together: by dependency where there is one, else by name."""

import re
from collections.abc import Iterable
from functools import cached_property

from .engines import family_of
from .graph import Graph, Node
from .hosts import strings
from .resources import Kind
from .values import UNKNOWN, texts

_WORD = re.compile(r"[a-z0-9-]+", re.ASCII)


class Topology:
    """The proxies of a stack and what they stand before."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._proxy_of: dict[str, Node | None] = {}
        self.proxies = sorted(graph.of(Kind.PROXY), key=_urn)
        self._by_name: dict[str, list[Node]] = {}
        for proxy in self.proxies:
            for name in texts(proxy.read(*proxy.provider.proxy_name)):
                self._by_name.setdefault(name.lower(), []).append(proxy)

    def proxy_of(self, link: Node) -> Node | None:
        """The proxy of a target group or target; None when it is not known, or not in this stack."""
        passed: list[str] = []
        while link.urn not in self._proxy_of and link.urn not in passed:
            passed.append(link.urn)
            feeding = self._graph.feeding(link, link.provider.link_proxy[0])
            proxies = [node for node in feeding if node.kind is Kind.PROXY]
            # A target may take the proxy's name from the target group.
            groups = [node for node in feeding if node.kind is Kind.TARGET_GROUP]
            if len(proxies) == 1:
                self._proxy_of[link.urn] = proxies[0]
            elif proxies or len(groups) != 1:
                named = self._by_name.get(_name_of(link), [])
                # Proxies of one name are in two regions or accounts: which of them is meant, a name does not say.
                self._proxy_of[link.urn] = named[0] if len(named) == 1 else None
            else:
                link = groups[0]
        found = self._proxy_of.get(link.urn)
        self._proxy_of.update(dict.fromkeys(passed, found))
        return found

    @cached_property
    def groups(self) -> dict[str, list[Node]]:
        """Proxy's URN → its target groups; under "" those whose proxy is not known, or not in this stack."""
        found: dict[str, list[Node]] = {}
        for group in sorted(self._graph.of(Kind.TARGET_GROUP), key=_urn):
            proxy = self.proxy_of(group)
            found.setdefault("" if proxy is None else proxy.urn, []).append(group)
        return found

    def may_have_another_group(self, proxy: Node) -> bool:
        """Whether a target group that cannot be told to be another's may be a proxy's."""
        name = proxy.read(*proxy.provider.proxy_name)
        own = {"", name.lower()} if isinstance(name, str) else self._unmatched
        return not self._unmatched.isdisjoint(own) or proxy.urn in self._made_elsewhere

    @cached_property
    def _unmatched(self) -> frozenset[str]:
        """The names of proxies whose target groups cannot be told to be one proxy's; "" for one that is not known."""
        return frozenset(map(_name_of, self.groups.get("", ())))

    @cached_property
    def _made_elsewhere(self) -> frozenset[str]:
        """The proxies that a resource of no type of its own takes something from, or names in its text."""
        found: set[str] = set()
        for node in self._graph.of(Kind.ANYTHING):
            names = [path[0] for path in node.provider.contents]
            found.update(urn for name in names for urn in node.fed_by(name))
            text = " ".join(text for name in names for text in strings(node.read(name))).lower()
            named = set(_WORD.findall(text)) & self._by_name.keys()
            found.update(proxy.urn for word in named for proxy in self._by_name[word])
        return frozenset(found)

    @cached_property
    def proxies_by_database(self) -> dict[str, list[Node]]:
        """A database's URN, or its identifier where it is not in this stack → the proxies before it."""
        found: dict[str, dict[str, Node]] = {}
        for link in self._graph.of(Kind.TARGET, Kind.TARGET_GROUP):
            proxy = self.proxy_of(link)
            if proxy is not None:
                for database in self._databases(link):
                    found.setdefault(database, {})[proxy.urn] = proxy
        return {database: list(proxies.values()) for database, proxies in found.items()}

    def _databases(self, link: Node) -> Iterable[str]:
        paths = link.provider.target_databases
        fed = [node for node in self._graph.precisely(link, *(path[0] for path in paths)) if node.kind is Kind.DATABASE]
        if fed:
            return {self._whole(node).urn for node in fed}
        found = set()
        for path in paths:
            value = link.read(*path)
            for name in texts(value) if value is not UNKNOWN else ():
                named = self._databases_by_name.get((path[0].rstrip("s"), name), [])
                if len(named) < 2:
                    elsewhere = [path[0].rstrip("s"), name, *texts(link.read(*link.provider.region))]
                    found.add(named[0].urn if named else " ".join(elsewhere))
        return found

    def _whole(self, database: Node) -> Node:
        # An instance of a cluster may hand out the cluster's identifier: its connections are the cluster's.
        clusters = [node for node in self._graph.precisely(database, "clusterIdentifier") if node.kind is Kind.DATABASE]
        return clusters[0] if len(clusters) == 1 else database

    @cached_property
    def _databases_by_name(self) -> dict[tuple[str, str], list[Node]]:
        found: dict[tuple[str, str], list[Node]] = {}
        for node in sorted(self._graph.of(Kind.DATABASE), key=_urn):
            family = family_of(node)
            # What belongs to a cluster may state the cluster's name, and is no target of its own.
            if family == "cluster" or (family == "instance" and "luster" not in node.token):
                for name in texts(node.first(node.provider.database_names)):
                    found.setdefault((f"db{family.title()}Identifier", name), []).append(node)
        return found


def _name_of(link: Node) -> str:
    """The name that a target group or target states for its proxy; "" where it states none."""
    return "".join(texts(link.read(*link.provider.link_proxy))).lower()


def _urn(node: Node) -> str:
    return node.urn
