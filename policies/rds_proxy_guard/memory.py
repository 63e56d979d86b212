"""What the resource stage sees and the stack stage cannot: checked inputs, remembered by URN.

At preview a function's whole environment is unknown in the stack stage, and whether a pool setting is absent is visible
in the inputs only. One process serves both stages of one operation; the memory lives as long as that process, and a URN
names its stack, so nothing passes from one stack to another. A rule must also work where nothing was remembered.
"""

import threading

from .graph import Node
from .resources import Kind, kind_of
from .topology import can_be_proxied
from .values import Json, texts


class Memory:
    """The inputs of one operation's inspected resources."""

    def __init__(self) -> None:
        self._inputs: dict[str, Json] = {}
        self._unproxied: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()

    def learn(self, urn: str, token: str, inputs: Json) -> None:
        """Remember one resource's inputs."""
        with self._lock:
            self._inputs[urn] = inputs
            if kind_of(token) is Kind.DATABASE:
                database = Node(urn=urn, token=token, outputs=inputs)
                names = () if can_be_proxied(database) else texts(database.first(database.provider.database_names))
                self._unproxied[urn] = frozenset(names)

    def recall(self, urn: str) -> Json:
        """The inputs as remembered, None if they were not."""
        with self._lock:
            return self._inputs.get(urn)

    def unproxied(self) -> frozenset[str]:
        """The identifiers of the databases seen so far that RDS Proxy does not serve."""
        with self._lock:
            return frozenset().union(*self._unproxied.values())
