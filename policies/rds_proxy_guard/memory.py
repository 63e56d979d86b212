"""What the resource stage sees and the stack stage cannot: checked inputs, remembered by URN.

At preview a function's whole environment is unknown in the stack stage, and whether a pool setting is absent is visible
in the inputs only. One process serves both stages of one operation; the memory lives as long as that process, and a URN
names its stack, so nothing passes from one stack to another. A rule must also work where nothing was remembered.
"""

import threading
from collections.abc import Callable

from .engines import Engines
from .graph import Node
from .hosts import Endpoint
from .resources import Kind, kind_of
from .values import Json


class Memory:
    """The inputs of one operation's inspected resources."""

    def __init__(self) -> None:
        self._inputs: dict[str, Json] = {}
        self._engines = Engines()
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
                self._engines.add(Node(urn=urn, token=token, show=lambda: inputs))
        return inputs

    def recall(self, urn: str) -> Json:
        """The inputs as remembered, None if they were not."""
        with self._lock:
            return self._inputs.get(urn)

    def serves_host(self, endpoint: Endpoint, evidence: bool | None) -> bool | None:
        """Whether RDS Proxy serves the database of an endpoint, by what was seen so far and the text around it."""
        with self._lock:
            return self._engines.serves_host(endpoint, evidence)
