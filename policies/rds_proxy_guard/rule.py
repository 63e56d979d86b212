"""What a policy is: its metadata and configuration as published, what it judges and the rule; without the SDK."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .configuration import Configuration, Option
from .graph import Finding, Graph, Node
from .memory import Memory
from .resources import Kind


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One policy as published; its name is permanent then. An advisory one blocks where a policy group says so only."""

    name: str
    display_name: str
    description: str
    severity: Literal["low", "medium", "high", "critical"]
    remediation_steps: str
    tags: tuple[str, ...]
    url: str
    options: tuple[Option, ...] = ()
    advisory: bool = False


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """Judges each resource of some kinds by its inputs, before it is made; the memory holds what was seen before it."""

    kinds: tuple[Kind, ...]
    judge: Callable[[Node, Configuration, Memory], list[Finding]]


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """Judges the graph of a stack that has a resource of the kind `judged`; of what else there is, it reads `read`."""

    judged: Kind
    read: tuple[Kind, ...]
    judge: Callable[[Graph, Configuration], list[Finding]]
