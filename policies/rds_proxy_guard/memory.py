"""What the resource stage sees and the stack stage cannot: checked inputs, remembered by URN.

At preview a function's whole environment is unknown in the stack stage, and whether a pool setting is absent is visible
in the inputs only. One process serves both stages of one operation; the memory lives as long as that process, and a URN
names its stack, so nothing passes from one stack to another. A rule must also work where nothing was remembered.
"""

import threading
from collections.abc import Callable

from .graph import Node
from .resources import Kind, kind_of
from .topology import can_be_proxied
from .values import Json, texts


class Memory:
    """The inputs of one operation's inspected resources."""

    def __init__(self) -> None:
        self._inputs: dict[str, Json] = {}
        self._unproxied: dict[str, frozenset[str]] = {}
        self._readers: dict[str, object] = {}
        self._lock = threading.Lock()

    def inputs(self, urn: str, token: str, *, reader: object, read: Callable[[], Json]) -> Json:
        """One resource's inputs, remembered.

        The first policy that ever asked for a resource reads it anew each time the engine shows it; the policies that
        run after it are shown the same and need not read it again.
        """
        with self._lock:
            leads = self._readers.setdefault(urn, reader) is reader
            if not leads and urn in self._inputs:
                return self._inputs[urn]
            self._inputs.pop(urn, None)  # what cannot be read must not be what was there before
        inputs = read()
        with self._lock:
            self._inputs[urn] = inputs
            if kind_of(token) is Kind.DATABASE:
                database = Node(urn=urn, token=token, show=lambda: inputs)
                names = () if can_be_proxied(database) else texts(database.first(database.provider.database_names))
                self._unproxied.pop(urn, None)
                if names:
                    self._unproxied[urn] = frozenset(names)
        return inputs

    def recall(self, urn: str) -> Json:
        """The inputs as remembered, None if they were not."""
        with self._lock:
            return self._inputs.get(urn)

    def unproxied(self) -> frozenset[str]:
        """The identifiers of the databases seen so far that RDS Proxy does not serve."""
        with self._lock:
            return frozenset().union(*self._unproxied.values())
