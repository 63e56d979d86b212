"""What the supervisor must remember: resources and addresses, in one file, replaced as a whole."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import LaptopError
from .private_file import write_private

FIRST_ADDRESS = 10
LAST_ADDRESS = 250


@dataclass
class Resource:
    """One resource: what was asked for, and what became of it."""

    kind: str
    identifier: str
    spec: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)


class State:
    """Resources by (kind, identifier), kept in `file` (0600: specs may hold a database password)."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._resources: dict[tuple[str, str], Resource] = {}
        self._addresses: dict[str, int] = {}
        if file.exists():
            try:
                stored = json.loads(file.read_text())
                self._addresses = stored["addresses"]
                for each in stored["resources"]:
                    self._resources[each["kind"], each["identifier"]] = Resource(**each)
            except (ValueError, TypeError, KeyError):
                raise LaptopError(f"the state in {file} is damaged; `make down` forgets it") from None

    def get(self, kind: str, identifier: str) -> Resource | None:
        """A resource, or None."""
        return self._resources.get((kind, identifier))

    def require(self, kind: str, identifier: str, *, called: str) -> Resource:
        """A resource that another one names, `called` so by AWS.

        Raises:
            LaptopError: there is none.
        """
        found = self.get(kind, identifier)
        if found is None:
            raise LaptopError(f"{called} {identifier} not found")
        return found

    def all(self, kind: str | None = None) -> list[Resource]:
        """All resources (of a kind), in the order in which they were first made."""
        # Of a copy: requests ask who signed them while resources come and go.
        return [each for each in list(self._resources.values()) if kind in (None, each.kind)]

    def put(self, resource: Resource) -> None:
        """Remember a resource."""
        self._resources[resource.kind, resource.identifier] = resource
        self._save()

    def remove(self, kind: str, identifier: str) -> None:
        """Forget a resource and free its address."""
        self._resources.pop((kind, identifier), None)
        self._addresses.pop(f"{kind}/{identifier}", None)
        self._save()

    def address(self, kind: str, identifier: str) -> int:
        """The last number of a resource's own address, always the same while it exists."""
        key = f"{kind}/{identifier}"
        if key not in self._addresses:
            taken = set(self._addresses.values())
            free = (number for number in range(FIRST_ADDRESS, LAST_ADDRESS) if number not in taken)
            number = next(free, None)
            if number is None:
                raise LaptopError(
                    f"all {LAST_ADDRESS - FIRST_ADDRESS} addresses of this checkout are in use; delete some"
                )
            self._addresses[key] = number
            self._save()
        return self._addresses[key]

    def _save(self) -> None:
        resources = [vars(each) for each in self._resources.values()]
        write_private(self._file, json.dumps({"addresses": self._addresses, "resources": resources}))
