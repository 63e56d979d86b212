"""Two ways to draw a number under its limit in a terminal: a bar for now, blocks for the last looks."""

from rich.progress_bar import ProgressBar
from rich.table import Table

_SPARKS = "▁▂▃▄▅▆▇█"
_SPARKLINE = 60
_BAR = 40


def bar(label: str, value: int, limit: int, text: str) -> Table:
    """A row: the label, a bar that is full at `limit`, and a text."""
    row = Table.grid(padding=(0, 1))
    row.add_column(width=12)
    row.add_row(label, ProgressBar(total=limit, completed=min(value, limit), width=_BAR), text)
    return row


def sparkline(values: list[int], limit: int) -> str:
    """The last values as blocks, the highest for `limit` and above."""
    return "".join(_SPARKS[min(7, value * 8 // (limit + 1))] for value in values[-_SPARKLINE:])
