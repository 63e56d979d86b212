"""A stack's resources as the rules see them: properties, parents, and which resource feeds which property."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from .resources import Kind, Path, Provider, kind_of, provider_of
from .values import UNKNOWN, Json, dig, holds_unknown


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
    """A resource of a type that no rule inspects: only where it stands in the graph."""

    urn: str
    token: str
    parent: str | None = None
    fed_by: frozenset[str] = frozenset()

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
        """The inspected resources that feed these properties; a component stands for everything below it."""
        found: dict[str, Node] = {}
        todo = [urn for name in properties for urn in node.fed_by(name)]
        seen: set[str] = set()
        while todo:
            urn = todo.pop()
            if urn in seen:
                continue
            seen.add(urn)
            if urn in self.nodes:
                found[urn] = self.nodes[urn]
            elif (other := self.others.get(urn)) and other.is_component:
                # A component package hands out the component's URN; its outputs come from what it contains.
                todo.extend(self._below(urn))
        return list(found.values())

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
    def users(self) -> dict[str, list[Other]]:
        """URN → the resources that a property of theirs depends on it."""
        found: dict[str, list[Other]] = {}
        for other in self.others.values():
            for urn in other.fed_by:
                found.setdefault(urn, []).append(other)
        return found

    def _below(self, urn: str) -> list[str]:
        below: dict[str, None] = {}
        todo = list(self._children.get(urn, ()))
        while todo:
            child = todo.pop()
            if child not in below:
                below[child] = None
                todo.extend(self._children.get(child, ()))
        return list(below)

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for other in self.others.values():
            if other.parent:
                children.setdefault(other.parent, []).append(other.urn)
        return children


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
