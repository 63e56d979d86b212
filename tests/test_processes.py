"""A process that is gone between two looks is no error: it is what whoever kills it wanted."""

import subprocess
import sys

import psutil
import pytest

from tests.processes import children, is_running, kill, program, running, tree, wait_for_the_end

_SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def gone() -> psutil.Process:
    """A process that has ended, and whose parent has asked for its end."""
    with subprocess.Popen(_SLEEPS) as process:
        found = psutil.Process(process.pid)
        process.kill()
    return found


def test_one_that_is_gone_is_killed_waited_for_and_looked_at_without_an_error(gone: psutil.Process) -> None:
    with pytest.raises(psutil.NoSuchProcess):
        gone.kill()
    kill(gone)
    wait_for_the_end([gone])
    assert (tree(gone.pid), children(gone.pid), program(gone), is_running(gone.pid)) == ([], [], "", False)


def test_one_that_nobody_has_asked_for_its_end_yet_has_ended() -> None:
    with subprocess.Popen(_SLEEPS) as process:
        assert is_running(process.pid)
        assert [each.pid for each in running("time.sleep(600)") if each.pid == process.pid] == [process.pid]
        process.kill()
        wait_for_the_end(tree(process.pid))
        assert not is_running(process.pid)


def test_the_others_are_killed_although_one_is_gone(gone: psutil.Process) -> None:
    with subprocess.Popen(_SLEEPS) as process:
        kill(gone, psutil.Process(process.pid))
        assert process.wait() < 0
