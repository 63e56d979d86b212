"""A stack's resources as the rules see them: properties, parents, and which resource feeds which property."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .reach import MOST, Reach, few
from .resources import Kind, Path, Provider, kind_of, provider_of
from .values import UNKNOWN, Json, dig, holds_unknown

NAMED = 5
"""So many things of one kind a message names."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One resource that rules inspect; `show` reads its outputs, `fed_by` says which URNs a property depends on.

    `inputs` are what the resource stage saw in this operation (None when it saw nothing), `outputs` what the stack
    stage sees. At preview the outputs hide much: one unknown value makes a function's whole environment unknown.
    """

    urn: str
    token: str
    show: Callable[[], Json]
    inputs: Json = None
    fed_by: Callable[[str], Iterable[str]] = lambda _: ()

    @cached_property
    def outputs(self) -> Json:
        """What the stack stage sees; read when it is asked for, since inputs mostly do."""
        return self.show()

    @property
    def provider(self) -> Provider:
        """The row of its provider."""
        return provider_of(self.token)

    @property
    def kind(self) -> Kind:
        """What it is."""
        kind = kind_of(self.token)
        assert kind is not None, self.token  # noqa: S101 - nodes are made of inspected types only
        return kind

    @property
    def name(self) -> str:
        """The last part of its URN."""
        return short_name(self.urn)

    def read(self, *path: str) -> Json:
        """What is stated at a path, else what is computed there, whichever is known better."""
        stated = dig(self.inputs, *path)
        if stated is not None and not holds_unknown(stated):
            return stated
        computed = dig(self.outputs, *path)
        return computed if stated in (None, UNKNOWN) or not holds_unknown(computed) else stated

    def first(self, paths: Iterable[Path]) -> Json:
        """The first of these paths at which something stands."""
        return next((found for path in paths if (found := self.read(*path)) is not None), None)


@dataclass(frozen=True, kw_only=True)
class Other:
    """A resource of whatever type: where it stands in the graph; `fed_by` says what all its properties depend on."""

    urn: str
    token: str
    parent: str | None = None
    fed_by: Callable[[], Iterable[str]] = lambda: ()

    @property
    def is_component(self) -> bool:
        """Whether it is a component by its type: those of providers have a "/" or belong to a native one."""
        return "/" not in self.token and not self.token.startswith(("aws-native:", "pulumi:", "pulumi-"))


class Graph:
    """The inspected resources of a stack by URN, and on demand all the others."""

    def __init__(self, nodes: Iterable[Node], everything: Callable[[], Iterable[Other]] = tuple) -> None:
        self.nodes = {node.urn: node for node in nodes}
        self._everything = everything
        self._by_kind: dict[Kind, list[Node]] = {}
        for node in self.nodes.values():
            self._by_kind.setdefault(node.kind, []).append(node)

    def of(self, *kinds: Kind) -> list[Node]:
        """The resources of these kinds."""
        return [node for kind in kinds for node in self._by_kind.get(kind, ())]

    def feeding(self, node: Node, *properties: str) -> list[Node]:
        """The inspected resources that feed these properties; a component stands for what is in it.

        Of what is in components a few of each kind are enough.
        """
        urns = {urn for name in properties for urn in node.fed_by(name)}
        direct = urns & self.nodes.keys()
        # A component package hands out the component's URN; its outputs come from what it contains.
        components = (
            [urn for urn in urns - direct if urn in self.others and self.others[urn].is_component]
            if len(direct) < len(urns)
            else []
        )
        inside = self._inside.of_all(components) if components else frozenset()
        return [self.nodes[urn] for urn in sorted(direct | inside)]

    def precisely(self, node: Node, *properties: str) -> list[Node]:
        """The inspected resources that feed these properties themselves, not as parts of a component."""
        urns = {urn for name in properties for urn in node.fed_by(name)}
        return [self.nodes[urn] for urn in sorted(urns) if urn in self.nodes]

    def feeds_others(self, node: Node, *properties: str) -> bool:
        """Whether something that is not inspected feeds these properties."""
        return any(urn not in self.nodes for name in properties for urn in node.fed_by(name))

    @cached_property
    def others(self) -> dict[str, Other]:
        """All resources of the stack, by URN."""
        return {other.urn: other for other in self._everything()}

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """URN → the resources whose parent it is."""
        children: dict[str, list[str]] = {}
        for other in self.others.values():
            if other.parent:
                children.setdefault(other.parent, []).append(other.urn)
        return children

    def users(self, of: Collection[str]) -> dict[str, list[Other]]:
        """Each of these URNs → the resources that a property of theirs depends on it."""
        found: dict[str, list[Other]] = {urn: [] for urn in of}
        for other in self.others.values():
            for urn in set(other.fed_by()).intersection(found):
                found[urn].append(other)
        return found

    @cached_property
    def _inside(self) -> Reach[str, frozenset[str]]:
        # Nothing here knows the graph itself: a circle of references would outlive the policy that made it.
        nodes, children = self.nodes, self.children

        def step(urn: str) -> tuple[frozenset[str], Iterable[str]]:
            return frozenset([urn] if urn in nodes else ()), children.get(urn, ())

        def merge(sets: Iterable[frozenset[str]]) -> frozenset[str]:
            together = frozenset().union(*sets)
            if len(together) <= MOST:
                return together
            kinds: dict[Kind, list[str]] = {}
            for urn in together:
                kinds.setdefault(nodes[urn].kind, []).append(urn)
            return frozenset(urn for urns in kinds.values() for urn in few([frozenset(urns)]))

        return Reach(step, merge)


@dataclass(frozen=True)
class Finding:
    """One violation: which resource, and a message that says what, why and how to fix it. Never a property's value.

    `decided` is false where neither values nor graph decide: that is said, and never blocks.
    """

    urn: str
    text: str
    decided: bool = True


def short_name(urn: str) -> str:
    """The last part of a URN."""
    return urn.rsplit("::", 1)[-1]


def listed(names: Sequence[str]) -> str:
    """Names in a sentence; of many the first few."""
    return ", ".join([*names[:NAMED], *(["…"] if len(names) > NAMED else [])])


def short_names(urns: Iterable[str]) -> str:
    """The last parts of URNs in a sentence; of many the first few."""
    return listed(sorted(map(short_name, urns)))
