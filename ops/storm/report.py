"""The storm as one HTML page: what it showed, the table, the plots; no script, and nothing loaded from elsewhere."""

import base64
from collections import Counter
from html import escape

from matplotlib.figure import Figure

from ops import plots

from .results import Phase, StormResult
from .view import efficiency, proven, rows

_COLOURS = {"direct": "tab:red", "proxy": "tab:green"}
_STAND_IN = (
    "A gate and PgBouncer stand in for RDS Proxy: they queue, multiplex and pin as RDS Proxy does. Connections held by "
    "named prepared statements are multiplexed there."
)
_CONNECTIONS = (
    "Database connections are sessions of the application's user at the database, counted there ten times a second "
    "from the first request until all environments stand still, those left behind included; sessions of others, "
    "and the laptop's own tries whether the user can log in, are not. Of a deployed stack they are CloudWatch's "
    "DatabaseConnections, with the few of the platform."
)
_TIMES = (
    "Times are of requests that were served. Who never is has no time, so few clients on an overfull database look "
    "fast: compare what the client in the middle waits, for which every client counts once on both ways."
)
# Between a phone and a printed page: one column, the table scrolls for itself, colours follow the reader's.
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Connection storm</title>
<style>
:root {{ color-scheme: light dark; --ink: #1f2328; --paper: #fff; --line: #d0d7de }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6edf3; --paper: #0d1117; --line: #3d444d }} }}
body {{ font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 0 auto; padding: 1rem; overflow-wrap: anywhere }}
h1 {{ font-size: 1.4rem; line-height: 1.3 }}
table {{ border-collapse: collapse; width: 100%; font-size: .9rem; overflow-wrap: break-word }}
th, td {{ border-bottom: 1px solid var(--line); padding: .25rem .4rem; text-align: right; vertical-align: top }}
th:first-child, td:first-child {{ text-align: left; white-space: pre-wrap }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; border-left: 3px solid var(--line);
  padding-left: .6rem }}
img {{ display: block; max-width: 100%; margin: 1rem auto }}
@media print {{ :root {{ --ink: #000; --paper: #fff; --line: #999; color-scheme: light }}
  body {{ max-width: none; font-size: 10pt }} tr, pre, img {{ break-inside: avoid }} img {{ max-height: 22cm }} }}
</style>
"""


def render(result: StormResult) -> str:
    """The page."""
    settings, phases = result.settings, result.phases
    limits = (("max_connections", result.max_connections), ("the proxy's ceiling", result.ceiling))
    asked = [f"{settings.environments:,} environments × {settings.connections} connections"]
    asked += [f"{name} {value:,}" for name, value in limits if value is not None]
    made = [result.at, result.machine, *(f"{name} {version}" for name, version in result.versions.items())]
    head = "".join(f"<th>{escape(name)}<br><small>{escape(each.path)}</small></th>" for name, each in phases.items())
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows(result))
    texts = {label: text for each in phases.values() for label, text in each.texts.items()}
    notes = [_TIMES, _CONNECTIONS, efficiency(result), _STAND_IN if "direct" in phases else None]
    picture = base64.b64encode(plots.svg(figure(result)).encode()).decode()
    return "\n".join(
        [
            _PAGE.format(),
            f"<h1>{escape(proven(result))}</h1>",
            f"<p><small>{escape(' · '.join(filter(None, made)))}</small></p>",
            f"<p>{escape(', '.join(asked))}: the real handler, all environments cold at once and then sustained for "
            f"{settings.seconds:g} s, by each way in turn.</p>",
            f"<table><thead><tr><th></th>{head}</tr></thead><tbody>\n{body}</tbody></table>",
            *(f"<p>{escape(note)}</p>" for note in notes if note),
            *(["<h2>What the errors say</h2>"] if texts else []),
            *(f"<pre>{escape(text)}</pre>" for text in texts.values()),
            f'<img alt="{escape(proven(result))}" src="data:image/svg+xml;base64,{picture}">',
            "</html>\n",
        ]
    )


def figure(result: StormResult) -> Figure:
    """Connections to the database and requests served, by seconds, and how long clients are used to wait."""
    drawn = plots.new_figure(5.5, 9)
    drawn.subplots_adjust(left=0.11, right=0.97, top=0.97, bottom=0.04, hspace=0.25)
    connections, served, waits = drawn.subplots(3)
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
        waits,
        {name: _used_to(phase) for name, phase in phases if phase.medians},
        title="Clients that are used to wait longer, in % of all, by milliseconds",
        colours=_COLOURS,
    )
    waits.set_ylim(0, 105)
    waits.set_xscale("log")
    waits.xaxis.set_major_formatter("{x:g}")
    return drawn


def _per_second(phase: Phase) -> plots.Points:
    counts = Counter(int(at) for at in phase.served_at)
    # The last second is not a whole one.
    return [(second + 0.5, counts[second]) for second in range(max(max(counts), 1))]


def _used_to(phase: Phase) -> plots.Points:
    """For each client that was served: its median wait, and the share of all that wait longer or are never served."""
    clients = len(phase.medians) + phase.never_served
    return [(wait, 100 * (clients - at - 1) / clients) for at, wait in enumerate(sorted(phase.medians))]
