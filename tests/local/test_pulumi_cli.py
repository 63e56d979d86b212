"""What stands in the way of Pulumi, and how it is told; `pulumi` is a script of the test's."""

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from local import pulumi_cli
from local.pulumi_cli import PulumiError
from tests.processes import tree, wait_for_the_end
from toolchain.checkout import checkout_cache


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `pulumi` that says what the file `said` holds, fails while it is there, and notes what it was asked."""
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    said, asked = tmp_path / "said", tmp_path / "asked"
    program.write_text(f'#!/bin/sh\necho "$1" >> {asked}\n[ ! -e {said} ] || {{ cat {said}; rm {said}; exit 255; }}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def lock(root: Path, name: str, text: str, *, age: float) -> Path:
    file = checkout_cache(root) / "backend" / ".pulumi" / "locks" / "organization" / "project" / "local" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (time.time() - age, time.time() - age))
    return file


def test_what_was_left_half_written_goes_and_every_other_file_stays(pulumi: Path) -> None:
    empty = lock(pulumi, "one.json.18eb.tmp", "", age=10)
    half = lock(pulumi, "two.json", '{"pid": 1', age=10)
    whole = lock(pulumi, "three.json", '{"pid": 1}', age=10)
    attributes = whole.with_name("local.json.attrs")
    attributes.touch()
    pulumi_cli.run(pulumi, "up")
    assert [each.exists() for each in (empty, half, whole, attributes)] == [False, False, True, False]


def test_what_is_being_written_is_waited_for(pulumi: Path) -> None:
    being_written = lock(pulumi, "four.json", "", age=0)
    writer = threading.Timer(0.2, being_written.write_text, ['{"pid": 1}'])
    writer.start()
    pulumi_cli.run(pulumi, "up")
    assert being_written.read_text() == '{"pid": 1}'


def test_the_lock_of_a_run_that_was_killed_while_it_made_the_stack_goes(pulumi: Path) -> None:
    left = lock(pulumi, "five.json", '{"pid": 1}', age=10)
    locked = "the stack is currently locked by 1 lock(s): created by me@here (pid 4194305)"
    (pulumi / "bin" / "pulumi").write_text(
        f'#!/bin/sh\n[ "$2" != init ] || [ ! -e {left} ] || {{ echo "{locked}"; exit 255; }}\n'
    )
    pulumi_cli.ensure_stack(pulumi)
    assert not left.exists()


def test_a_backend_that_cannot_be_read_is_told_and_not_taken_for_an_empty_one(pulumi: Path) -> None:
    (pulumi / "said").write_text("error: failed to load checkpoint: EOF")
    with pytest.raises(PulumiError, match="failed to load checkpoint"):
        pulumi_cli.ensure_stack(pulumi)


def test_a_lock_that_a_killed_run_left_is_cancelled_and_the_command_runs_again(pulumi: Path) -> None:
    (pulumi / "said").write_text("error: the stack is currently locked by 1 lock(s)\n")
    pulumi_cli.run(pulumi, "up")
    assert (pulumi / "asked").read_text().split() == ["up", "cancel", "refresh", "up"]


def test_the_lock_of_a_pulumi_that_is_at_work_stays(pulumi: Path) -> None:
    program = pulumi / "pulumi"
    shutil.copy2(shutil.which("sleep") or "", program)
    with subprocess.Popen([str(program), "600"]) as at_work:
        locked = "error: the stack is currently locked by 1 lock(s).\n  {0}: created by me@here (pid {1}) at noon\n"
        (pulumi / "said").write_text(locked.format("file:///lock.json", at_work.pid))
        with pytest.raises(PulumiError, match=rf"another pulumi \(process {at_work.pid}\) is at work on the stack"):
            pulumi_cli.run(pulumi, "up")
        at_work.kill()
    assert (pulumi / "asked").read_text().split() == ["up"]


def test_the_lock_of_a_killed_pulumi_goes_although_nobody_has_asked_for_its_end_yet(pulumi: Path) -> None:
    program = pulumi / "pulumi"
    shutil.copy2(shutil.which("sleep") or "", program)
    with subprocess.Popen([str(program), "600"]) as killed:
        locked = (
            "error: the stack is currently locked by 1 lock(s).\n  file:///lock.json: created by me@here (pid {0})\n"
        )
        (pulumi / "said").write_text(locked.format(killed.pid))
        killed.kill()
        wait_for_the_end(tree(killed.pid))
        pulumi_cli.run(pulumi, "up")
    assert (pulumi / "asked").read_text().split() == ["up", "cancel", "refresh", "up"]


def test_a_full_disk_is_told_with_the_way_out(pulumi: Path) -> None:
    (pulumi / "said").write_text("error: write lock.json: no space left on device\n")
    with pytest.raises(PulumiError, match="pulumi up failed: the disk is full; free some space"):
        pulumi_cli.run(pulumi, "up")


def test_any_other_failure_points_at_what_pulumi_said(pulumi: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (pulumi / "said").write_text("error: something else\n")
    with pytest.raises(PulumiError, match="pulumi up failed; what it said is above"):
        pulumi_cli.run(pulumi, "up")
    assert "error: something else" in capfd.readouterr().out
