"""What a gate has seen: gauges of this moment, counts since it was started, and who pins. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.pinning.counts import PinKey as PinKey  # what the tools tell is what the gate counts
from ops.pinning.counts import as_documents

# A client may send texts without end: beyond so many kinds of pins the others are counted as one.
_MOST_PINS = 500
OTHERS = "(others)"
# In a gate's folder: who connects is told.
SOCKET = "seen"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One look at a gate.

    Attributes:
        clients: that are logged in.
        waiting: of them, waiting for a database connection.
        ceiling: database connections that it may open.
        connections: of them, open.
        borrowed: of them, with a client: inside a statement or transaction, pinned or held.
        pinned: of them, bound to one client until it leaves.
        held: of them, kept by named prepared statements that are open; RDS Proxy multiplexes these.
        accepted: logins that succeeded, since the gate was started.
        refused: logins that did not.
        borrows: how often a client was given a database connection.
        borrow_seconds: that clients waited for one, in all.
        lent_seconds: that clients had one, in all.
        timeouts: clients that waited in vain.
        borrow_timeout: that it runs with, in seconds.
        idle_client_timeout: that it runs with, in seconds.
        require_tls: whether it lets nobody in without.
        pins: how many sessions were pinned, by kind.
    """

    clients: int = 0
    waiting: int = 0
    ceiling: int = 0
    connections: int = 0
    borrowed: int = 0
    pinned: int = 0
    held: int = 0
    accepted: int = 0
    refused: int = 0
    borrows: int = 0
    borrow_seconds: float = 0.0
    lent_seconds: float = 0.0
    timeouts: int = 0
    borrow_timeout: float = 0.0
    idle_client_timeout: float = 0.0
    require_tls: bool = True
    pins: Mapping[PinKey, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As it goes over the wire."""
        counts = {name: value for name, value in vars(self).items() if name != "pins"}
        return {**counts, "pins": as_documents(self.pins.items())}

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> "Seen":
        """From what `as_json` gave."""
        pins = {PinKey(**{k: v for k, v in each.items() if k != "count"}): each["count"] for each in said["pins"]}
        return cls(**{**said, "pins": pins})


class PinCounts:
    """Counts pins by kind, of a bounded number of kinds."""

    def __init__(self) -> None:
        self._counts: dict[PinKey, int] = {}

    def add(self, key: PinKey) -> None:
        """One more."""
        if key not in self._counts and len(self._counts) >= _MOST_PINS:
            key = PinKey(reason=key.reason, rule=key.rule, digest=OTHERS, user=OTHERS)
        self._counts[key] = self._counts.get(key, 0) + 1

    def now(self) -> dict[PinKey, int]:
        """All of them."""
        return dict(self._counts)
