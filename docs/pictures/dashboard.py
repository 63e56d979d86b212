"""A dashboard's body as a picture: every widget in its place, filled with the samples. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ops import plots

from .laptop_metrics import LaptopSample
from .series import Line, lines

_COLUMN_INCHES, _ROW_INCHES, _WIDTH_INCHES = 0.6, 0.42, 24 * 0.6
# Room for numbers and title around each widget.
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.45, 0.1, 0.3, 0.25


def figure(body: Mapping[str, Any], samples: Sequence[LaptopSample]) -> Figure:
    """The picture."""
    height = max(each["y"] + each["height"] for each in body["widgets"]) * _ROW_INCHES
    drawn = plots.new_figure(_WIDTH_INCHES, height)
    for widget in body["widgets"]:
        left, bottom = widget["x"] * _COLUMN_INCHES, height - (widget["y"] + widget["height"]) * _ROW_INCHES
        wide, high = widget["width"] * _COLUMN_INCHES, widget["height"] * _ROW_INCHES
        axes = drawn.add_axes(
            (
                (left + _LEFT) / _WIDTH_INCHES,
                (bottom + _BOTTOM) / height,
                (wide - _LEFT - _RIGHT) / _WIDTH_INCHES,
                (high - _TOP - _BOTTOM) / height,
            )
        )
        properties = widget["properties"]
        if widget["type"] == "metric":
            _graph(axes, properties, lines(properties["metrics"], samples))
        elif widget["type"] == "alarm":
            count = len(properties["alarms"])
            _words(axes, f"{count} alarms: no number on the laptop, which has no CloudWatch to evaluate them")
            axes.set_title(properties["title"], loc="left", weight="bold")
        else:
            _words(axes, re.sub(r"[*`]", "", properties["markdown"]))
    return drawn


def _graph(axes: Axes, properties: Mapping[str, Any], found: Sequence[Line]) -> None:
    unit = properties["yAxis"]["left"]["label"].replace("per minute", "per sample")
    limits = properties.get("annotations", {}).get("horizontal", [])
    plots.draw(
        axes,
        {line.label if line.points is not None else f"{line.label} (no number)": line.points or [] for line in found},
        title=f"{properties['title']} ({unit})",
        limits={each["label"]: each["value"] for each in limits},
    )
    if all(line.points is None for line in found):
        axes.tick_params(labelbottom=False, labelleft=False)
        axes.text(0.5, 0.5, "no number on the laptop", ha="center", transform=axes.transAxes)


def _words(axes: Axes, text: str) -> None:
    axes.axis("off")
    axes.text(0, 0.5, text, va="center", parse_math=False)
