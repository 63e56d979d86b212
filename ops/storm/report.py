"""The storm as one self-contained HTML page: plots as inline SVG, no script, nothing loaded from elsewhere."""

import html
import math
from collections import Counter
from collections.abc import Mapping

from .results import Phase, StormResult
from .view import efficiency, rows

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 260, 56, 34, 14
_COLOURS = {"direct": "#c0392b", "proxy": "#1f7a5a"}
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.3rem .8rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child{text-align:left;white-space:pre}svg{width:100%;height:auto;font:12px system-ui,sans-serif}
.note{color:#666}
"""


def render(result: StormResult) -> str:
    """The page."""
    settings = result.settings
    title = f"{settings.environments} execution environments × {settings.connections} connections"
    direct = "first straight at the database, then through the proxy" if "direct" in result.phases else "by its proxy"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Connection storm: {title}</title><style>{_STYLE}</style>
<h1>Connection storm: {title}</h1>
<p>The real handler, all environments cold at once and then sustained for {settings.seconds:g} s: {direct}.</p>
{_table(result)}
{_connections(result)}
<h2>Requests served over time</h2>{_throughput(result)}
<h2>How long an invocation took</h2>{_latencies(result)}
<h2>What went wrong</h2>{_errors(result)}
{_notes(result)}
</html>
"""


def _table(result: StormResult) -> str:
    head = "".join(
        f"<th>{name}<br><span class='note'>{html.escape(phase.path)}</span></th>"
        for name, phase in result.phases.items()
    )
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows(result))
    return f"<table><tr><td></td>{head}</tr>{body}</table>"


def _notes(result: StormResult) -> str:
    found = [efficiency(result)]
    if "direct" in result.phases:
        found.append("PgBouncer stands in for RDS Proxy: it queues and multiplexes as RDS Proxy does, and never pins.")
    return "".join(f'<p class="note">{html.escape(text)}</p>' for text in found if text)


def _connections(result: StormResult) -> str:
    sampled = {name: phase for name, phase in result.phases.items() if phase.samples}
    if not sampled:
        return ""
    lines = [level for level in (result.max_connections, result.ceiling) if level]
    highest = max(*lines, *(phase.peak_connections or 0 for phase in sampled.values()), 1) * 1.1
    plot = _Plot(_longest(sampled), highest, "seconds", "connections")
    if result.max_connections:
        plot.level(result.max_connections, f"max_connections {result.max_connections}", "#555")
    if result.ceiling:
        plot.level(result.ceiling, f"the proxy's ceiling {result.ceiling}", "#999")
    for name, phase in sampled.items():
        plot.line([(max(0.0, each.seconds), each.connections) for each in phase.samples], name)
    return f"<h2>Connections to the database over time</h2>{plot.svg(sampled)}"


def _throughput(result: StormResult) -> str:
    served = {name: phase for name, phase in result.phases.items() if phase.served_at}
    if not served:
        return "<p>Nothing was served.</p>"
    counts = {name: Counter(int(at) for at in phase.served_at) for name, phase in served.items()}
    highest = max(max(each.values()) for each in counts.values()) * 1.1
    plot = _Plot(_longest(served), highest, "seconds", "requests per second")
    for name, each in counts.items():
        # The last second is not a whole one.
        plot.line([(second + 0.5, each[second]) for second in range(max(max(each), 1))], name)
    return plot.svg(served)


def _longest(phases: Mapping[str, Phase]) -> float:
    return max(phase.cold_seconds + phase.seconds for phase in phases.values())


def _latencies(result: StormResult) -> str:
    served = {name: phase.latencies for name, phase in result.phases.items() if phase.latencies}
    if not served:
        return "<p>Nothing was served.</p>"
    longest = max(max(values) for values in served.values())
    steps = max(1, math.ceil(math.log10(max(longest, 0.2) / 0.1) * 8))
    edges = [0.1 * 10 ** (step / 8) for step in range(steps + 1)]
    counts = {name: _histogram(values, edges) for name, values in served.items()}
    highest = max(max(values) for values in counts.values()) * 1.1
    plot = _Plot(len(edges) - 1, highest, "milliseconds (logarithmic)", "invocations")
    plot.labels = [(step, f"{0.1 * 10 ** (step / 8):g}") for step in range(0, steps + 1, 8)]
    for name, values in counts.items():
        plot.line([(index + 0.5, count) for index, count in enumerate(values)], name)
    return plot.svg({name: result.phases[name] for name in counts})


def _histogram(values: list[float], edges: list[float]) -> list[int]:
    counts: Counter[int] = Counter()
    for value in values:
        counts[max(0, min(len(edges) - 2, int(math.log10(max(value, 0.1) / 0.1) * 8)))] += 1
    return [counts[index] for index in range(len(edges) - 1)]


def _errors(result: StormResult) -> str:
    rows = "".join(
        f"<tr><td>{name}: {html.escape(label)}</td><td>{count:,}</td></tr>"
        for name, phase in result.phases.items()
        for label, count in phase.errors.most_common()
    )
    return f"<table>{rows}</table>" if rows else "<p>Nothing.</p>"


class _Plot:
    """One line plot with two axes from zero."""

    def __init__(self, right: float, top: float, x_title: str, y_title: str) -> None:
        self._right, self._top = right or 1.0, top or 1.0
        self._titles = (x_title, y_title)
        self._parts: list[str] = []
        self.labels = [(value, f"{value:g}") for value in _ticks(self._right)]

    def line(self, points: list[tuple[float, float]], name: str) -> None:
        """A line in the phase's colour."""
        path = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in points)
        self._parts.append(f'<polyline fill="none" stroke="{_COLOURS[name]}" stroke-width="2" points="{path}"/>')

    def level(self, y: float, text: str, colour: str) -> None:
        """A dashed line across, with its text."""
        at = self._y(y)
        self._parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{at:.1f}" y2="{at:.1f}" stroke="{colour}" stroke-dasharray="5 4"/>'
            f'<text x="{_WIDTH - 4}" y="{at - 4:.1f}" text-anchor="end" fill="{colour}">{text}</text>'
        )

    def svg(self, phases: Mapping[str, Phase]) -> str:
        """The picture."""
        floor = _HEIGHT - _BOTTOM
        axes = f'<path d="M{_LEFT},{_TOP} V{floor} H{_WIDTH}" fill="none" stroke="#333"/>'
        for value, text in self.labels:
            axes += f'<text x="{self._x(value):.1f}" y="{floor + 15}" text-anchor="middle">{text}</text>'
        for value in _ticks(self._top):
            axes += f'<text x="{_LEFT - 6}" y="{self._y(value) + 4:.1f}" text-anchor="end">{value:,.0f}</text>'
        axes += f'<text x="{_WIDTH}" y="{_HEIGHT - 3}" text-anchor="end">{self._titles[0]}</text>'
        axes += f'<text x="{_LEFT + 6}" y="{_TOP}">{self._titles[1]}</text>'
        keys = "".join(
            f'<text x="{_LEFT + 160 + 90 * index}" y="{_TOP}" fill="{_COLOURS[name]}">● {name}</text>'
            for index, name in enumerate(phases)
        )
        return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{axes}{"".join(self._parts)}{keys}</svg>'

    def _x(self, value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT) * min(value / self._right, 1.0)

    def _y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * value / self._top


def _ticks(end: float) -> list[float]:
    """Round values from zero up to `end`, about five of them."""
    size = 10.0 ** math.floor(math.log10(end / 5))
    step = next(factor * size for factor in (1, 2, 5, 10) if factor * size * 6 > end)
    return [step * index for index in range(int(end / step) + 1) if step * index < end * 0.98]
