"""Resources that something real stands behind: the supervisor's servers and functions, and Secrets Manager."""

from collections.abc import Mapping
from typing import Protocol

from .properties import Properties


class BackedError(RuntimeError):
    """The laptop could not make, read or delete a resource; the message is for the user."""


class Backed(Protocol):
    """What the provider needs of a backed type."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:
        """Create or update: (id, outputs beside the inputs)."""

    def read(self, identifier: str, state: Properties) -> Properties | None:
        """Outputs as they are now, or None when the resource is gone."""

    def delete(self, identifier: str, state: Properties) -> None:
        """Delete; what is gone already is fine."""


BACKED: Mapping[str, Backed] = {}
