"""The packages: what is in them, what they ask for, and that they install where the repository is not."""

import re
import subprocess
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.packages.conftest import CLEAN, Install
from tests.packages.content import PACKAGES, ROOT, Package, main, problems, version
from tests.waiting import LIMIT_SECONDS

EVERY = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


def project(package: Package) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / package.folder / "pyproject.toml").read_text())
    return found


def requirements(package: Package) -> list[Requirement]:
    said = project(package)["project"]
    extras = [each for extra in said.get("optional-dependencies", {}).values() for each in extra]
    return [Requirement(each) for each in [*said.get("dependencies", ()), *extras]]


def python(interpreter: Path, code: str, folder: Path) -> str:
    done = subprocess.run(
        [str(interpreter), "-c", code],
        cwd=folder,
        env=CLEAN,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_wheel_holds_its_sources_and_nothing_else(wheels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wheels) == 0
    assert f"{len(PACKAGES)} wheels of version {version()}" in capsys.readouterr().out


@EVERY
def test_a_file_that_lacks_differs_or_is_nobodys_is_told(package: Package, wheels: Path, tmp_path: Path) -> None:
    changed = tmp_path / package.wheel
    with zipfile.ZipFile(wheels / package.wheel) as whole, zipfile.ZipFile(changed, "w") as copy:
        data, code = (
            next(each for each in whole.namelist() if each.endswith(suffix) and each.startswith(package.imported))
            for suffix in ("py.typed", "__init__.py")
        )
        for name in whole.namelist():
            if name != data:
                copy.writestr(name, b"changed" if name == code else whole.read(name))
        copy.writestr("secrets.txt", "")
    told = list(problems(package, tmp_path))
    assert f"{package.wheel} lacks {data}" in told
    assert f"{package.wheel} has secrets.txt, which no source is of" in told
    assert f"{code} in {package.wheel} is not what stands in {package.folder}/" in told


def test_a_wheel_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path) == 1
    assert all(package.wheel in capsys.readouterr().err for package in PACKAGES[:1])


@EVERY
def test_the_version_stands_in_one_place_and_the_licence_is_the_repositorys(package: Package, wheels: Path) -> None:
    assert "version" not in project(package)["project"]
    with zipfile.ZipFile(wheels / package.wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        headers = HeaderParser().parsestr(archive.read(metadata).decode())
    assert (headers["Name"], headers["Version"]) == (package.name, version())
    assert headers["License-Expression"] == "Apache-2.0"
    assert (ROOT / package.folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@EVERY
def test_a_range_begins_at_the_version_with_which_everything_is_tested(package: Package) -> None:
    ours = {each.name for each in PACKAGES}
    locked = {}
    for name in ("requirements-dev.txt", f"{package.folder}/requirements.txt"):
        for found, pin in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.]+)", (ROOT / name).read_text(), re.MULTILINE):
            locked[canonicalize_name(found)] = Version(pin)
    for each in requirements(package):
        lowest, beyond = (
            [Version(bound.version) for bound in each.specifier if bound.operator == sign] for sign in (">=", "<")
        )
        if each.name in ours:
            assert each.specifier.contains(version()), each
        elif each.name != "pip":  # whatever came with Python
            assert lowest == [locked[canonicalize_name(each.name)]], each
            assert beyond and beyond[0] > lowest[0], f"{each} does not end before a version that nobody tried"


@EVERY
def test_the_backend_that_builds_it_is_locked(package: Package) -> None:
    build = project(package)["build-system"]
    (needed,) = map(Requirement, build["requires"])
    (pin,) = re.findall(rf"^{needed.name}==(\S+)", (ROOT / "toolchain" / "build.txt").read_text(), re.MULTILINE)
    assert needed.specifier.contains(pin)


def test_the_readme_begins_a_program_of_ones_own_with_the_lines_that_install_it() -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme[readme.index("## A program of your own") :]
    lines = re.findall(r"^\$ (pip install .*?)(?: +#.*)?$", section.partition("```python")[0], re.M)
    assert lines == [f'pip install "git+URL#subdirectory={package.folder}"' for package in PACKAGES]
    assert lines[1] in (ROOT / "handler" / "README.md").read_text()


