"""Every picture shows what its text says, and the text says what the pictures show."""

import re
from pathlib import Path

import pytest

from docs.pictures.__main__ import _CLIENTS, _STORM
from docs.pictures.dashboard import figure
from lambda_rds_proxy.engines import Profile
from ops import plots
from ops.storm import report
from tests.docs.pictures.stage import body, sample
from tests.docs.pictures.test_dashboard import texts
from tests.ops.storm.samples import result

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "dashboard.md").read_text()
README = (DOCS.parent / "README.md").read_text()
MEASUREMENTS = (DOCS / "measurements.md").read_text()
PICTURES = {name: texts((DOCS / f"{name}.svg").read_text()) for name in ("dashboard", "storm")}
STORM = "## The storm: `make storm`"
_WORDS = {"eleven": 11, "twelve": 12, "thirteen": 13}


def without_number(words: list[str]) -> list[str]:
    return sorted(each for each in words if "no number" in each and "alarms" not in each)


def test_what_has_no_number_by_the_page_has_none_in_the_picture_and_everything_else_has_one() -> None:
    drawn = without_number(texts(plots.svg(figure(body(profile=Profile.DEV), [sample(1)]))))
    assert without_number(PICTURES["dashboard"]) == drawn
    # Every row of the page, that of a metric without a number too, is compared with the code in test_series.py.
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE, re.MULTILINE))
    assert not rows["Throttles"].startswith("no number")
    assert len([each for each in rows.values() if each.startswith("no number")]) == str(drawn).count("(no number)")


def test_the_picture_has_the_thresholds_of_the_profile_that_the_page_names() -> None:
    assert "thresholds of the stack's profile, here dev" in " ".join(PAGE.split())
    annotations = [
        limit
        for widget in body(profile=Profile.DEV)["widgets"]
        for limit in widget["properties"].get("annotations", {}).get("horizontal", [])
    ]
    wanted = {f"{each['label']} {each['value']:,g}" for each in annotations}
    assert wanted <= set(PICTURES["dashboard"]), wanted - set(PICTURES["dashboard"])


def test_the_page_says_how_many_clients_the_picture_was_drawn_with() -> None:
    (word,) = re.findall(r"while (\w+) clients invoke", PAGE)
    assert _WORDS[word] == _CLIENTS
    assert _STORM.environments > _CLIENTS


def test_the_storms_picture_has_what_its_sentence_names() -> None:
    titles = {axes.get_title(loc="left") for axes in report.figure(result()).axes}
    assert titles <= set(PICTURES["storm"])
    (named,) = re.findall(r"!\[The storm: (.+?)\]\(storm\.svg\)", " ".join(PAGE.split()))
    for words, title in (
        ("connections", "Connections"),
        ("requests served", "Requests served"),
        ("wait", "wait longer"),
    ):
        assert words in named and any(title in each for each in titles)
    assert {"direct", "proxy"} <= set(PICTURES["storm"])


def test_the_limits_in_the_storms_picture_are_those_of_the_measurements() -> None:
    (limit,) = {each for each in PICTURES["storm"] if each.startswith("max_connections ")}
    (ceiling,) = {each for each in PICTURES["storm"] if each.startswith("the proxy's ceiling ")}
    said = " ".join(MEASUREMENTS[MEASUREMENTS.index(STORM) :].split())
    assert f"`max_connections` {limit.split()[-1]}, the proxy's ceiling {ceiling.split()[-1]}" in said


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_can_be_read_in_the_dark(picture: str) -> None:
    assert "prefers-color-scheme: dark" in (DOCS / f"{picture}.svg").read_text()


def test_the_readme_says_of_the_storm_what_was_measured() -> None:
    (never, of) = re.findall(r"([\d,]+) of the ([\d,]+) clients were never served", " ".join(README.split()))[0]
    section = MEASUREMENTS[MEASUREMENTS.index(STORM) :]
    assert f"| clients never served | **{never} of {of}** | **0 of {of}** |" in section
    # A peak is not below what was left behind, nor above the limit.
    peak = re.findall(r"\| peak database connections \| (\d+) \| (\d+) \|", section)[0]
    left = re.findall(r"\| idle connections left behind \| (\d+) \| (\d+) \|", section)[0]
    limits = [int(each) for each in re.findall(r"`max_connections` (\d+), the proxy's\s+ceiling (\d+)", section)[0]]
    assert all(int(low) <= int(high) <= limit for low, high, limit in zip(left, peak, limits, strict=True))
