"""The laptop as a place of the tools (`ops/places.py`): what they ask of it, each loaded when it is asked for.

The checkout's environment names this module to them (`toolchain/environments.py`).
"""

from collections.abc import Callable, Iterator
from typing import Any

from toolchain.checkout import LAPTOP_STACK, checkout_root
from toolchain.progress import CommandError
from toolchain.shell import laptop_environment, prepare

# Commands of a checkout alone: this one runs its policy pack.
COMMANDS = {"survey": "ops.survey.command"}
STACK = LAPTOP_STACK
project = checkout_root


def environment() -> dict[str, str]:
    """See `Place`; an OpsError where the checkout is not set up."""
    from ops.errors import OpsError

    try:
        variables = laptop_environment(checkout_root())
    except (CommandError, ValueError) as error:
        raise OpsError(str(error)) from None
    prepare(checkout_root())
    return variables


def sources(
    stack: str, *, proxy: str | None = None, seconds: float | None = None, past: float | None = None
) -> Iterator[Any]:
    """See `Place`."""
    from .source import sources as found

    return found(stack, proxy=proxy, seconds=seconds, past=past)


def address(host: str) -> tuple[str, str] | None:
    """See `Place`."""
    from .addresses import address as found

    return found(host)


def storm(result: Any, function: str | None, say: Callable[[Any], None]) -> None:  # noqa: ANN401 - as in `Place`
    """See `Place`; an OpsError with status 1 where it cannot be run."""
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
