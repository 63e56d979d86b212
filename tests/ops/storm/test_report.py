import re

from ops.storm.report import render
from tests.ops.storm.samples import result


def test_the_report_loads_nothing_from_elsewhere_and_shows_both_phases() -> None:
    page = render(result())
    assert not re.search(r"(src|href)\s*=|https?://|<script", page)
    assert page.count("<svg") == 3
    assert "max_connections 79" in page and "direct: refused" in page
    assert "IAM gate → PgBouncer" in page


def test_error_texts_are_escaped_in_the_report() -> None:
    storm = result()
    storm.phases["direct"].errors["<b>"] = 1
    assert "<b>" not in render(storm)


def test_a_storm_on_deployed_functions_has_no_plot_of_connections() -> None:
    storm = result()
    del storm.phases["direct"]
    storm.phases["proxy"].samples.clear()
    storm.max_connections = storm.ceiling = None
    page = render(storm)
    assert page.count("<svg") == 2
    assert "Connections to the database over time" not in page
