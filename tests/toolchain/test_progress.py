"""Work side by side: both ends are told, and what has no use any more is ended."""

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.processes import read_terminal
from tests.waiting import LIMIT_SECONDS, until
from toolchain import progress
from toolchain.progress import CommandError, beside, run, say

ROOT = Path(__file__).resolve().parents[2]
_LONG = ["sleep", "600"]


def fail(sentence: str) -> None:
    raise CommandError(sentence)


def test_both_are_done_when_the_block_is() -> None:
    done: list[str] = []

    def build() -> None:
        time.sleep(0.2)
        done.append("engine")

    with beside(build):
        done.append("packages")
    assert done == ["packages", "engine"]


def test_what_fails_beside_the_block_ends_the_block() -> None:
    with pytest.raises(CommandError, match=r"^no engine$"), beside(lambda: fail("no engine")):
        run("installing", _LONG, seconds=LIMIT_SECONDS)


def test_the_block_that_fails_ends_what_is_beside_it() -> None:
    ended = threading.Event()

    def build() -> None:
        try:
            run("building", _LONG, seconds=LIMIT_SECONDS)
        finally:
            ended.set()

    with pytest.raises(OSError, match="no packages"), beside(build):
        raise OSError("no packages")
    assert ended.is_set()
    run("the next", ["true"], seconds=LIMIT_SECONDS)  # is not ended


def test_two_reasons_are_both_told() -> None:
    both = threading.Barrier(2, timeout=LIMIT_SECONDS)

    def build() -> None:
        both.wait()
        fail("no engine")

    with pytest.raises(CommandError, match=r"^no packages; and no engine$"), beside(build):
        both.wait()
        fail("no packages")


def test_ctrl_c_ends_both_with_their_processes(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom toolchain.progress import beside, run\n"
        "note = 'echo $$ > $0; exec sleep 600'\n"
        "with beside(lambda: run('one', ['sh', '-c', note, sys.argv[1] + '/one'], seconds=600)):\n"
        "    run('two', ['sh', '-c', note, sys.argv[1] + '/two'], seconds=600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    notes = [tmp_path / "one", tmp_path / "two"]
    until(lambda: all(note.exists() and note.read_text() for note in notes), or_else=lambda: process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=LIMIT_SECONDS)
    assert said.rstrip().endswith("KeyboardInterrupt")
    for note in notes:
        with pytest.raises(ProcessLookupError):
            os.kill(int(note.read_text()), 0)


def test_a_log_has_one_line_now_and_then_of_all_that_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.3)
    with beside(lambda: run("building", ["sleep", "1"], seconds=LIMIT_SECONDS)):
        run("installing", ["sleep", "1"], seconds=LIMIT_SECONDS)
    lines = capsys.readouterr().out.splitlines()
    told = [line for line in lines if "…" in line]
    assert sorted(set(lines) - set(told)) == ["· building", "· installing"]
    assert 1 <= len(told) <= 4  # and not one for each
    assert any("building, " in line and "installing, " in line for line in told)


def test_a_step_that_is_short_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    run("copying", ["sleep", "0.3"], seconds=LIMIT_SECONDS)
    assert capsys.readouterr().out == "· copying\n"


def test_a_terminal_has_it_on_its_last_line_which_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as screen:
        monkeypatch.setattr(sys, "stdout", screen)
        monkeypatch.setattr(progress, "_TERMINAL_SECONDS", 0.1)
        monkeypatch.setenv("COLUMNS", "30")
        run("building something with a long name", ["sleep", "0.5"], seconds=LIMIT_SECONDS)
        say("done")
    shown = read_terminal(ours)
    assert "\r\x1b[K  … building something with" in shown
    *_, last_but_one, last = shown.replace("\r\n", "\n").rstrip("\n").split("\n")
    assert last.endswith("\r\x1b[K· done") and "…" in last
    assert all(len(part) < 30 for line in (last_but_one, last) for part in line.split("\r\x1b[K") if "…" in part)
