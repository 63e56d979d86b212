"""One process at a time, and nothing half-made."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolchain import exclusion
from toolchain.exclusion import alone, whole

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from toolchain.exclusion import alone
with alone(Path(sys.argv[1]), "holding it"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(lock: Path, seconds: float) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock), str(seconds)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_who_waits_says_for_which_process_and_goes_on_when_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(exclusion, "LINE_SECONDS", 0.2)
    with holder(tmp_path / "new" / "lock", 1.0) as other:
        with alone(tmp_path / "new" / "lock", "building an engine"):
            assert other.wait(5) == 0
        said = capsys.readouterr().out
        assert f"waiting for process {other.pid}, which is building an engine" in said
        assert said.count("waiting for") >= 2, "who waits long says so again"


def test_a_lock_that_is_free_is_had_without_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with alone(tmp_path / "lock", "building an engine"):
            pass
    assert capsys.readouterr().out == ""


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with holder(tmp_path / "lock", 60) as other:
        other.kill()
        other.wait()
        started = time.monotonic()
        with alone(tmp_path / "lock", "building an engine"):
            assert time.monotonic() - started < 5


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
