"""The examples, run as their README says."""

import os
import re
import shlex
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.function.package import build_package, this_machine
from ops.__main__ import app
from tests.end_to_end.checkouts import ROOT, Checkout

EXAMPLES = ROOT / "examples"
PREVIEWED = {
    "own-program": ["api"],
    "yaml-program": ["api"],
    "existing-network": ["api"],
    "several-functions": ["api", "migrate", "reports", "worker"],
}


@pytest.mark.engine
def test_a_team_tests_the_pack_against_its_own_programs(checkout: Checkout) -> None:
    done = checkout.run("pytest", "-q", "-p", "no:cacheprovider", "examples/test-the-pack")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert not list(checkout.root.glob("examples/**/Pulumi.test.yaml"))


@pytest.mark.engine
@pytest.mark.parametrize("name", PREVIEWED)
def test_an_example_is_previewed_as_its_readme_says(name: str, checkout: Checkout) -> None:
    project = checkout.root / "examples" / name
    if name == "yaml-program":
        (checkout.root / "components" / "venv").symlink_to("../.venv")  # its README's `ln`
    typed = re.findall(r"^\$ (.*)$", (project / "README.md").read_text(), re.MULTILINE)
    assert typed[0] == f'eval "$(make -s env)" && cd examples/{name}'
    made = ""
    for line in typed[1:]:
        words = shlex.split(line)
        if words[:2] == ["pulumi", "up"] or "dev" in words:  # the rest needs what `up` makes, or an account
            break
        if words[0] == "pulumi":
            done = checkout.pulumi(*words[1:], project=project)
            assert done.returncode == 0, f"{line}\n{done.stdout[-4000:]}{done.stderr}"
            assert "warning: using" not in done.stdout + done.stderr  # a plugin that we put on PATH
            made = done.stdout
    assert "violation" not in made.lower()
    functions = re.findall(r"^ *\+ +aws:lambda:Function +(\S+)", made, re.MULTILINE)
    assert sorted(each for each in functions if "admin" not in each) == PREVIEWED[name], made


@pytest.mark.engine
@pytest.mark.servers
def test_the_frameworks_run_as_their_readme_says(checkout: Checkout) -> None:
    readme = (EXAMPLES / "frameworks" / "README.md").read_text()
    first, *typed = re.findall(r"^\$ (.*)$", readme, re.MULTILINE)
    assert first == 'eval "$(make -s env)" && cd examples/frameworks'
    # Whoever typed it would confirm; and this copy shares the environment of the checkout that it was made from.
    rooms = os.pathsep.join(str(checkout.root / room) for room in (".", "components", "policies"))
    environment = {"PULUMI_SKIP_CONFIRMATIONS": "true", "PYTHONPATH": rooms}
    done = checkout.run("bash", "-ec", "\n".join(["cd examples/frameworks", *typed]), environment=environment)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    orders = re.findall(r"^ +\d+ \| book \| +(\S*)$", done.stdout, re.MULTILINE)
    (missed,) = re.findall(r'"itemIdentifier": "(\S+)"', done.stdout)
    assert len(orders) == 5 and missed not in orders, done.stdout


_PINNING = """    conn.execute("SELECT set_config('TimeZone', %s, false)", [zone])
    row = conn.execute("SELECT extract(hour FROM now())::int").fetchone()
"""


@pytest.mark.engine
@pytest.mark.servers
def test_an_applications_tests_fail_in_ci_when_they_pin_and_only_then(up: Checkout) -> None:
    readme = (EXAMPLES / "pins-in-ci" / "README.md").read_text()
    first, *typed = re.findall(r"^\$ (.*)$", readme, re.MULTILINE)
    assert first == 'eval "$(make -s env)"'
    script = " && ".join(typed)
    passes = up.run("bash", "-c", script)
    assert passes.returncode == 0, passes.stdout + passes.stderr
    assert "2 passed" in passes.stdout and passes.stderr == "0 sessions pinned that count, 0 allowed\n"

    function = up.root / "examples" / "pins-in-ci" / "hours.py"
    good = function.read_text()
    (line,) = (each for each in good.splitlines(keepends=True) if "AT TIME ZONE" in each)
    function.write_text(good.replace(line, _PINNING))
    try:
        pins = up.run("bash", "-c", script)
    finally:
        function.write_text(good)
    assert pins.returncode == 3, pins.stdout + pins.stderr
    assert "2 passed" in pins.stdout
    shown = readme.rpartition("pinned meanwhile\n")[2].partition("```")[0]
    assert "".join(shown.split()) in "".join(pins.stderr.split()), pins.stderr
    assert all(each.strip() in readme for each in _PINNING.splitlines())


def test_the_own_programs_function_is_what_ops_new_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["new", "function", "api"]).exit_code == 0
    written = {path.name: path.read_text() for path in (tmp_path / "api").iterdir()}
    there = EXAMPLES / "own-program" / "api"
    assert {name: (there / name).read_text() for name in written} == written


def test_what_is_published_sends_nothing_that_pins() -> None:
    rooms = [str(ROOT / name) for name in ("components", "handler", "examples", "__main__.py")]
    done = CliRunner().invoke(app, ["pins", "lint", *rooms])
    assert done.exit_code == 0, done.output
    assert "python 1" in done.output  # more than a hundred files


def test_every_function_of_the_shop_is_in_its_package() -> None:
    handlers = re.findall(r'"handler": "(\w+)\.handler"', (EXAMPLES / "several-functions" / "__main__.py").read_text())
    archive = build_package(EXAMPLES / "several-functions" / "shop", target=this_machine(), engine=Engine.POSTGRESQL)
    names = zipfile.ZipFile(archive).namelist()
    assert len(handlers) == 4
    assert {*(f"{name}.py" for name in handlers), "rds_connection/__init__.py", "psycopg/__init__.py"} <= set(names)
