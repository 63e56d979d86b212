import re

import pytest

from ops.storm.report import _ticks, render
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


@pytest.mark.parametrize("end", [0.5, 1.0, 7.3, 23.4, 87.0, 25_414.0])
def test_axes_have_a_few_round_values_below_their_end(end: float) -> None:
    found = _ticks(end)
    assert found[0] == 0 and 3 <= len(found) <= 7 and found[-1] < end
    assert f"{found[1]:e}"[0] in "125"
