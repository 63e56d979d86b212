import hashlib
import os
import stat
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest

from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.function import bytecode, package
from lambda_rds_proxy.function.args import CHECKS
from lambda_rds_proxy.function.bytecode import bytecode_of, python_of
from lambda_rds_proxy.function.package import PackageError, Platform, build_package, this_machine

HERE = this_machine()
_SAMPLE = b"""\
class Pool:
    def __init__(self, sizes):
        self.sizes, self.kept = sizes, {"a", "b", "c"}

    def some(self):
        return [size for size in self.sizes if size in {1, 3, 5}]


def total(path, numbers):
    with open(path) as lines:
        for line in lines:
            print(line)
    return sum(number * 2.5 for number in numbers)
"""
# The SHA-256 of its bytecode by release, measured. 3.12.7 and 3.13.2 are the builds for WebAssembly, whose 3.12.1 wrote
# what Linux's did.
_COMPILED = {
    "3.11.2": "1ee12ba6336797be52d6bc117a997ad3169ac96b84f967259f48d977d5d11f91",
    "3.11.7": "1ee12ba6336797be52d6bc117a997ad3169ac96b84f967259f48d977d5d11f91",
    "3.12.1": "df8a19c4413c89d47b78fca5948c96103727b3043c079d88952ae7b8a140bc40",
    "3.12.7": "74ebc85436d94378ac63352e2d4d7da94a7e0e4a23807bdd673700589d6cd014",
    "3.13.0": "37f1c153c5291ee51369a451cd6689d0bfb4e3836e18fa8cea89a39d9c6632fa",
    "3.13.2": "17247d4d8344b4102c07e7f2e6f72ec3db88c9149a71da165f8a2e463933804f",
}


@cache
def releases() -> dict[str, str]:
    """Release → its interpreter: the one that runs, and all on PATH, so that patch releases of one version meet."""
    versions = [f"3.{minor}" for minor in range(11, 15)]
    names = [(sys.executable, HERE.python)]
    names += [(f"{folder}/python{version}", version) for folder in os.get_exec_path() for version in versions]
    found: dict[str, str] = {}
    for python in filter(None, (bytecode._release(*each) for each in names)):
        found.setdefault(run(python, "import platform; print(platform.python_version())"), python)
    return found


def run(python: str, program: str, folder: Path | None = None) -> str:
    words = [python, "-S", "-s", "-B", "-c", program]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def minor(release: str) -> str:
    return release.rsplit(".", 1)[0]


def build(source: Path, cache: Path, *, target: Platform = HERE, compiled: bool = True) -> Path:
    return build_package(source, target=target, engine=Engine.POSTGRESQL, bytecode=compiled, cache=cache)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "fns"
    (folder / "shop").mkdir(parents=True)
    (folder / "app.py").write_text("from shop import orders\n\ndef handler(event, context):\n    return orders.TAKEN\n")
    (folder / "shop" / "orders.py").write_text("TAKEN = 3\n")
    return folder


def test_each_module_has_its_bytecode_where_the_interpreter_looks_for_it(source: Path, tmp_path: Path) -> None:
    tag = sys.implementation.cache_tag
    assert zipfile.ZipFile(build(source, tmp_path / "cache")).namelist() == [
        f"__pycache__/app.{tag}.pyc", "app.py", f"shop/__pycache__/orders.{tag}.pyc", "shop/orders.py",
    ]  # fmt: skip


