"""Proxies whose pins are told from a list, as the laptop's gate and AWS's log tell them."""

from collections.abc import Iterator, Mapping
from typing import cast

from ops.doctor.source import CannotLookError, Source
from ops.pinning.counts import PinKey, Pinning

SET = PinKey(
    reason="SQL changed session settings.",
    rule="set",
    digest="set timezone = $1",
    user="app",
    application="shop",
    function="orders",
)
LOCK = PinKey(
    reason="SQL took an advisory lock of the session.",
    rule="advisory-lock",
    digest="select pg_advisory_lock($1)",
    user="jobs",
)


class Proxy:
    """Answers each time with the next of these, and goes on with the last; where there is none it is down."""

    pause = 0.0

    def __init__(self, *told: Mapping[PinKey, int], name: str = "orders") -> None:
        self.name, self._told, self.asked = name, list(told), list[float]()

    def pins(self, since: float) -> Pinning:
        self.asked.append(since)
        if not self._told:
            raise CannotLookError("the proxy orders (its gate) does not answer")
        told = self._told.pop(0)
        return Pinning(pinned=sum(told.values()), held=1, pins=told)


def of(*proxies: Proxy) -> Iterator[Source]:
    return iter(cast(list[Source], list(proxies)))
