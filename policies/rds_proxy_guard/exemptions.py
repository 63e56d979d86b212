"""Exemptions: resources that a policy leaves alone until a date.

A URN has four parts, `urn:pulumi:STACK::PROJECT::TYPE::NAME`, and so has an exemption, in which `*` is any text within
its part. Whoever may name a resource cannot name it into another's exemption: a `::` in a name belongs to the name.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from .patterns import Pattern, given_up
from .values import Json

SCHEMA: dict[str, Json] = {
    "default": [],
    "description": "Resources that this policy leaves alone until a date: a list of {urn, reason, expires}. `urn` is "
    "urn:pulumi:STACK::PROJECT::TYPE::NAME with * for any text within a part, `reason` says why, `expires` is the last "
    "day (YYYY-MM-DD, UTC).",
}
_KEYS = ("urn", "reason", "expires")
_PARTS = 4
_OLDER_FORM_ENDS = "0.4.0"
# What a name must have to be one that another type's URN ends in: a parent's type of two parts only could forge it.
_LOOKS_LIKE_A_TYPE = re.compile(r"\$[^$]*:[^$]*::")


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """Resources that a policy leaves alone, why, and the last day on which it does."""

    urn: str
    reason: str
    expires: date
    pattern: Pattern | None = field(default=None, compare=False)
    """What version 0.2 read after ^: a regular expression."""

    @property
    def has_older_form(self) -> bool:
        """Whether it has another form than a URN's four parts: a regular expression, or * for any text of several."""
        return self.pattern is not None or len(_parts(self.urn)) != _PARTS

    @property
    def name(self) -> str | None:
        """The name of the only resources that it can be about; None if it is about several names."""
        return None if self.has_older_form or "*" in _parts(self.urn)[-1] else _parts(self.urn)[-1]

    def matches(self, urn: str) -> bool:
        """Whether it is about a resource."""
        if self.pattern is not None:
            return self.pattern.search(urn)
        if self.has_older_form:
            return _fits(self.urn, urn)
        parts = _parts(urn)
        return (
            len(parts) == _PARTS
            and not _LOOKS_LIKE_A_TYPE.search(parts[-1])
            and all(map(_fits, _parts(self.urn), parts))
        )

    def is_of(self, stack_urn: str) -> bool:
        """Whether it names the stack of a resource; one for any project names none."""
        if self.has_older_form or not _parts(self.urn)[1].strip("*"):
            return False
        return all(map(_fits, _parts(self.urn)[:2], _parts(stack_urn)[:2]))

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return today > self.expires

    def problems(self) -> list[str]:
        """What to tell whoever wrote it."""
        if not self.has_older_form:
            return []
        return [
            f'has the urn "{self.urn}", a form that version {_OLDER_FORM_ENDS} no longer reads; write '
            "urn:pulumi:STACK::PROJECT::TYPE::NAME, with * for any text within a part",
            *given_up([self.pattern] if self.pattern else []),
        ]


def exemption(entry: Json) -> Exemption:
    """Read one.

    Raises:
        ValueError: half a sentence that says what is wrong with it.
    """
    if not isinstance(entry, Mapping):
        raise ValueError("must have urn, reason and expires")
    for name in _KEYS:
        if not isinstance(entry.get(name), str) or not entry[name].strip():
            raise ValueError(f"must state {name}")
    unknown = sorted(map(str, set(entry) - set(_KEYS)))
    if unknown:
        raise ValueError(f"has the key {unknown[0]}, which means nothing beside urn, reason and expires")
    urn = entry["urn"].strip()
    if not urn.startswith("^") and (".*" in urn or urn.endswith("$")):
        raise ValueError("has a urn that looks like a regular expression: write * alone for any text")
    try:
        pattern = Pattern(urn) if urn.startswith("^") else None
    except ValueError as error:
        raise ValueError(f"has a urn that {error}") from None
    try:
        expires = date.fromisoformat(entry["expires"].strip())
    except ValueError:
        raise ValueError("must state expires as YYYY-MM-DD") from None
    return Exemption(urn=urn, reason=entry["reason"].strip(), expires=expires, pattern=pattern)


class Exemptions:
    """All of a policy: a thousand for many stacks are not compared with each resource."""

    def __init__(self, stated: Iterable[Exemption]) -> None:
        self._by_name: dict[str | None, list[Exemption]] = {}
        for each in stated:
            self._by_name.setdefault(each.name, []).append(each)

    def of(self, urn: str) -> list[Exemption]:
        """Those that are about a resource."""
        parts = _parts(urn)
        return [each for name in (parts[-1], None) for each in self._by_name.get(name, ()) if each.matches(urn)]


@lru_cache(maxsize=4096)
def _parts(urn: str) -> tuple[str, ...]:
    return tuple(urn.split("::", _PARTS - 1))


def _fits(pattern: str, text: str) -> bool:
    """Whether a text is the pattern, with * for any text; in time linear in both."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    if not text.startswith(first):
        return False
    *between, last = rest
    at = len(first)
    for piece in between:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return text.endswith(last) and len(text) - len(last) >= at
