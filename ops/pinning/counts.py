"""Pins by kind: what a proxy counts of them, and how they are told. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PinKey:
    """One kind of pin.

    Attributes:
        reason: AWS's words, as its proxy logs them.
        rule: the name of the rule in `ops.pinning`; empty where the proxy's log does not tell which.
        digest: the statement with its literals replaced; empty where the proxy does not log statements.
        user: of the database; empty where nobody tells it.
        application: its `application_name`; empty when it has none.
        function: the Lambda function that signed its token, or whose name is the application's; empty when none did.
    """

    reason: str
    rule: str
    digest: str
    user: str
    application: str = ""
    function: str = ""

    @property
    def who(self) -> str:
        """Whose session it was, as far as that is told."""
        told = (("user", self.user), ("application", self.application), ("function", self.function))
        return ", ".join(f"{name} {shown(value)}" for name, value in told if value)


@dataclass(frozen=True, kw_only=True)
class Pinning:
    """What is pinned at a proxy.

    Attributes:
        pinned: database connections that are bound to one client now; None where nobody tells.
        held: that are kept by named prepared statements now; None where nobody tells.
        pins: sessions that were pinned since some time, by kind.
        not_seen: what of this could not be seen, and why.
    """

    pinned: int | None = None
    held: int | None = None
    pins: Mapping[PinKey, int] = field(default_factory=dict)
    not_seen: tuple[str, ...] = ()


def shown(text: str) -> str:
    """A client's words without what would move a terminal's cursor."""
    return "".join(each if each.isprintable() else "�" for each in text)


def fewer(now: Mapping[PinKey, int], before: Mapping[PinKey, int]) -> dict[PinKey, int]:
    """The pins that came between two looks; a gate that was started anew meanwhile counts from zero."""
    return {
        key: new
        for key, count in now.items()
        if (new := count - before.get(key, 0) if count >= before.get(key, 0) else count)
    }


def ranked(pins: Mapping[PinKey, int]) -> list[tuple[PinKey, int]]:
    """The most frequent first."""
    return sorted(pins.items(), key=lambda each: (-each[1], each[0].digest, each[0].user))


def as_documents(pins: Iterable[tuple[PinKey, int]]) -> list[dict[str, Any]]:
    """As JSON has them, in their order."""
    return [{**asdict(key), "count": count} for key, count in pins]
