"""Who pins and by what, told of what was seen. Pure."""

from ops.pinning.counts import PinKey, shown
from ops.pinning.fixes import fix

from .evidence import Evidence

_MOST_TOLD = 3


def reasons(seen: Evidence) -> tuple[str, ...]:
    """The most frequent kinds of pins, each with its share and whose sessions they are."""
    every = sum(count for _, count in seen.pins)
    return tuple(f"{count:,} of {every:,} pinned sessions: {_named(key)}" for key, count in seen.pins[:_MOST_TOLD])


def mends(seen: Evidence) -> str:
    """What avoids these, that of the most frequent one first; empty where no rule is known."""
    found = {said: key for key, _ in reversed(seen.pins[:_MOST_TOLD]) if (said := fix(key))}
    return "; ".join(f"{_statement(key)}: {said}" for said, key in reversed(found.items()))


def _named(key: PinKey) -> str:
    return " ".join(filter(None, (_statement(key), f"({key.who})" if key.who else "", f"– {key.reason}")))


def _statement(key: PinKey) -> str:
    return f"“{shown(key.digest)}”" if key.digest else key.rule or "a statement that the log does not name"
