"""What a laptop cloud left behind goes without its help, and nothing else does."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import LIMIT_SECONDS
from toolchain import remains
from toolchain.checkout import LAPTOP_MARK, gateway_url, laptop_state, subnet
from toolchain.progress import CommandError
from toolchain.remains import end_processes, remove_remains


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """The state of a checkout that is `tmp_path`."""
    folder = laptop_state(tmp_path)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def marked(folder: Path, *command: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command or ["sleep", "600"], env={**os.environ, LAPTOP_MARK: str(folder)})


def test_processes_and_files_go_and_those_of_another_checkout_stay(tmp_path: Path, state: Path) -> None:
    ours, others = marked(state), marked(state.with_name(state.name + "0"))
    person = subprocess.Popen(["sleep", "600"], cwd=state)
    try:
        remove_remains(tmp_path)
        assert ours.wait(LIMIT_SECONDS) == -9
        assert others.poll() is None and person.poll() is None
        assert not state.exists()
        remove_remains(tmp_path)
    finally:
        for process in (ours, others, person):
            process.kill()
            process.wait()


def test_a_postgres_is_known_by_where_it_works(tmp_path: Path, state: Path) -> None:
    program = tmp_path / "postgres"  # its title has overwritten its environment
    shutil.copy2(shutil.which("sleep") or "", program)
    (state / "instances").mkdir()
    ours = subprocess.Popen([str(program), "600"], cwd=state / "instances", env={})
    another = subprocess.Popen([str(program), "600"], cwd=tmp_path, env={})
    try:
        end_processes(state)
        assert ours.wait(LIMIT_SECONDS) == -9
        assert another.poll() is None
    finally:
        another.kill()
        another.wait()


def test_whoever_cleans_up_does_not_end_itself(state: Path) -> None:
    code = "import sys\nfrom pathlib import Path\nfrom toolchain.remains import end_processes\n"
    cleaner = marked(state, sys.executable, "-c", code + f"end_processes(Path({str(state)!r}))")
    assert cleaner.wait(LIMIT_SECONDS) == 0


def test_a_port_that_stays_taken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remains, "_FREE_SECONDS", 0.1)
    with socket.socket() as taken:
        taken.bind((f"{subnet(tmp_path)}.1", int(gateway_url(tmp_path).rpartition(":")[2])))
        taken.listen()
        with pytest.raises(CommandError, match=rf"still listens at {subnet(tmp_path)}\.1:4566"):
            remove_remains(tmp_path)
