"""How a setting is called by whoever reads a message: by its argument, or by the key of the stack's configuration.

A rule says `call("proxy.max_connections_percent")`. Who wrote a program reads `proxy.max_connections_percent`, who uses
`DatabaseProxy` alone `settings.max_connections_percent`, and who wrote a stack's configuration `maxConnectionsPercent`.
Names that users chose (of functions, users, tags) are never respelled.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import MappingProxyType

# The parts of a whole whose settings have no prefix of their own in a configuration, or in a part used alone.
PARTS = ("stack", "network", "database", "user", "proxy", "monitor")
# Maps whose keys are names that users chose.
_NAMED = ("functions", "users")
# Arguments of a whole that are maps from parts.
_OF_PARTS = ("adopted", "import_changes")
_OWN_KEYS = MappingProxyType(
    {"import_changes": "import", "instance_identifiers": "instances", "subnet_group_name": "subnetGroup"}
)


class Chosen(str):
    """A step of a path that is a user's own name."""

    __slots__ = ()


Step = str | int
Path = tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """One way to write paths.

    `what` and `they`: what a setting is called, one and all. `camel_case`: keys instead of arguments. `without`: first
    steps that are left out. `alone`: components are used by themselves, and `part` is the one whose settings are called
    `settings`. `renamed`: field → key, where the key is not the field's own name in camel case.
    """

    what: str = "an argument"
    they: str = "the arguments"
    camel_case: bool = False
    without: Collection[str] = ()
    alone: bool = False
    part: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)

    def of(self, part: str) -> "Spelling":
        """This spelling in the component of a part."""
        return replace(self, part=part) if self.alone else self

    def whole(self) -> "Spelling":
        """This spelling in a component that has the others within."""
        return replace(self, alone=False)

    def __call__(self, dotted: str) -> str:
        """The label of a path such as "proxy.init_query", or "functions.api.memory"."""
        first, *rest = dotted.split(".")
        if self.alone and first in (*_NAMED, *_OF_PARTS):
            del rest[:1]
        elif first in _NAMED:
            rest[:1] = [Chosen(step) for step in rest[:1]]
        return self.label(["settings" if rest and first == self.part else first, *rest])

    def label(self, path: Sequence[Step]) -> str:
        """The label of a path; numbers are indices, and names that users chose stay as they are."""
        text = ""
        for step in path[1:] if len(path) > 1 and path[0] in self.without else path:
            text += f"[{step}]" if isinstance(step, int) else f".{self.step(step)}"
        return text.removeprefix(".")

    def step(self, step: str) -> str:
        """One field, as it is written."""
        if isinstance(step, Chosen) or not self.camel_case:
            return step
        return self.renamed.get(step) or camel_case(step)


def camel_case(field_name: str) -> str:
    """`max_connections` → `maxConnections`."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), field_name)


# A component used alone, a whole, both from other Pulumi languages, and a stack's configuration.
ALONE = Spelling(alone=True)
ARGUMENTS = Spelling()
SERVED = Spelling(alone=True, camel_case=True)
CONFIG = Spelling(what="a key of this project", they="the keys", camel_case=True, without=PARTS, renamed=_OWN_KEYS)
SPELLING: ContextVar[Spelling] = ContextVar("SPELLING", default=ALONE)
