"""`ops`, the program that the shell completes, and `python -m ops`, which it cannot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = [sys.executable, "-m", "ops"]
PATHS = f"{ROOT}:{ROOT / 'components'}:{ROOT / 'policies'}"


def run(command: list[str], folder: Path, **environment: str) -> str:
    changed = {**os.environ, "PYTHONPATH": PATHS, **environment}
    return subprocess.run(command, cwd=folder, env=changed, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("command", [[str(ROOT / "local" / "bin" / "ops")], MODULE])
def test_the_shell_completes_ops_by_asking_ops(command: list[str], tmp_path: Path) -> None:
    script = run([*command, "--show-completion", "bash"], tmp_path, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert script.rstrip().endswith("-F _ops_completion ops")
    assert "_OPS_COMPLETE=complete_bash" in script


def test_commands_are_completed_from_any_folder(tmp_path: Path) -> None:
    program = str(ROOT / "local" / "bin" / "ops")
    found = run([program], tmp_path, _OPS_COMPLETE="complete_bash", COMP_WORDS="ops ca", COMP_CWORD="1")
    assert found.split() == ["capacity"]


def test_a_command_that_looks_at_aws_needs_no_laptop() -> None:
    modules = "ops.capacity.command, ops.invoke, ops.storm.command, ops.survey.command"
    code = f"import sys; sys.modules['local'] = None; import {modules}"  # None: importing it fails
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": PATHS}, check=True)


def test_an_error_is_one_line_whatever_its_length_and_ends_with_its_own_status() -> None:
    many = ["--max-connections", "400", "--class", "db.t4g.micro"]
    done = subprocess.run([*MODULE, "capacity", *many], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: --max-connections 400 and --class db.t4g.micro say the same; give one of them\n"
