import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from docs.pictures.dashboard import figure
from docs.pictures.laptop_metrics import LaptopSample
from ops import plots
from tests.docs.pictures.stage import body, sample

COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "dashboard.svg"
SVG = "{http://www.w3.org/2000/svg}"
TITLES = {
    f"{each['properties']['title']} ({each['properties']['yAxis']['left']['label'].replace('minute', 'sample')})"
    for each in body()["widgets"]
    if each["type"] == "metric"
}


def texts(picture: str) -> list[str]:
    """The words of a picture."""
    return [(each.text or "").strip() for each in ElementTree.fromstring(picture).iter(f"{SVG}text")]  # noqa: S314 - our own


def test_every_widget_is_in_the_picture_and_what_has_no_number_says_so() -> None:
    drawn = figure(body(), [sample(1), sample(2)])
    assert len(drawn.axes) == len(body()["widgets"])
    found = texts(plots.svg(drawn))
    assert set(found) >= TITLES
    assert found.count("no number on the laptop") == 1  # without TLS
    assert "clients set up" in found
    assert [text for text in found if text.startswith("1 alarms: no number on the laptop")]


def test_a_line_and_its_limit_are_drawn_at_their_values() -> None:
    drawn = figure(body(), [sample(1, database_sessions=10), sample(2, database_sessions=70)])
    (axes,) = [each for each in drawn.axes if each.get_title(loc="left").startswith("Connections of the database")]
    line, limit = axes.lines
    assert line.get_xydata().tolist() == [[1, 10], [2, 70]]  # type: ignore[union-attr]
    assert set(limit.get_ydata()) == {79}  # type: ignore[arg-type]


@pytest.mark.parametrize("samples", [[], [sample(1, clients=None)]])
def test_a_stack_without_functions_or_numbers_has_a_picture(samples: list[LaptopSample]) -> None:
    drawn = figure(body(functions={}, alarms=[]), samples)
    assert len(drawn.axes) == 10


def test_the_picture_of_the_document_is_of_the_dashboard_as_it_is() -> None:
    assert set(texts(COMMITTED.read_text())) >= TITLES
