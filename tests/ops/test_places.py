"""A place joins the tools by an entry point, and they know none."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops import places
from ops.doctor.source import sources
from ops.errors import OpsError
from toolchain.checkout import TOOLS_VARIABLE, checkout_root


def register(folder: Path, module: str) -> None:
    about = folder / "some_place-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: some-place\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[{places.GROUP}]\nhere = {module}\n")


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder on the path, and no environment behind it."""
    kept = [each for each in sys.path if "site-packages" not in each]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *kept])
    return tmp_path


def test_the_checkouts_environment_has_the_laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # from any folder
    found = places.must_be_here()
    assert found.project() == places.project() == checkout_root()
    assert "survey" in found.COMMANDS
    assert (places.stack_or_the_places(None), places.stack_or_the_places("dev")) == (found.STACK, "dev")


def test_in_a_program_of_ones_own_pulumi_runs_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop" / "api").mkdir(parents=True)
    (tmp_path / "shop" / "Pulumi.yaml").write_text("name: shop\n")
    monkeypatch.chdir(tmp_path / "shop" / "api")
    assert places.must_be_here().project() == checkout_root()
    assert places.project() == tmp_path / "shop"


def test_a_place_that_is_named_is_the_one_that_is_asked(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(nothing_installed)
    (nothing_installed / "somewhere.py").write_text(
        "from pathlib import Path\nCOMMANDS, STACK = {}, 'there'\ndef project(): return Path('/a/program')\n"
        "def sources(stack, *, proxy, seconds, past): return iter([(stack, proxy, seconds)])\n"
    )
    register(nothing_installed, "somewhere")
    assert places.project() == Path("/a/program")
    assert list(sources(None, proxy="orders", seconds=2.0)) == [("there", "orders", 2.0)]  # type: ignore[comparison-overlap]


@pytest.mark.parametrize("module", [None, "gone_with_its_checkout"])
def test_without_a_place_pulumi_runs_where_we_are_and_a_stack_must_be_named(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch, module: str | None
) -> None:
    if module:
        register(nothing_installed, module)
    monkeypatch.chdir(nothing_installed)
    assert places.place_here() is None
    assert places.project() == nothing_installed
    with pytest.raises(OpsError, match="there is no laptop stack here"):
        sources(None)


def test_the_tools_do_not_know_how_the_laptops_stack_is_called() -> None:
    ops = checkout_root() / "ops"
    # In these rooms LOCAL is a word of SQL.
    others = [path for path in ops.rglob("*.py") if path.relative_to(ops).parts[0] not in ("pinning", "pins")]
    assert len(others) > 50
    assert [str(path) for path in others if re.search(r"\b_?local\b", path.read_text(), re.IGNORECASE)] == []


def test_tools_of_another_environment_hand_over_to_those_that_the_shell_names(tmp_path: Path) -> None:
    named = tmp_path / "tools"
    named.write_text(f'#!/bin/sh\necho "$@" "left: ${places.TOOLS_VARIABLE}"\n')
    named.chmod(0o755)
    code = "import sys, ops.__main__ as tools; tools.place_here = lambda: None; tools.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "logs", "--errors"],
        env={**os.environ, TOOLS_VARIABLE: str(named)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "logs --errors left: \n"
