"""What is asked of everything that is really backed, how the supervisor is asked for it, and how failures read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from ..supervisor.client import SupervisorClient
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


def put(kind: str, identifier: str, spec: Properties) -> dict[str, Any]:
    """Have the supervisor make a resource, or bring it to another specification: its facts."""
    with told():
        return SupervisorClient.ensure().put(kind, identifier, spec)


def facts(kind: str, identifier: str) -> Properties | None:
    """Facts of a resource, or None when it is gone."""
    with told():
        # A supervisor that was killed left its state: starting it brings the resource back.
        return SupervisorClient.ensure().get(kind, identifier)


def delete(kind: str, identifier: str) -> None:
    """Have the supervisor remove a resource; what is gone already is fine."""
    with told():
        SupervisorClient.ensure().delete(kind, identifier)
