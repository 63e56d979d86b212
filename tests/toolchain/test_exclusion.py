"""One process at a time, and nothing half-made."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import LIMIT_SECONDS
from toolchain import exclusion
from toolchain.exclusion import alone, whole

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from pathlib import Path
from toolchain.exclusion import alone
with alone(Path(sys.argv[1]), "holding it"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(lock: Path) -> "subprocess.Popen[str]":
    """A process that holds the lock until its standard input is closed."""
    command = [sys.executable, "-c", HOLDER, str(lock)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_who_waits_says_for_which_process_and_goes_on_when_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusion, "LINE_SECONDS", 0.2)
    said: list[str] = []
    with holder(tmp_path / "new" / "lock") as other:

        def note(line: str) -> None:
            said.append(line)
            if len(said) == 2 and other.stdin is not None:  # who waits long says so again
                other.stdin.close()

        monkeypatch.setattr(exclusion, "say", note)
        with alone(tmp_path / "new" / "lock", "building an engine"):
            assert other.wait(LIMIT_SECONDS) == 0
    assert all(f"waiting for process {other.pid}, which is building an engine" in line for line in said)


def test_a_lock_that_is_free_is_had_without_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with alone(tmp_path / "lock", "building an engine"):
            pass
    assert capsys.readouterr().out == ""


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with holder(tmp_path / "lock") as other:
        other.kill()
        other.wait()
        with alone(tmp_path / "lock", "building an engine"):
            pass
    assert capsys.readouterr().out == ""


def test_what_is_made_aside_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole(tmp_path / "made") as aside:
        (aside / "half").touch()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with whole(tmp_path / "made") as aside:
        (aside / "all").touch()
        assert not (tmp_path / "made").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
    assert (tmp_path / "made" / "all").exists()


def test_what_a_killed_run_left_aside_goes_with_the_next(tmp_path: Path) -> None:
    (tmp_path / "tmpkilled.part" / "go").mkdir(parents=True)
    with whole(tmp_path / "made"):
        assert not (tmp_path / "tmpkilled.part").exists()
