"""What the resource stage sees and the stack stage cannot: facts from checked inputs, remembered by URN.

At preview a function's whole environment is unknown in the stack stage, and whether a pool setting is absent is visible
in the inputs only. One process serves both stages of one operation; the memory lives as long as that process, and a URN
names its stack, so nothing passes from one stack to another. A rule must also work where nothing was remembered.
"""

from dataclasses import dataclass
from typing import Any

from .environment import is_host_like
from .resources import Kind, kind_of, provider_of
from .values import UNKNOWN, dig


@dataclass(frozen=True)
class FunctionFacts:
    """Names of the variables whose value is unknown; None when not even the names are known."""

    unknown_names: frozenset[str] | None

    @property
    def unknown_hosts(self) -> list[str]:
        """The unknown variables that carry a host by their name."""
        return sorted(name for name in self.unknown_names or () if is_host_like(name))


@dataclass(frozen=True)
class TargetGroupFacts:
    """The percent as stated: a number or text, None when it is not stated, UNKNOWN."""

    percent: Any


Facts = FunctionFacts | TargetGroupFacts


def facts_of(token: str, properties: dict[str, Any]) -> Facts | None:
    """What is worth remembering of a resource's inputs."""
    match kind_of(token):
        case Kind.FUNCTION:
            variables = dig(properties, *provider_of(token).environment)
            if variables is UNKNOWN:
                return FunctionFacts(None)
            if not isinstance(variables, dict):
                return FunctionFacts(frozenset())
            return FunctionFacts(frozenset(name for name, value in variables.items() if _holds_unknown(value)))
        case Kind.TARGET_GROUP:
            return TargetGroupFacts(dig(properties, *provider_of(token).pool))
    return None


def _holds_unknown(value: object) -> bool:
    if isinstance(value, dict):
        return any(_holds_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_unknown(item) for item in value)
    return value is UNKNOWN
