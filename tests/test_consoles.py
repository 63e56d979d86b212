"""What rich prints are values: no part of an ARN between two colons is an emoji, no word in brackets a style."""

import ast
from pathlib import Path

import pytest
from rich.console import Console

from tests.end_to_end.checkouts import ROOT

_ROOMS = ("ops", "local", "toolchain", "bench", "tests/chaos", "docs")
_FILES = sorted(file for room in _ROOMS for file in (ROOT / room).rglob("*.py"))


def consoles(source: str) -> list[ast.Call]:
    """The consoles that a module makes."""
    calls = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.Call)]
    return [each for each in calls if isinstance(each.func, ast.Name) and each.func.id == "Console"]


def test_the_fault_is_one_of_rich() -> None:
    assert Console().render_str("arn:aws:kms:eu-west-1:0:key:1").plain != "arn:aws:kms:eu-west-1:0:key:1"


@pytest.mark.parametrize("file", [each for each in _FILES if "Console(" in each.read_text()], ids=str)
def test_every_console_prints_no_emoji_for_words_between_colons(file: Path) -> None:
    for call in consoles(file.read_text()):
        said = {each.arg: ast.unparse(each.value) for each in call.keywords}
        assert said.get("emoji") == "False", f"{file}:{call.lineno}"


def test_nothing_prints_by_richs_own_console() -> None:
    for file in _FILES:
        text = file.read_text()
        assert "from rich import print" not in text and "rich.print(" not in text, file
