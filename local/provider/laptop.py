"""What is asked of everything that is really backed, and how its failures reach the user."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from ..supervisor.errors import LaptopError
from .properties import Properties


class BackedError(RuntimeError):
    """The laptop could not make, read or delete a resource; the message is for the user."""


class Backed(Protocol):
    """What the provider needs of a backed type."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:
        """Create (`olds` is empty) or update: (id, outputs beside the inputs)."""

    def read(self, identifier: str, state: Properties) -> Properties | None:
        """Outputs as they are now, or None when the resource is gone."""

    def delete(self, identifier: str, state: Properties) -> None:
        """Delete; what is gone already is fine."""


@contextmanager
def told() -> Iterator[None]:
    """Turn what the supervisor, or AWS's client at its gateway, refuses into one sentence for the user."""
    # A preview needs neither boto3 nor the time to load it.
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (LaptopError, BotoCoreError, ClientError) as error:
        raise BackedError(str(error)) from None
