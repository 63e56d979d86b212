"""Where a stack is looked at: AWS, or a place that is here; each is loaded when it is asked for."""

import importlib
from collections.abc import Iterator
from typing import Any, Protocol

from ops.errors import OpsError
from ops.pinning.counts import Pinning
from ops.places import must_be_here, stack_or_the_places

from .drift import Settings, Surroundings
from .evidence import Evidence

# It has a function `sources` with the arguments of the one below, as a place of `ops.places` has.
AWS = "ops.aws.source"


class CannotLookError(OpsError):
    """A place does not show what has to be seen."""


class Source(Protocol):
    """One proxy of a stack at some place, with its database and its functions.

    What a place does not show is None in the answers; what nobody can do without is a CannotLookError.

    Attributes:
        name: the proxy's.
        pause: seconds after which another look shows something new.
    """

    name: str
    pause: float

    @property
    def is_configured(self) -> bool:
        """Whether the stack's configuration is that of this proxy: it knows one, whatever others a program adds."""

    def look(self) -> Evidence:
        """What is seen from now on, or was until now."""

    def settings(self) -> Settings:
        """What runs."""

    def surroundings(self) -> Surroundings:
        """What the proxy needs around it."""

    def pins(self, since: float) -> Pinning:
        """What is pinned now, and the sessions that were since a time in seconds since 1970, or the proxy's start."""

    def budget(self) -> tuple[str, ...]:
        """What the stack's connection budget warns of, where it is of this proxy."""


def sources(
    stack: str | None, *, proxy: str | None = None, seconds: float | None = None, past: float | None = None
) -> Iterator[Source]:
    """A source for each proxy of a stack on AWS, or of the laptop stack if none is named; the stack's own comes first.

    Args:
        proxy: only this one.
        seconds: how long or how far back to look; as short as the place allows if left out.
        past: how far back to read the functions' logs, in seconds; not at all if left out.

    Raises:
        CannotLookError: there is no such proxy, or the place shows none.
        StackError: the stack cannot be read.
    """
    place: Any = must_be_here() if stack is None else importlib.import_module(AWS)
    found: Iterator[Source] = place.sources(stack_or_the_places(stack), proxy=proxy, seconds=seconds, past=past)
    return found
