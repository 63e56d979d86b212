"""The shapes of public code: what is found in each, and that nothing is found where nothing pins."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ops.pinning import drivers
from ops.pins.sources import read_all

_CORPUS = Path(__file__).parent / "corpus"


class Shape(NamedTuple):
    name: str
    source: str
    expected: list[tuple[int, str]]
    text: str


def shapes(file: str) -> Iterator[Shape]:
    """What a file of the corpus holds: `=== name`, `from: …`, `expect: line rule, …`, and the text."""
    for section in (_CORPUS / file).read_text().split("=== ")[1:]:
        name, source, expected, text = section.split("\n", 3)
        found = re.findall(r"(\d+) ([\w-]+)", expected)
        yield Shape(name, source.removeprefix("from: "), [(int(line), rule) for line, rule in found], text)


PINS, INNOCENT = list(shapes("pins.txt")), list(shapes("innocent.txt"))


@pytest.mark.parametrize("shape", PINS + INNOCENT, ids=lambda shape: shape.name)
def test_what_pins_is_found_on_its_line_and_nothing_else(shape: Shape, tmp_path: Path) -> None:
    (tmp_path / shape.name).write_text(shape.text)
    report = read_all([tmp_path], "postgresql")
    assert not report.errors
    assert sorted((finding.line, finding.rule.name) for _, finding in report.found) == sorted(shape.expected)


def test_the_corpus_is_as_large_as_it_says_and_names_where_each_shape_is_from() -> None:
    assert len(PINS) >= 30
    assert len(INNOCENT) >= 15
    assert all(shape.source and shape.text.strip() for shape in PINS + INNOCENT)
    assert all(shape.expected for shape in PINS) and not any(shape.expected for shape in INNOCENT)


def test_of_the_drivers_rules_each_but_one_is_in_the_corpus() -> None:
    in_corpus = {rule for shape in PINS for _, rule in shape.expected}
    assert {rule.name for rule in drivers.RULES} - in_corpus == {drivers.SQLALCHEMY_ISOLATION.name}
