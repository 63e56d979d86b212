"""A place of stacks beside AWS: whoever has one names a module for it as an entry point of this group.

So the tools know of none, and run where there is none.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from .errors import OpsError

GROUP = "lambda_rds_proxy_ops.places"
# In a shell that is made for a place: the program that is these tools in that place's own environment.
TOOLS_VARIABLE = "LAMBDA_RDS_PROXY_OPS"


class Place(Protocol):
    """What the tools ask of it.

    Attributes:
        COMMANDS: more commands, by their names: the module that has a function of that name.
        STACK: its stack, which is meant where none is named.
    """

    COMMANDS: Mapping[str, str]
    STACK: str

    def project(self) -> Path:
        """The folder in which `pulumi` finds the program of its stack."""

    def environment(self) -> dict[str, str]:
        """The variables of a shell in which `pulumi` works for it."""

    def sources(self, stack: str, *, proxy: str | None, seconds: float | None, past: float | None) -> Iterator[Any]:
        """A `Source` of the doctor for each proxy of its stack, or for the one that is named."""

    def address(self, host: str) -> tuple[str, str] | None:
        """Where a host of its stack is, and the authority of its certificate; None when it is none of its own."""

    def storm(self, result: Any, function: str | None, say: Callable[[Any], None]) -> None:  # noqa: ANN401 - layers above
        """Fill a `StormResult` with a storm on its stack."""


def place_here() -> Place | None:
    """The place that this environment has."""
    for each in entry_points(group=GROUP):
        try:
            found: Place = each.load()
        except ModuleNotFoundError:  # the checkout that named it is not on this path
            continue
        return found
    return None


def must_be_here() -> Place:
    """That place.

    Raises:
        OpsError: there is none.
    """
    found = place_here()
    if found is None:
        raise OpsError("there is no laptop stack here, which a checkout has after `make setup`; name one: --stack dev")
    return found


def stack_or_the_places(stack: str | None) -> str:
    """The stack that is named, else the place's.

    Raises:
        OpsError: there is neither.
    """
    return must_be_here().STACK if stack is None else stack


def program_here() -> Path | None:
    """The folder of the program that we are in, which `pulumi` looks for upwards."""
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if (each / "Pulumi.yaml").is_file()), None)


def project() -> Path:
    """The folder in which `pulumi` is run: that of the program that we are in, else the place's, else where we are."""
    found = program_here()
    if found is None and (place := place_here()) is not None:
        found = place.project()
    return found or Path.cwd()
