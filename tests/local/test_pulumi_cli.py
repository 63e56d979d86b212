"""What stands in the way of Pulumi, and how it is told; `pulumi` is a script of the test's."""

import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from local import pulumi_cli
from local.engine_output import summary
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
    with pytest.raises(PulumiError, match=r"pulumi up failed; what it said is above, and whole in .*/pulumi-up\.log"):
        pulumi_cli.run(pulumi, "up")
    assert "error: something else" in capfd.readouterr().out


CREATED = """\
Updating (local):
 +  pulumi:pulumi:Stack orders creating (0s) 1 message
 +  aws:iam:Role a creating (0s)
 +  aws:iam:Role a created (0.1s)
 ~  aws:rds:Proxy b updated (0.1s) [diff: ~tags]
 +  pulumi:pulumi:Stack orders created (1s) 2 warnings; 1 message
Policies:
    ✅ the-pack@v1

Diagnostics:
  pulumi:pulumi:Stack (orders):
    warning: the engine's own

Outputs:
    name: "value"

Resources:
    + 1 created
    ~ 1 updated

Duration: 1s
"""


def test_a_run_is_told_on_one_screen_with_its_warnings_and_whole_in_a_file(
    pulumi: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (pulumi / "bin" / "pulumi").write_text(f"#!/bin/sh\ncat {pulumi}/said\n")
    (pulumi / "said").write_text(CREATED)
    pulumi_cli.run(pulumi, "up")
    *told, log = capfd.readouterr().out.splitlines()
    assert told == [
        " + aws:iam:Role a", " ~ aws:rds:Proxy b", "Policies:", "    ✅ the-pack@v1",
        "  pulumi:pulumi:Stack (orders):", "    warning: the engine's own",
        "Resources: + 1 created, ~ 1 updated, in 1s",
    ]  # fmt: skip
    file = Path(log.removeprefix("· all that pulumi up said: "))
    assert file.read_text() == CREATED and file.stat().st_mode & 0o077 == 0


def test_the_programs_progress_is_not_told_when_it_is_over() -> None:
    said = ["downloading the wheels of handler for python3.13 on arm64", "packaging handler for python3.13 on arm64"]
    lines = ["Diagnostics:", "  pulumi:pulumi:Stack (orders):", *(f"    info: {each}" for each in said)]
    assert summary([*lines, "Duration: 1s"]) == ["Duration: 1s"]
    cost = "    info: on AWS about 57.78 USD a month"
    assert summary([*lines, cost]) == ["  pulumi:pulumi:Stack (orders):", cost]


def test_many_resources_are_counted_by_their_service() -> None:
    lines = [f" +  aws:{each}:Thing number-{number} created (1s)" for number in range(20) for each in ("ec2", "iam")]
    assert summary([*lines, "Resources:"])[0] == " + ec2 20, iam 20"


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        ([], ["stack init local"]),
        ([{"name": "organization/lambda-rds-proxy/dev", "current": True}], ["stack init local --no-select"]),
        ([{"name": "local", "current": False}], ["stack select local"]),
        ([{"name": "local", "current": True}], []),
        ([{"name": "local", "current": False}, {"name": "dev", "current": True}], []),
    ],
)
def test_the_stack_is_selected_unless_its_user_selected_another(pulumi: Path, listed: object, asked: list[str]) -> None:
    (pulumi / "listed").write_text(json.dumps(listed))
    (pulumi / "bin" / "pulumi").write_text(
        f'#!/bin/sh\n[ "$2" != ls ] || exec cat {pulumi}/listed\necho "$@" >> {pulumi}/asked\n'
    )
    (pulumi / "asked").touch()
    pulumi_cli.ensure_stack(pulumi)
    said = (pulumi / "asked").read_text().replace(" --non-interactive", "").splitlines()
    assert said == asked


@pytest.mark.parametrize("is_new", [True, False])
def test_the_stack_is_exported_beside_the_look_for_it_and_again_when_it_is_made(pulumi: Path, is_new: bool) -> None:
    known = pulumi / "listed"
    known.write_text("[]" if is_new else '[{"name": "local", "current": true}]')
    (pulumi / "bin" / "pulumi").write_text(
        f'#!/bin/sh\necho "$2" >> {pulumi}/asked\ncase "$2" in\n'
        f"ls) until grep -q export {pulumi}/asked; do sleep 0.05; done; cat {known};;\n"
        f"init) touch {pulumi}/made;;\n"
        f"export) {'[ -e ' + str(pulumi / 'made') + ' ] || exit 255; ' if is_new else ''}echo '{{}}';;\nesac\n"
    )
    assert pulumi_cli.ensured(pulumi) == "{}\n"
    asked = (pulumi / "asked").read_text().split()
    assert sorted(asked[:2]) == ["export", "ls"]
    assert asked[2:] == (["init", "export"] if is_new else [])
