import json
import re

from ops import plots
from ops.storm.report import figure, render
from tests.ops.storm.samples import result


def test_the_report_loads_nothing_from_elsewhere_and_shows_both_phases() -> None:
    page = render(result())
    assert re.findall(r"(?:src|href)=\"(.{19})", page) == ["data:image/svg+xml;"]
    assert not re.search(r"https?://|<script|@import|url\(", page)
    for words in ("max_connections 79", "refused", "gate → PgBouncer", "clients never served"):
        assert words in page


def test_error_texts_are_escaped_in_the_report() -> None:
    storm = result()
    storm.phases["direct"].errors["<b>[red]"] = 1
    page = render(storm)
    assert "<b>" not in page and "&lt;b&gt;[red]" in page


def test_the_plots_have_a_line_for_each_phase_that_measured_something() -> None:
    connections, served, latencies = figure(result()).axes
    assert connections.get_legend_handles_labels()[1] == ["direct", "proxy"]
    assert served.get_legend_handles_labels()[1] == latencies.get_legend_handles_labels()[1] == ["proxy"]
    assert [text.get_text() for text in connections.texts] == ["max_connections 79", "the proxy's ceiling 67"]


def test_a_storm_on_deployed_functions_has_no_connections_to_draw() -> None:
    storm = result()
    del storm.phases["direct"]
    storm.phases["proxy"].samples.clear()
    storm.max_connections = storm.ceiling = None
    connections, served, _ = figure(storm).axes
    assert not connections.lines
    assert len(served.lines) == 1


def test_how_long_clients_wait_falls_to_those_that_are_never_served() -> None:
    storm = result()
    storm.phases["proxy"].medians, storm.phases["proxy"].never_served = [3.0, 1.0, 2.0], 1
    line = figure(storm).axes[2].lines[0]
    points = list(zip(line.get_xdata(), line.get_ydata(), strict=True))  # type: ignore[arg-type]
    assert points == [(1.0, 75), (2.0, 50), (3.0, 25)]


def test_the_headline_says_what_was_proven_and_the_page_when_where_and_with_what() -> None:
    storm = result()
    storm.at, storm.machine, storm.versions = "2026-11-28 12:00 UTC", "2 cores (x86_64), Linux", {"PostgreSQL": "15.18"}
    page = render(storm)
    assert (
        "<h1>1,000 clients: straight at the database 75 were served and 925 never, over 67 connections to the "
        "database (7 of 7 requests failed); through the proxy all were served, over 67 connections to the "
        "database.</h1>"
    ) in page
    assert "2026-11-28 12:00 UTC · 2 cores (x86_64), Linux · PostgreSQL 15.18" in page


def test_error_texts_are_whole_and_without_secrets() -> None:
    storm = result()
    text = "NoConnectionError: " + "it is long " * 40 + "password=hunter2"
    storm.phases["direct"].count_errors({"NoConnectionError: password=hunter2": 3}, {"refused": text})
    page = render(storm)
    assert "it is long " * 40 + "password=***" in page
    assert storm.as_json()["phases"]["direct"]["failed"]["NoConnectionError: password=***"] == 3
    assert "hunter2" not in page + json.dumps(storm.as_json())


def test_the_page_says_what_counts_as_a_connection_and_whose_times_they_are() -> None:
    page = " ".join(render(result()).split())
    assert "Database connections are sessions of the application&#x27;s user" in page
    assert "what the client in the middle waits" in page


def test_the_page_fits_a_phone_a_dark_room_and_paper() -> None:
    page = render(result())
    for words in ('name="viewport"', "prefers-color-scheme: dark", "@media print", "max-width: 100%"):
        assert words in page
    assert "prefers-color-scheme: dark" in plots.svg(figure(result()))


def test_the_same_picture_is_the_same_bytes() -> None:
    assert plots.svg(figure(result())) == plots.svg(figure(result()))
