"""Tests beside busy processes: how often they ran, what failed, and that nothing stays."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.processes import kill, program, tree, wait_for_the_end
from tests.under_load import Run, main, table
from tests.waiting import LIMIT_SECONDS, until

ROOT = Path(__file__).resolve().parents[1]
Started = Callable[..., "subprocess.Popen[str]"]
BUSY = "while True: pass"


@pytest.fixture
def module(tmp_path: Path) -> Callable[[str], str]:
    """A module of tests with this text: its path."""

    def write(text: str) -> str:
        path = tmp_path / "test_of_the_test.py"
        path.write_text(text)
        return str(path)

    return write


def under_load(*words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.under_load", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def busy(pid: int) -> list[psutil.Process]:
    found = []
    for each in tree(pid):
        try:
            found += [each] if BUSY in each.cmdline() and program(each) != "setpriv" else []
        except psutil.NoSuchProcess:
            continue
    return found


def test_each_run_is_told_beside_so_many_busy_processes_and_the_status_says_whether_all_were_green(
    module: Callable[[str], str], tmp_path: Path
) -> None:
    path = module(
        "import os, pathlib, psutil\n"
        f"runs = pathlib.Path({str(tmp_path / 'runs')!r})\n"
        "def beside():\n"
        f"    return [each for each in psutil.Process(os.getppid()).children() if {BUSY!r} in each.cmdline()]\n"
        "def test_beside_others(): assert len(beside()) == 2\n"
        "def test_flaky():\n"
        "    runs.write_text(runs.read_text() + 'x' if runs.exists() else 'x')\n"
        "    assert runs.read_text() != 'xx'\n"
    )
    ran = under_load(path, "--times", "2", "--busy", "2")
    said, _ = ran.communicate(timeout=LIMIT_SECONDS)
    assert ran.returncode == 1
    counted = [line.split() for line in said[said.index("run  tests") :].splitlines()]
    assert [line[:3] for line in counted if line[0].isdigit() and len(line) == 5] == [
        ["1", "2", "0"],
        ["2", "2", "1"],
    ]
    # Where the checkout stands decides how much of the path pytest names.
    assert re.search(r"failed: \S*test_of_the_test::test_flaky", said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_however_it_ends(module: Callable[[str], str], tmp_path: Path, number: int) -> None:
    begun, torn_down = tmp_path / "begun", tmp_path / "torn down"
    path = module(
        "import pathlib, pytest, time\n"
        "@pytest.fixture\n"
        "def server():\n"
        "    yield\n"
        f"    pathlib.Path({str(torn_down)!r}).touch()\n"
        "def test_that_never_ends(server):\n"
        f"    pathlib.Path({str(begun)!r}).touch()\n"
        "    time.sleep(600)\n"
    )
    ran = under_load(path, "--busy", "2")
    started = tree(ran.pid)
    try:
        until(begun.exists, or_else=lambda: ran.poll() is not None)
        assert len(busy(ran.pid)) == 2
        started = tree(ran.pid)
        ran.send_signal(number)
        wait_for_the_end(started)
    finally:
        kill(*started)
        ran.communicate()
    assert torn_down.exists()
    assert ran.returncode == (-number if number == signal.SIGKILL else 128 + number)


def test_in_reverse_the_last_test_is_the_first(module: Callable[[str], str], tmp_path: Path) -> None:
    order = tmp_path / "order"
    path = module(
        f"import pathlib\norder = pathlib.Path({str(order)!r})\n"
        "def note(word): order.open('a').write(word)\n"
        "def test_one(): note('1')\n"
        "def test_two(): note('2')\n"
    )
    ran = under_load(path, "--times", "1", "--busy", "0", "--reverse")
    ran.communicate(timeout=LIMIT_SECONDS)
    assert (ran.returncode, order.read_text()) == (0, "21")


def test_the_slowest_of_all_runs_come_first() -> None:
    runs = [
        Run(status=0, seconds=4, tests={"a": 1.0, "b": 2.0}, failed=[]),
        Run(status=0, seconds=4, tests={"a": 3.0, "b": 0.5}, failed=[]),
    ]
    assert [line.split() for line in table(runs).splitlines()[-2:]] == [["3.0", "a"], ["2.0", "b"]]


def test_no_module_is_refused_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "MODULE" in capsys.readouterr().err
