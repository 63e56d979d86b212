"""Pins by kind as a table for a terminal, or as a line for a machine."""

import json
from collections.abc import Mapping
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.pinning.counts import PinKey, Pinning, as_documents, ranked, shown
from ops.pinning.fixes import fix

_MOST_SHOWN = 20


def table(pins: Mapping[PinKey, int], title: str = "") -> RenderableType:
    """The most frequent kinds: how many sessions, the statement or else the reason, whose; below, what avoids it."""
    drawn = Table.grid(padding=(0, 1))
    drawn.add_column(justify="right", no_wrap=True)
    drawn.add_column(overflow="fold")
    for key, count in ranked(pins)[:_MOST_SHOWN]:
        told = (shown(key.digest) or key.reason, key.rule and f"[{key.rule}]", key.who)
        drawn.add_row(f"{count:,}", Text("  ".join(filter(None, told))))
        if said := fix(key):
            drawn.add_row("", Text(f"avoid it: {said}", style="dim"))
    return Group(Text(title, style="bold"), drawn) if title else drawn


def picture(found: Mapping[str, Pinning]) -> RenderableType:
    """What is pinned at each proxy now, and the sessions that were."""
    lines: list[RenderableType] = []
    for proxy, seen in found.items():
        now = [
            f"{number:,} {what}"
            for number, what in ((seen.pinned, "pinned now"), (seen.held, "held now by prepared statements"))
            if number is not None
        ]
        every = sum(seen.pins.values())
        lines.append(Text(", ".join((f"{proxy}: {every:,} {'session' if every == 1 else 'sessions'} pinned", *now))))
        lines += [Text(f"not seen: {each}", style="dim") for each in seen.not_seen]
        if seen.pins:
            lines.append(table(seen.pins))
    return Group(*lines)


def as_line(proxy: str, seen: Pinning, now: datetime) -> str:
    """One look at a proxy as a line of JSON; null where a number could not be seen."""
    return json.dumps(
        {
            "at": now.isoformat(timespec="milliseconds"),
            "proxy": proxy,
            "pinned": seen.pinned,
            "heldByStatements": seen.held,
            "pins": as_documents(ranked(seen.pins)),
            "notSeen": list(seen.not_seen),
        },
        ensure_ascii=False,
    )
