"""A stack's resources as the rules see them: properties, parents, and which resource feeds which property."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .facts import Facts
from .resources import Kind, kind_of


@dataclass(frozen=True, kw_only=True)
class Node:
    """One resource; `feeds` is property name → URNs of the resources its value depends on."""

    urn: str
    token: str
    properties: dict[str, Any]
    parent: str | None = None
    feeds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    facts: Facts | None = None


class Graph:
    """All resources of a stack, by URN."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = {node.urn: node for node in nodes}

    def of(self, kind: Kind) -> list[Node]:
        """The resources of a kind, by URN."""
        return sorted((node for node in self.nodes.values() if kind_of(node.token) is kind), key=lambda node: node.urn)

    def feeding(self, node: Node, *properties: str) -> list[Node]:
        """The resources that feed these properties; a component stands for everything below it."""
        found: dict[str, Node] = {}
        todo = [urn for name in properties for urn in node.feeds.get(name, ())]
        while todo:
            urn = todo.pop()
            if urn in found or urn not in self.nodes:
                continue
            found[urn] = self.nodes[urn]
            # A component package hands out the component's URN; its outputs come from what it contains.
            if kind_of(self.nodes[urn].token) is None:
                todo.extend(self._children.get(urn, ()))
        return list(found.values())

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for node in self.nodes.values():
            if node.parent:
                children.setdefault(node.parent, []).append(node.urn)
        return children


@dataclass(frozen=True)
class Finding:
    """One violation: which resource, and a message that says what, why and how to fix it. Never a property's value."""

    urn: str
    text: str
