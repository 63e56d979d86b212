"""A program in Go: the one on PATH, else built once from pinned modules, else one sentence."""

from pathlib import Path

import pytest

from tests.toolchain.test_setup import executable
from toolchain.go_programs import get_program
from toolchain.progress import CommandError

# Stands in for Go: "builds" what it is told to, and notes that it was asked.
_GO = """[ "$1" = env ] && exit 0
echo "$@" >> "$XDG_CACHE_HOME/asked"
while [ "$1" != -o ]; do shift; done
echo built > "$2"
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def test_the_one_on_path_is_used(machine: Path) -> None:
    own = executable(machine / "bin" / "actionlint", "")
    assert get_program("actionlint") == own


def test_it_is_built_once_from_the_pinned_modules(machine: Path) -> None:
    executable(machine / "bin" / "go", _GO)
    built = get_program("actionlint")
    assert built.read_text() == "built\n"
    assert get_program("actionlint") == built
    asked = (machine / "asked").read_text().splitlines()
    assert len(asked) == 1
    assert "-mod=readonly" in asked[0]


def test_a_build_that_fails_leaves_nothing_and_is_tried_again(machine: Path) -> None:
    executable(machine / "bin" / "go", '[ "$1" = env ] && exit 0; echo "no such module" >&2; exit 1')
    with pytest.raises(CommandError, match="no such module"):
        get_program("actionlint")
    assert [path.name for path in (machine / "lambda-rds-proxy" / "actionlint").iterdir()] == ["lock"]
    executable(machine / "bin" / "go", _GO)
    assert get_program("actionlint").exists()


def test_neither_it_nor_go_is_one_sentence_that_says_what_to_install(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(machine / "bin"))
    with pytest.raises(CommandError, match="actionlint is not on PATH and Go is not installed; install one of them"):
        get_program("actionlint")
