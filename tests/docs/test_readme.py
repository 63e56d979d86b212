"""The README says what can be typed, in an order that works, and figures that also hold beside other work."""

import re
from pathlib import Path

from tests.docs.pages import ROOT, text_of, typed

_README = text_of("README.md")
_MEASUREMENTS = " ".join(text_of("docs/measurements.md").split())
_SECTIONS = ("On your laptop", "A program of your own", "On AWS", "Where to read on")


def _section(title: str) -> str:
    return _README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _on_aws() -> list[str]:
    return [line for line in typed("README.md") if line in _section("On AWS")]


def test_it_says_why_then_two_commands_then_an_own_program_then_aws() -> None:
    assert tuple(re.findall(r"^## (.+)$", _README, re.MULTILINE)) == _SECTIONS
    why = _README.partition("\n## ")[0]
    assert len(why.splitlines()) < 24  # one screen
    assert {"make up", "make test"} <= set(re.findall(r"^\$ (make \w+)$", _section("On your laptop"), re.MULTILINE))


def test_on_aws_the_packs_environment_is_made_before_the_pack_is_used() -> None:
    commands = _on_aws()
    assert commands[0].startswith("make setup && ")
    assert all(index > 0 for index, command in enumerate(commands) if "--policy-pack policies" in command)
    # What `make setup` makes, and a plain `pulumi install` does not.
    assert '"policies" / "venv"' in (ROOT / "toolchain" / "environments.py").read_text()


def test_on_aws_the_stack_is_ones_own_and_has_no_file_that_is_committed() -> None:
    (stack,) = re.findall(r"pulumi stack init (\w+)", " ".join(_on_aws()))
    committed = {path.stem.partition(".")[2] for path in Path(ROOT).glob("Pulumi.*.yaml")}
    assert stack not in committed
    assert f"> Pulumi.{stack}.yaml && pulumi stack init {stack}" in " ".join(_on_aws())
    assert {word for command in _on_aws() for word in re.findall(r"--stack (\w+)", command)} == {stack}


def test_on_aws_it_says_which_credentials_and_where_the_state_is() -> None:
    text = _section("On AWS")
    for each in ("aws sts get-caller-identity", "AWS_PROFILE", "pulumi login", "passphrase"):
        assert each in text


def test_the_table_of_the_example_is_made_as_its_how_to_makes_it() -> None:
    (counted,) = re.findall(r"SELECT count\(\*\) FROM (\w+)", _section("A program of your own"))
    (made,) = [line for line in typed("README.md") if "CREATE TABLE" in line]
    assert f"CREATE TABLE {counted} (" in made
    assert made in typed("docs/how-to/add-a-table.md")


def test_figures_are_ranges_whose_lower_ends_were_measured() -> None:
    ranges = [
        (int(low), int(high)) for low, high in re.findall(r"\b(\d+) to (\d+) (?:s|min)\b", _section("On your laptop"))
    ]
    assert len(ranges) == 6
    assert all(2 * low - 1 <= high <= 2 * low + 2 for low, high in ranges)
    storm, chaos = ranges[-2:]
    assert f"{storm[0]} s in all" in _MEASUREMENTS
    assert f"in {chaos[0] // 60} min {chaos[0] % 60} s" in _MEASUREMENTS
