"""What the cloud asks of a kind of resources."""

from typing import Any, ClassVar

from ..state import Resource


class Kind:
    """A kind of resources; this one runs nothing and is always there."""

    name: ClassVar[str]
    """What it is called in `resources.json` and in the HTTP API."""
    runs: ClassVar[bool] = False
    """Whether its resources have processes or files, which the next supervisor brings back."""

    def make(self, resource: Resource) -> None:
        """Check a resource, start what it runs, and fill in its facts; it is stored only afterwards.

        Raises:
            LaptopError: it cannot be made, or not be changed so; what ran before runs on.
        """

    def drop(self, resource: Resource) -> None:
        """End what a resource runs and remove its files; it may be half made."""

    def settle(self) -> None:
        """Bring all that runs to what is stored now of all kinds; whoever knows it already is told nothing.

        It comes after every change and is not told of which: so none that a server must hear of can be left out.
        """

    def status(self, resource: Resource) -> str:  # noqa: ARG002
        """AWS's word for how it is."""
        return "available"

    def shown(self, resource: Resource) -> dict[str, Any]:  # noqa: ARG002
        """What tools are shown of it beside specification and facts."""
        return {}

    def stop(self) -> None:
        """End every process; nothing is forgotten."""
