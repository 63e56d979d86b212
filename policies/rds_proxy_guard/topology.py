"""Which proxy, target group, target and database belong together: by dependency where there is one, else by name."""

import re
from collections.abc import Iterable
from functools import cached_property

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
        self.proxies = sorted(graph.of(Kind.PROXY), key=_urn, reverse=True)  # of two of one name the first counts
        self._by_name = {
            name.lower(): proxy for proxy in self.proxies for name in texts(proxy.read(*proxy.provider.proxy_name))
        }

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
                name = link.read(*link.provider.link_proxy)
                self._proxy_of[link.urn] = self._by_name.get(name.lower()) if isinstance(name, str) else None
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
            if proxy is not None:
                found.setdefault(proxy.urn, []).append(group)
            else:
                found.setdefault("", []).append(group)
        return found

    def may_have_another_group(self, proxy: Node) -> bool:
        """Whether a target group that cannot be told to be another's may be a proxy's."""
        named = isinstance(proxy.read(*proxy.provider.proxy_name), str)
        unmatched = self.groups.get("", ())
        if unmatched and (not named or self._some_without_name):
            return True
        return proxy.urn in self._made_elsewhere

    @cached_property
    def _some_without_name(self) -> bool:
        return any(not isinstance(group.read(*group.provider.link_proxy), str) for group in self.groups.get("", ()))

    @cached_property
    def _made_elsewhere(self) -> frozenset[str]:
        """The proxies that a resource of no type of its own takes something from, or names in its text."""
        found: set[str] = set()
        for node in self._graph.of(Kind.ANYTHING):
            names = [path[0] for path in node.provider.contents]
            found.update(urn for name in names for urn in node.fed_by(name))
            text = " ".join(text for name in names for text in strings(node.read(name))).lower()
            found.update(self._by_name[word].urn for word in set(_WORD.findall(text)) & self._by_name.keys())
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
                node = self._databases_by_name.get((path[0].rstrip("s"), name))
                found.add(node.urn if node else f"{path[0].rstrip('s')} {name}")
        return found

    def _whole(self, database: Node) -> Node:
        # An instance of a cluster may hand out the cluster's identifier: its connections are the cluster's.
        clusters = [node for node in self._graph.precisely(database, "clusterIdentifier") if node.kind is Kind.DATABASE]
        return clusters[0] if len(clusters) == 1 else database

    @cached_property
    def _databases_by_name(self) -> dict[tuple[str, str], Node]:
        found = {}
        for node in sorted(self._graph.of(Kind.DATABASE), key=_urn, reverse=True):
            for target in ("dbInstanceIdentifier", "dbClusterIdentifier"):
                kind_matches = ("luster" in node.token) == (target == "dbClusterIdentifier")
                for name in texts(node.first(node.provider.database_names)) if kind_matches else ():
                    found[target, name] = node
        return found


def _urn(node: Node) -> str:
    return node.urn
