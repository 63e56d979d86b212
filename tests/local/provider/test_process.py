"""The provider as a process: how it starts, and that it never outlives who started it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import tree, wait_for_the_end
from tests.waiting import LIMIT_SECONDS

ROOT = Path(__file__).resolve().parents[3]
PLUGIN = [sys.executable, "-m", "local.provider"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'components'}"}


def test_its_first_line_is_its_port_and_it_ends_when_it_is_told_to() -> None:
    with subprocess.Popen(PLUGIN, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT) as plugin:
        assert plugin.stdout is not None
        assert 0 < int(plugin.stdout.readline()) < 65536
        plugin.terminate()
        assert plugin.wait(LIMIT_SECONDS) == 0


def test_it_ends_with_an_engine_that_is_killed() -> None:
    engine = "import subprocess, sys; p = subprocess.Popen(sys.argv[1:]); print(p.pid, flush=True); p.wait()"
    command = [sys.executable, "-c", engine, *PLUGIN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT) as parent:
        assert parent.stdout is not None
        plugin = tree(int(parent.stdout.readline()))
        parent.stdout.readline()  # its port: it serves
        parent.kill()
        parent.wait()
        wait_for_the_end(plugin)


@pytest.mark.parametrize("flags", [[], ["--logtostderr", "-v=9"]])
def test_it_ends_when_the_engine_was_killed_before_it_came_up(flags: list[str]) -> None:
    nobody_listens = "127.0.0.1:9"
    plugin = subprocess.Popen([*PLUGIN, *flags, nobody_listens], stdout=subprocess.DEVNULL, env=ENVIRONMENT, cwd=ROOT)
    try:
        assert plugin.wait(LIMIT_SECONDS) == 0
    finally:
        plugin.kill()
        plugin.wait()
