"""The storm as one self-contained HTML page: the table, and three plots; no script, nothing loaded from elsewhere."""

import base64
import io
from collections import Counter

from matplotlib.figure import Figure
from rich.console import Console

from ops import plots

from .results import Phase, StormResult
from .view import efficiency, table

_COLOURS = {"direct": "tab:red", "proxy": "tab:green"}
_STAND_IN = "PgBouncer stands in for RDS Proxy: it queues and multiplexes as RDS Proxy does, and never pins."
# Rich's own form of a page: {stylesheet} and {code} are its places.
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Connection storm</title>
<style>{stylesheet} body {{ font-family: system-ui, sans-serif; max-width: 60rem; margin: 2rem auto }}</style>
<h1>Connection storm</h1>
<p>The real handler, all environments cold at once and then sustained, by each path in turn.</p>
<pre>{code}</pre>
"""


def render(result: StormResult) -> str:
    """The page."""
    console = Console(emoji=False, record=True, file=io.StringIO(), width=120, highlight=False)
    console.print(table(result))
    for note in (efficiency(result), _STAND_IN if "direct" in result.phases else None):
        if note:
            console.print(note, markup=False)
    picture = base64.b64encode(plots.svg(figure(result)).encode()).decode()
    page = console.export_html(code_format=_PAGE)
    return f'{page}<img alt="the storm over time" src="data:image/svg+xml;base64,{picture}">\n</html>\n'


def figure(result: StormResult) -> Figure:
    """Connections to the database and requests served, by seconds, and how long an invocation took."""
    drawn = plots.new_figure(9, 9)
    drawn.subplots_adjust(left=0.06, right=0.98, top=0.97, bottom=0.04, hspace=0.25)
    connections, served, latencies = drawn.subplots(3)
    phases = result.phases.items()
    seen = {name: [(each.seconds, each.connections) for each in phase.samples] for name, phase in phases}
    limits = {"max_connections": result.max_connections, "the proxy's ceiling": result.ceiling}
    plots.draw(
        connections,
        {name: points for name, points in seen.items() if points},
        title="Connections to the database, by seconds",
        limits={label: limit for label, limit in limits.items() if limit},
        colours=_COLOURS,
    )
    plots.draw(
        served,
        {name: _per_second(phase) for name, phase in phases if phase.served_at},
        title="Requests served per second, by seconds",
        colours=_COLOURS,
    )
    plots.draw(
        latencies,
        {name: _slower_than(phase.latencies) for name, phase in phases if phase.latencies},
        title="Invocations that took longer, in %, by milliseconds",
        colours=_COLOURS,
    )
    latencies.set_xscale("log")
    latencies.xaxis.set_major_formatter("{x:g}")
    return drawn


def _per_second(phase: Phase) -> plots.Points:
    counts = Counter(int(at) for at in phase.served_at)
    # The last second is not a whole one.
    return [(second + 0.5, counts[second]) for second in range(max(max(counts), 1))]


def _slower_than(latencies: list[float]) -> plots.Points:
    """For each of a hundred shares of the invocations, the time that so many were slower than."""
    ordered = sorted(latencies)
    return [(ordered[len(ordered) * share // 100], 100 - share) for share in range(100)]