@EVERY
def test_it_installs_from_the_repository_and_imports_in_an_empty_folder(
    package: Package, repository: Path, install: Install, tmp_path: Path
) -> None:
    if "lambda-rds-proxy" in [each.name for each in requirements(package)]:
        install(tmp_path / "venv", f"git+file://{repository}#subdirectory={PACKAGES[0].folder}")
    interpreter = install(tmp_path / "venv", f"git+file://{repository}#subdirectory={package.folder}")
    code = f"import {package.imported}, sys; print({package.imported}.__file__); print(*sys.path, sep='\\n')"
    file, *path = python(interpreter, code, tmp_path).splitlines()
    assert file.startswith(str(tmp_path / "venv"))
    assert not {str(ROOT), str(ROOT / package.folder)} & set(path)


def test_every_component_and_what_it_reads_loads_from_the_wheel(wheels: Path, install: Install, tmp_path: Path) -> None:
    interpreter = install(tmp_path / "venv", str(wheels / PACKAGES[0].wheel))
    code = """
import lambda_rds_proxy
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
folder = Path(lambda_rds_proxy.__file__).parent
for each in walk_packages(lambda_rds_proxy.__path__, "lambda_rds_proxy."):
    import_module(each.name)
for name in lambda_rds_proxy.COMPONENTS:
    getattr(lambda_rds_proxy, name)
from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.function.package import build_package, this_machine
for engine in Engine:
    print(build_package(folder / "user" / "admin_function", target=this_machine(), engine=engine, cache=Path("cache")))
"""
    archives = python(interpreter, code, tmp_path).split()
    for archive in archives:
        names = set(zipfile.ZipFile(tmp_path / archive).namelist())
        assert {"database_admin/app.py", "certificates/rds.pem", "certificates/amazon-trust-services.pem"} <= names
    assert any(name.startswith("psycopg/") for name in zipfile.ZipFile(tmp_path / archives[0]).namelist())
    assert any(name.startswith("pymysql/") for name in zipfile.ZipFile(tmp_path / archives[1]).namelist())


def test_the_handlers_certificates_are_where_it_looks_for_them(wheels: Path, install: Install, tmp_path: Path) -> None:
    interpreter = install(tmp_path / "venv", str(wheels / PACKAGES[1].wheel) + "[postgresql,mysql]")
    code = """
from rds_connection import postgresql, mysql
from rds_connection.settings import Settings
found = Settings.from_environment({"DB_HOST": "h", "DB_NAME": "n", "DB_USER": "u", "AWS_REGION": "eu-west-1"})
print(found)
"""
    assert "postgresql" in python(interpreter, code, tmp_path)


def test_the_tools_run_where_there_is_no_checkout(wheels: Path, install: Install, tmp_path: Path) -> None:
    for package in (PACKAGES[0], PACKAGES[2]):
        interpreter = install(tmp_path / "venv", str(wheels / package.wheel))
    code = """
import ops
from importlib import import_module
from pkgutil import walk_packages
for each in walk_packages(ops.__path__, "ops."):
    print(import_module(each.name).__name__)
"""
    assert {"ops.aws.source", "ops.doctor.command", "ops.storm.deployed"} <= set(
        python(interpreter, code, tmp_path).split()
    )
    program = str(interpreter.with_name("lambda-rds-proxy-ops"))

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [program, *words], cwd=tmp_path, env={**CLEAN, "PATH": str(tmp_path), "COLUMNS": "100"},
            capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS,
        )  # fmt: skip

    told = run("--help")
    assert told.returncode == 0, told.stderr
    assert "Usage: lambda-rds-proxy-ops" in told.stdout
    for command in ("capacity", "doctor", "invoke", "preflight", "sbom", "storm", "watch"):
        assert f" {command} " in told.stdout
    assert "survey" not in told.stdout  # runs the pack of a checkout
    for command in ("doctor", "watch", "storm"):
        done = run(command)
        assert done.returncode == 2
        assert "there is no laptop stack here" in done.stderr, done.stderr
    done = run("doctor", "--stack", "prod")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "there is no `pulumi` on PATH" in done.stderr
    assert run("capacity", "--max-connections", "405").returncode in (0, 1)
