import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from local.provider.remembered import folder, remembered

ROOT = Path(__file__).resolve().parents[3]
CHECK = """
import sys
from local.provider.types import aws_type
proxy = aws_type("aws:rds/proxy:Proxy")
given = {"name": "x" * 64, "auths": [{"secretARN": "x"}]}
print(list(proxy.problems(given, given)))
print(sorted(proxy.real.computed))
print("loaded:", sorted({"pulumi_aws", "botocore"} & sys.modules.keys()))
"""


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which facts are kept."""
    monkeypatch.setattr("local.provider.remembered.folder", lambda: tmp_path)
    return tmp_path


def refused() -> Any:
    raise AssertionError("read again")


def test_a_fact_is_read_once(facts: Path) -> None:
    known = {"kinds": {"name": ["text"]}}
    assert remembered("aws:x/y:Y", lambda: known) == known
    assert remembered("aws:x/y:Y", refused) == known


def test_facts_of_different_keys_are_kept_apart(facts: Path) -> None:
    remembered("a", lambda: 1)
    assert remembered("b", lambda: 2) == 2


@pytest.mark.parametrize("left", ["", "{", '{"kinds":'])
def test_a_file_that_was_cut_short_is_written_anew(facts: Path, left: str) -> None:
    remembered("a", lambda: 1)
    (file,) = facts.iterdir()
    file.write_text(left)
    assert remembered("a", lambda: 2) == 2
    assert remembered("a", refused) == 2


def test_what_cannot_be_read_is_raised_and_not_kept(facts: Path) -> None:
    with pytest.raises(AssertionError):
        remembered("a", refused)
    assert list(facts.iterdir()) == []


def test_without_a_folder_to_write_to_it_still_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr("local.provider.remembered.folder", lambda: tmp_path / "file")
    assert remembered("a", lambda: 1) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_nothing_behind(facts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert remembered("a", lambda: 1) == 1
    assert list(facts.iterdir()) == []


@pytest.mark.parametrize("package", ["pulumi-aws", "botocore"])
def test_another_version_has_a_folder_of_its_own(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = folder()
    folder.cache_clear()
    monkeypatch.setattr("local.provider.remembered.version", lambda name: "0.0.1" if name == package else version(name))
    other = folder()
    folder.cache_clear()
    assert other.parent == before.parent and other != before


def test_a_warm_check_says_the_same_and_loads_neither_pulumi_aws_nor_botocore(tmp_path: Path) -> None:
    def check() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", CHECK],
            cwd=ROOT,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    cold, warm = check(), check()
    assert cold[:2] == warm[:2]
    assert "auths[0].secretARN is not an argument of this type; did you mean secretArn?" in cold[0]
    assert cold[2] == "loaded: ['botocore', 'pulumi_aws']"
    assert warm[2] == "loaded: []"
