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


@pytest.mark.parametrize("name", ["ops", "lambda-rds-proxy-ops", "python -m ops"])
def test_a_printed_step_has_the_name_by_which_the_tools_were_called(name: str, tmp_path: Path) -> None:
    installed = tmp_path / "lambda-rds-proxy-ops"
    installed.write_text("from ops.__main__ import main\nmain()\n")
    commands = {"ops": [str(ROOT / "local" / "bin" / "ops")], installed.name: [sys.executable, str(installed)]}
    told = run([*commands.get(name, MODULE), "new", "function", "api"], tmp_path)
    assert told.endswith(f", {name} lock api\n")
    assert f"Usage: {name} new" in run([*commands.get(name, MODULE), "new", "--help"], tmp_path)


def test_an_error_is_one_line_whatever_its_length_and_ends_with_its_own_status() -> None:
    many = ["--max-connections", "400", "--class", "db.t4g.micro"]
    done = subprocess.run([*MODULE, "capacity", *many], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: --max-connections 400 and --class db.t4g.micro say the same; give one of them\n"


_WITHOUT_LAPTOP = """
import runpy, sys
sys.modules["local"] = None  # what importing it then raises: ModuleNotFoundError
sys.argv = ["ops", *sys.argv[1:]]
runpy.run_module("ops", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("command", "status"), [("doctor", 2), ("watch", 2), ("capacity", 2), ("invoke", 2), ("storm", 1)]
)
def test_a_stack_on_aws_is_looked_at_where_there_is_no_laptop_stack(command: str, status: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_LAPTOP, command, "--stack", "prod"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": PATHS, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    # As far as without `pulumi`.
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.splitlines()[-1].startswith("error: there is no `pulumi` on PATH")


def test_a_command_that_there_is_not_is_met_with_one_that_there_is() -> None:
    done = subprocess.run([*MODULE, "docto"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Did you mean 'doctor'" in done.stderr