def test_modules_of_wheels_have_it_too(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(_: Path, __: str, ___: Platform, folder: Path) -> None:
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "thing-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("thing/__init__.py", "import os\n")

    monkeypatch.setattr(package, "_download", download)
    (source / "requirements.txt").write_text("thing==1 --hash=sha256:0\n")
    names = zipfile.ZipFile(build(source, tmp_path / "cache")).namelist()
    assert f"thing/__pycache__/__init__.{sys.implementation.cache_tag}.pyc" in names


def test_any_patch_release_loads_what_another_compiled_whatever_times_the_files_have(tmp_path: Path) -> None:
    """Lambda's patch release is AWS's choice. One that compiled by itself would meet the raise."""
    program = "import pool; print(pool.Pool([1, 2]).some(), pool.total('/dev/null', [2]))"
    for release, python in releases().items():
        task = tmp_path / release
        for name, content in bytecode_of({"pool.py": _SAMPLE}, python, tmp_path).items():
            (task / name).parent.mkdir(parents=True)
            (task / name).write_bytes(content)
        (task / "pool.py").write_text("raise SystemExit('compiled')\n")
        for other in [each for each in releases() if minor(each) == minor(release)]:
            assert run(releases()[other], program, task) == "[1] 5.0", (release, other)


def test_a_patch_release_compiles_the_same_bytes_on_every_machine(tmp_path: Path) -> None:
    for release, python in releases().items():
        made: list[bytes] = []
        for folder in (tmp_path / release, tmp_path / "a" / "longer" / "path" / release):
            made += bytecode_of({"pool.py": _SAMPLE}, python, folder).values()
        digests = {hashlib.sha256(each).hexdigest() for each in made}
        assert len(made) == 2
        assert digests == {_COMPILED.get(release, min(digests))}, release
        assert b"/var/task/pool.py" in made[0]


def test_packages_have_none_by_default_since_patch_releases_compile_differently(source: Path, tmp_path: Path) -> None:
    assert len({digest for release, digest in _COMPILED.items() if minor(release) == "3.13"}) > 1
    assert CHECKS["bytecode"].default is False
    target = Platform(python="3.98", architecture="arm64")
    assert zipfile.ZipFile(build(source, tmp_path, target=target, compiled=False)).namelist() == [
        "app.py",
        "shop/orders.py",
    ]


def test_a_packages_name_follows_from_its_sources_and_the_key_and_not_from_who_compiled(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(source, tmp_path / "cache")
    assert build(source, tmp_path / "other").read_bytes() == built.read_bytes()
    assert build(source, tmp_path / "cache", compiled=False) != built
    monkeypatch.setattr(package, "python_of", lambda _: None)  # a warm preview needs no interpreter
    assert build(source, tmp_path / "cache") == built
    (source / "app.py").write_text("def handler(event, context): return 2\n")
    with pytest.raises(PackageError):
        build(source, tmp_path / "cache")


def test_the_same_sources_compiled_for_another_python_are_another_package(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "python_of", lambda _: sys.executable)
    names = {build(source, tmp_path, target=Platform(python=each, architecture="arm64")) for each in ("3.12", "3.13")}
    assert len(names) == 2


def test_without_the_functions_python_it_is_refused_with_the_fix(source: Path, tmp_path: Path) -> None:
    with pytest.raises(PackageError) as refused:
        build(source, tmp_path / "cache", target=Platform(python="3.98", architecture="arm64"))
    assert str(refused.value) == (
        f"the package of {source} is to hold bytecode, which only Python 3.98 makes, and there is neither a python3.98 "
        "on PATH nor is this program run by one; install it (such as: uv python install 3.98), or set bytecode to false"
    )
    assert not (tmp_path / "cache" / "packages").exists()


def test_an_interpreter_that_fails_is_said_with_its_reason(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bytecode, "_COMPILE", "raise OSError('no room')")
    with pytest.raises(PackageError, match=r"did not compile the package of .*: OSError: no room; repair it"):
        build(source, tmp_path / "cache")


def test_what_is_no_python_of_this_version_has_no_bytecode_and_the_rest_has(source: Path, tmp_path: Path) -> None:
    (source / "template.py").write_text("class {{ name }}:\n")
    (source / "null.py").write_bytes(b"\0")
    (source / "latin.py").write_bytes(b"name = '\xe9'\n")
    names = [Path(each).name for each in zipfile.ZipFile(build(source, tmp_path / "cache")).namelist()]
    tag = sys.implementation.cache_tag
    assert [each for each in names if each.endswith(".pyc")] == [f"app.{tag}.pyc", f"orders.{tag}.pyc"]


def test_a_functions_own_modules_do_not_stand_in_for_the_compilers(source: Path, tmp_path: Path) -> None:
    for name in ("py_compile.py", "pathlib.py", "sitecustomize.py"):
        (source / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    build(source, tmp_path / "cache")
    assert not (tmp_path / "ran").exists()


def interpreter(folder: Path, script: str) -> None:
    folder.mkdir()
    (folder / "python3.98").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "python3.98").chmod(stat.S_IRWXU)


def test_the_first_on_path_that_is_a_release_of_the_version_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter(tmp_path / "shim", "echo 'python3.98: command not found' >&2; exit 127")
    interpreter(tmp_path / "preview", "printf 'cpython-398\\ncandidate\\n/preview\\n'")
    interpreter(tmp_path / "another", "printf 'pypy398-pp73\\nfinal\\n/another\\n'")
    interpreter(tmp_path / "chosen", "test $PYENV_VERSION = 3.98 && printf 'cpython-398\\nfinal\\n/release\\n'")
    monkeypatch.setenv("PATH", ":".join(str(tmp_path / each) for each in ("none", "shim", "preview", "another")))
    assert python_of("3.98") is None
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tmp_path / 'chosen'}")
    assert python_of("3.98") == "/release"


def test_the_programs_own_python_needs_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert python_of(HERE.python) == sys.executable


def test_a_users_settings_of_python_change_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = build(source, tmp_path / "plain").read_bytes()
    for name, value in (("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere")), ("PYTHONOPTIMIZE", "2"),
                        ("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONHASHSEED", "7")):  # fmt: skip
        monkeypatch.setenv(name, value)
    assert build(source, tmp_path / "set").read_bytes() == plain


def test_what_is_packaged_answers_from_its_bytecode(source: Path, tmp_path: Path) -> None:
    task = tmp_path / "task"
    zipfile.ZipFile(build(source, tmp_path / "cache")).extractall(task)
    for path in task.rglob("*.py"):
        path.write_text("raise SystemExit('compiled')\n")
    assert run(sys.executable, "import app; print(app.handler({}, None))", task) == "3"
