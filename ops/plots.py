"""How every picture of this project is drawn: lines with their limits dashed across, as SVG."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Points = Sequence[tuple[float, float]]
# What is black or white in a picture follows who reads it in the dark; matplotlib writes styles into each element.
_DARK = """<style>@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 !important }
[style*="fill: #ffffff"] { fill: #0d1117 !important }
[style*="stroke: #000000"] { stroke: #8b949e !important }
[style*="stroke: #b0b0b0"] { stroke: #6e7681 !important }
}</style>
"""
_STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "font.size": 8,
    "grid.alpha": 0.3,
    "svg.fonttype": "none",  # words stay words
    "svg.hashsalt": "",  # the same picture is the same bytes
}


def new_figure(width: float, height: float) -> Figure:
    """An empty picture of so many inches."""
    matplotlib.rcParams.update(_STYLE)
    return Figure(figsize=(width, height))


def draw(
    axes: Axes,
    lines: Mapping[str, Points],
    *,
    title: str,
    limits: Mapping[str, float] | None = None,
    colours: Mapping[str, str] | None = None,
) -> None:
    """Draw one plot: a line for each label, and a dashed one for each limit; upwards from zero."""
    for label, points in lines.items():
        at, values = [each[0] for each in points], [each[1] for each in points]
        axes.plot(at, values, label=label, color=(colours or {}).get(label), marker="." if len(points) == 1 else "")
    for label, value in (limits or {}).items():
        axes.axhline(value, color="tab:gray", linestyle="--", linewidth=1)
        axes.annotate(f"{label} {value:,g}", (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom")
    axes.set_title(title, loc="left", weight="bold")
    axes.set_ylim(bottom=0)
    if lines:
        axes.legend(loc="best", framealpha=0.7)


def svg(figure: Figure) -> str:
    """The picture as a document of its own, without a date, for light and for dark pages."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    beginning, end, rest = text.getvalue().partition("<defs>")
    return f"{beginning}{_DARK}{end}{rest}"
