"""The language host under the real engine: what it runs ends with the call, and with the engine."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest

import lambda_rds_proxy
from tests.processes import tree, wait_for_the_end
from tests.waiting import LIMIT_SECONDS, until
from toolchain.engine import engine_folder
from toolchain.shell import install_plugins, laptop_environment

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.engine


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The real engine with our own language host, on a backend of the test's."""
    engine = engine_folder()
    assert engine is not None, "run `make setup` first"
    variables = {**os.environ, **laptop_environment(ROOT), "PULUMI_HOME": str(tmp_path / "home")}
    install_plugins(ROOT, tmp_path / "home")
    (tmp_path / "backend").mkdir()
    return {**variables, "PULUMI_BACKEND_URL": f"file://{tmp_path / 'backend'}"}


def program(folder: Path, text: str) -> Path:
    folder.mkdir()
    settings = {"name": "tried", "runtime": {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}}}
    (folder / "Pulumi.yaml").write_text(json.dumps(settings))
    (folder / "__main__.py").write_text(text)
    return folder


def pulumi(folder: Path, environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["pulumi", *arguments, "--non-interactive"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS,
    )  # fmt: skip


def test_a_program_runs_with_its_configuration_and_its_output_is_shown(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    text = "import pulumi\nprint('said', pulumi.Config().require('word'))\n"
    folder = program(tmp_path / "p", text + "pulumi.export('dry', pulumi.runtime.is_dry_run())\n")
    pulumi(folder, environment, "stack", "init", "t")
    done = pulumi(folder, environment, "preview", "-s", "t", "--config", "word=hello")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "said hello" in done.stdout and "dry: true" in done.stdout


def test_an_error_of_the_program_is_shown_and_fails_the_run(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = program(tmp_path / "p", "import pulumi\nraise pulumi.RunError('the reason')\n")
    pulumi(folder, environment, "stack", "init", "t")
    done = pulumi(folder, environment, "preview", "-s", "t")
    assert done.returncode != 0
    assert "error: the reason" in done.stdout and "Traceback" not in done.stdout


def test_nothing_is_left_when_the_engine_is_killed(tmp_path: Path, environment: dict[str, str]) -> None:
    note = f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    folder = program(tmp_path / "p", f"import os, pathlib, time\n{note}\ntime.sleep(600)\n")
    pulumi(folder, environment, "stack", "init", "t")
    engine = subprocess.Popen(
        ["pulumi", "preview", "-s", "t", "--non-interactive"],
        cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    pid = tmp_path / "pid"
    until(lambda: pid.exists() and pid.read_text(), or_else=lambda: engine.poll() is not None)
    started = tree(engine.pid)
    assert int(pid.read_text()) in {process.pid for process in started}
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    wait_for_the_end(started)


def test_a_component_package_serves_its_schema(tmp_path: Path, environment: dict[str, str]) -> None:
    package = tmp_path / "components"
    shutil.copytree(ROOT / "components", package, ignore=shutil.ignore_patterns("venv", "__pycache__"))
    (package / "venv").symlink_to(ROOT / ".venv")  # what the package needs is there: it takes a minute to install
    done = pulumi(ROOT, environment, "package", "get-schema", str(package))
    assert done.returncode == 0, done.stdout + done.stderr
    schema = json.loads(done.stdout)
    assert set(schema["resources"]) == {f"lambda-rds-proxy:index:{name}" for name in lambda_rds_proxy.COMPONENTS}


def test_what_a_program_needs_is_installed_into_an_environment_of_its_own(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    folder = program(tmp_path / "p", "")
    settings = {"name": "tried", "runtime": {"name": "python", "options": {"virtualenv": "its own"}}}
    (folder / "Pulumi.yaml").write_text(json.dumps(settings))
    wheel = tmp_path / "needed-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as package:
        package.writestr("needed.py", "")
        package.writestr("needed-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: needed\nVersion: 1.0\n")
        package.writestr("needed-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        package.writestr("needed-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "requirements.txt").write_text(f"--no-index\n{wheel.as_uri()} --hash=sha256:{digest}\n")
    done = pulumi(folder, environment, "install")
    assert done.returncode == 0, done.stdout + done.stderr
    subprocess.run([folder / "its own" / "bin" / "python", "-c", "import needed"], check=True)
    (folder / "requirements.txt").write_text(f"--no-index\n{wheel.as_uri()}\n")
    assert pulumi(folder, environment, "install").returncode != 0, "it was installed without a hash"
