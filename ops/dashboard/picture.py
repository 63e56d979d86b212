"""A dashboard's body as an SVG picture that is readable on light and on dark pages. Pure."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .laptop_numbers import Look
from .series import Line, lines

_COLUMN, _ROW, _GAP = 50, 36, 6
_LEFT, _TOP, _BOTTOM = 46, 64, 20
_LETTER = 6.0  # about the width of one, in the legend
_COLOURS = ("#2f7ed8", "#d9822b", "#2e9e6b", "#a05eb5", "#c0444f", "#8a8d2f")
_STYLE = """
svg{font:11px system-ui,sans-serif;--page:#fff;--card:#f6f7f9;--ink:#1f2328;--pale:#6a737d;--limit:#c0392b}
@media (prefers-color-scheme:dark){svg{--page:#0d1117;--card:#161b22;--ink:#e6edf3;--pale:#8b949e;--limit:#ff7b72}}
text{fill:var(--ink)}.pale{fill:var(--pale)}.title{font-weight:600;font-size:12px}.limit{fill:var(--limit);paint-order:stroke;stroke:var(--card);stroke-width:3px}
"""


def render(body: Mapping[str, Any], looks: Sequence[Look], log_metrics: Mapping[str, str]) -> str:
    """Every widget of the body in its place, filled with the looks; `log_metrics` as in `metric_of`."""
    widgets = body["widgets"]
    width = _COLUMN * 24
    height = _ROW * max((each["y"] + each["height"] for each in widgets), default=1)
    parts = [_widget(each, looks, log_metrics) for each in widgets]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>The dashboard, drawn from the laptop's numbers</title><style>{_STYLE}</style>"
        f'<rect width="{width}" height="{height}" fill="var(--page)"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _widget(widget: Mapping[str, Any], looks: Sequence[Look], log_metrics: Mapping[str, str]) -> str:
    width, height = widget["width"] * _COLUMN - _GAP, widget["height"] * _ROW - _GAP
    properties = widget["properties"]
    if widget["type"] == "metric":
        inside = _graph(properties, lines(properties["metrics"], looks, log_metrics), looks, width, height)
    elif widget["type"] == "alarm":
        count = f"{len(properties['alarms'])} alarms: no number on the laptop, which has no CloudWatch to evaluate them"
        inside = _text(10, 20, properties["title"], "title") + _text(10, 44, count, "pale")
    else:
        inside = _text(10, 28, re.sub(r"[*`]", "", properties["markdown"]))
    return (
        f'<g transform="translate({widget["x"] * _COLUMN + _GAP / 2:g} {widget["y"] * _ROW + _GAP / 2:g})">'
        f'<rect width="{width}" height="{height}" rx="4" fill="var(--card)"/>{inside}</g>'
    )


def _graph(properties: Mapping[str, Any], found: Sequence[Line], looks: Sequence[Look], width: int, height: int) -> str:
    unit = properties["yAxis"]["left"]["label"].replace("per minute", "per look")
    parts = [_text(10, 18, properties["title"], "title")]
    known = [line for line in found if line.points is not None]
    parts.append(_legend(found, width))
    if not known:
        parts.append(_text(width / 2, height / 2 + 12, "no number on the laptop", "pale", "middle"))
        return "".join(parts)
    limits = properties.get("annotations", {}).get("horizontal", [])
    values = [value for line in known for _, value in line.points or ()]
    highest = max([*values, *(each["value"] for each in limits), 0.0]) or 1.0
    top = 1.1 * highest
    end = max((look.at for look in looks), default=0.0) or 1.0
    floor = height - _BOTTOM

    def x(at: float) -> float:
        return _LEFT + (width - _LEFT - 10) * at / end

    def y(value: float) -> float:
        return floor - (floor - _TOP) * value / top

    parts.append(f'<path d="M{_LEFT},{_TOP}V{floor}H{width - 10}" fill="none" stroke="var(--pale)"/>')
    for value in (0, highest):
        parts.append(_text(_LEFT - 5, y(value) + 4, _shown(value), "pale", "end"))
    parts.append(_text(_LEFT, height - 6, unit, "pale"))
    parts.append(_text(width - 10, height - 6, f"{end:.0f} s", "pale", "end"))
    for each in limits:
        at = y(each["value"])
        parts.append(
            f'<line x1="{_LEFT}" x2="{width - 10}" y1="{at:.1f}" y2="{at:.1f}" stroke="var(--limit)" '
            'stroke-dasharray="4 3"/>'
            + _text(width - 12, at - 3, f"{each['label']} {_shown(each['value'])}", "limit", "end")
        )
    for colour, line in _coloured(found):
        if not line.points:
            continue
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in line.points)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{path}"/>')
        if len(line.points) == 1:
            at, value = line.points[0]
            parts.append(f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="2" fill="{colour}"/>')
    return "".join(parts)


def _legend(found: Sequence[Line], width: int) -> str:
    """The lines' labels in rows, as many as fit: a dashboard of many functions has more than a card can hold."""
    parts, x, y = [], 10.0, 36
    for colour, line in _coloured(found):
        length = _LETTER * (len(_label(line)) + 4)
        if x > 10 and x + length > width:
            x, y = 10.0, y + 15
        if y > _TOP - 10:
            break
        parts.append(
            f'<circle cx="{x + 3:g}" cy="{y - 4}" r="3.5" fill="{colour}"/>' + _text(x + 10, y, _label(line), "label")
        )
        x += length
    return "".join(parts)


def _label(line: Line) -> str:
    return line.label if line.points is not None else f"{line.label} (no number)"


def _coloured(found: Sequence[Line]) -> list[tuple[str, Line]]:
    return [(_COLOURS[index % len(_COLOURS)], line) for index, line in enumerate(found)]


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
