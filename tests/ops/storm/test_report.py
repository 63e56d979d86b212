import re

from ops import plots
from ops.storm.report import figure, render
from tests.ops.storm.samples import result


def test_the_report_loads_nothing_from_elsewhere_and_shows_both_phases() -> None:
    page = render(result())
    assert re.findall(r"(?:src|href)=\"(.{19})", page) == ["data:image/svg+xml;"]
    assert not re.search(r"https?://|<script|@import|url\(", page)
    for words in ("max_connections 79", "refused", "IAM gate → PgBouncer", "clients never served"):
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


def test_how_long_invocations_took_falls_from_all_to_none() -> None:
    storm = result()
    storm.phases["proxy"].latencies = [float(number) for number in range(200, 0, -1)]
    line = figure(storm).axes[2].lines[0]
    points = list(zip(line.get_xdata(), line.get_ydata(), strict=True))  # type: ignore[arg-type]
    assert points[0] == (1.0, 100) and points[50] == (101.0, 50) and points[99] == (199.0, 1)


def test_the_same_picture_is_the_same_bytes() -> None:
    assert plots.svg(figure(result())) == plots.svg(figure(result()))
