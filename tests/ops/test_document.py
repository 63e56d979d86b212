"""docs/ops.md is what the command line says of itself, and its examples are commands that there are."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ops.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "ops.md"
GENERATE = [sys.executable, "-m", "typer", "ops.__main__", "utils", "docs", "--name", "python -m ops"]
EXAMPLES = re.findall(r"^- `(.*?python -m ops .*?)`:", DOCUMENT.read_text(), re.MULTILINE)


def arguments(example: str) -> list[str]:
    """What the command line gets of an example: without a pipe before it and a file behind it."""
    words = shlex.split(example.split("|")[-1].split(" > ")[0])
    assert words[:3] == ["python", "-m", "ops"]
    return words[3:]


def test_the_page_is_up_to_date() -> None:
    done = subprocess.run(GENERATE, cwd=ROOT, capture_output=True, text=True, check=True)
    assert DOCUMENT.read_text().rstrip() == done.stdout.rstrip(), (
        'write it anew: python -m typer ops.__main__ utils docs --name "python -m ops" --output docs/ops.md'
    )


def test_every_command_has_examples_and_tells_its_exit_statuses() -> None:
    sections = re.split(r"^## `python -m ops ", DOCUMENT.read_text(), flags=re.MULTILINE)[1:]
    assert len(sections) == len(get_command(app).commands)  # type: ignore[attr-defined]
    for section in sections:
        assert "**Examples**" in section and "Exit status: 0 " in section, section[:40]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_has_options_that_there_are(example: str) -> None:
    name, *words = arguments(example)
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    command.make_context(name, words)


@pytest.mark.parametrize("example", [each for each in EXAMPLES if "capacity --class" in each or "--max-conn" in each])
def test_an_example_that_needs_no_stack_is_run(example: str) -> None:
    done = CliRunner().invoke(app, arguments(example))
    assert done.exit_code == 0, done.output
    assert "environments at most" in " ".join(done.output.split())
