import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_rds_proxy.monitor.dashboard import WatchedFunction
from ops.dashboard.picture import render
from tests.ops.dashboard.stage import LOG_METRICS, body, look

SVG = "{http://www.w3.org/2000/svg}"
COMMITTED = Path(__file__).resolve().parents[3] / "docs" / "dashboard.svg"


def parsed(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)  # noqa: S314 - our own


def texts(picture: str) -> list[str]:
    return [each.text or "" for each in parsed(picture).iter(f"{SVG}text")]


def test_every_widget_of_the_body_is_in_the_picture() -> None:
    picture = render(body(), [look(1), look(2)], LOG_METRICS)
    titles = {each["properties"].get("title") for each in body()["widgets"]} - {None}
    assert titles <= set(texts(picture))
    assert len(parsed(picture).findall(f"{SVG}g")) == len(body()["widgets"])


def test_what_has_no_number_says_so() -> None:
    found = texts(render(body(), [look(1), look(2)], LOG_METRICS))
    assert found.count("no number on the laptop") == 3  # pinned, without TLS, throttles
    assert "clients set up (no number)" in found
    assert [text for text in found if text.startswith("1 alarms: no number on the laptop")]


def test_a_higher_value_is_drawn_higher_and_a_later_one_further_right() -> None:
    picture = render(body(), [look(1, database_sessions=10), look(2, database_sessions=70)], LOG_METRICS)
    (graph,) = [
        each for each in parsed(picture).findall(f"{SVG}g") if "Connections of the database" in "".join(each.itertext())
    ]
    (line,) = graph.iter(f"{SVG}polyline")
    (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in line.attrib["points"].split())
    assert x0 < x1
    assert y0 > y1  # SVG counts from the top


def test_it_is_readable_on_dark_pages_too_and_loads_nothing() -> None:
    picture = render(body(), [look()], LOG_METRICS)
    assert "prefers-color-scheme:dark" in picture
    assert not re.search(r"href|url\(|<script|@import", picture)


@settings(max_examples=30)
@given(
    names=st.dictionaries(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30), max_size=20),
    seen=st.lists(st.fixed_dictionaries({"clients": st.none() | st.integers(0, 10**6)}), max_size=5),
)
def test_any_body_and_any_looks_make_a_picture(names: dict[str, str], seen: list[dict[str, Any]]) -> None:
    functions = {
        "".join(filter(str.isprintable, label)): WatchedFunction(name=f"f{number}", log_metric=f"t{number}")
        for number, label in enumerate(names)
    }
    looks = [look(float(at), **each) for at, each in enumerate(seen)]
    parsed(render(body(functions=functions), looks, {f"t{n}": f"f{n}" for n in range(len(names))}))


def test_the_picture_of_the_document_is_of_the_dashboard_as_it_is() -> None:
    titles = {each["properties"].get("title") for each in body()["widgets"] if each["type"] == "metric"}
    assert titles <= set(texts(COMMITTED.read_text()))
