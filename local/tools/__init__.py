"""The laptop as a place of the tools (`ops/places.py`): what they ask of it, each loaded when it is asked for.

The checkout's environment names this module to them (`toolchain/environments.py`).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from toolchain.checkout import checkout_root
from toolchain.progress import CommandError
from toolchain.shell import laptop_environment, prepare

if TYPE_CHECKING:
    from ops.storm.results import Progress, StormResult

    from .source import LaptopSource

# Commands of a checkout alone: this one runs its policy pack.
COMMANDS = {"survey": "ops.survey.command"}


def project() -> Path:
    """The folder of the program whose stacks are meant, wherever the tools are called."""
    return checkout_root()


def environment() -> dict[str, str]:
    """The variables of a shell in which `pulumi` works for the checkout.

    Raises:
        OpsError: the checkout is not set up.
    """
    from ops.errors import OpsError

    root = checkout_root()
    try:
        variables = laptop_environment(root)
    except (CommandError, ValueError) as error:
        raise OpsError(str(error)) from None
    prepare(root)
    return variables


def sources(
    stack: str, *, proxy: str | None = None, seconds: float | None = None, past: float | None = None
) -> "Iterator[LaptopSource]":
    """A source for each proxy of the laptop stack, or for the one that is named."""
    from .source import sources as found

    return found(stack, proxy=proxy, seconds=seconds, past=past)


def storm(result: "StormResult", function: str | None, say: "Callable[[Progress], None]") -> None:
    """Fill `result` with the storm on the laptop stack.

    Raises:
        OpsError: it cannot be run, with status 1.
    """
    from ops.errors import OpsError

    from ..storm.laptop import LaptopStack
    from ..storm.run import run_storm
    from ..supervisor.errors import LaptopError

    try:
        found = LaptopStack.find(function)
        result.max_connections, result.ceiling = found.max_connections, found.ceiling
        run_storm(found, result, say)
    except LaptopError as error:
        raise OpsError(str(error), exit_code=1) from None
