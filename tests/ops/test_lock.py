"""What `ops lock` writes, with uv itself and an index of our own."""

import functools
import hashlib
import http.server
import os
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.function.package import PackageError, Platform, build_package
from ops.__main__ import app

Lock = Callable[..., Result]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Index:
    """Packages as an index serves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, version: str, tag: str = "py3-none-any", needs: str = "") -> str:
        """A wheel; its hash."""
        home = self.folder / "simple" / name
        home.mkdir(parents=True, exist_ok=True)
        wheel = home / f"{name}-{version}-{tag}.whl"
        about = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{name}.py", f"# {version} {tag}\n")
            requires = f"Requires-Dist: {needs}\n" if needs else ""
            archive.writestr(
                f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}"
            )
            archive.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
            archive.writestr(f"{about}/RECORD", "")
        page, digest = home / "index.html", hashlib.sha256(wheel.read_bytes()).hexdigest()
        link = f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>\n'
        page.write_text((page.read_text() if page.exists() else "<!DOCTYPE html>\n") + link)
        return digest


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path / "index")


@pytest.fixture
def function(tmp_path: Path) -> Path:
    folder = tmp_path / "shop" / "api"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("import one\n")
    return folder


@pytest.fixture
def lock(index: Index, function: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lock]:
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(index.folder))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/simple"
        # Whatever somebody's uv is told to write.
        settings = tmp_path / "uv.toml"
        settings.write_text("[pip]\nemit-index-url = true\nemit-find-links = true\nemit-index-annotation = true\n")
        for name in os.environ:
            if name.startswith(("UV_", "PIP_")):
                monkeypatch.delenv(name)
        for name, value in {
            "UV_DEFAULT_INDEX": address, "UV_CONFIG_FILE": str(settings), "UV_NO_CACHE": "1", "NO_PROXY": "127.0.0.1"
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path / "shop")
        yield lambda *words: CliRunner().invoke(app, ["lock", *words])
        server.shutdown()


def test_a_list_has_every_package_with_its_hashes_and_nothing_of_the_index(
    index: Index, function: Path, lock: Lock
) -> None:
    one, two = index.add("one", "1.0", needs="two>=1; python_version < '3.12'"), index.add("two", "1.5")
    (function / "requirements.in").write_text("one\n")
    done = lock("api")
    assert (done.exit_code, done.stdout) == (0, "api/requirements.txt is locked\n"), done.stderr
    text = (function / "requirements.txt").read_text()
    # For the laptop's Python, too.
    marked = " ; python_full_version < '3.12'" if sys.version_info < (3, 12) else None
    parts = [f"one==1.0 \\\n    --hash=sha256:{one}\n    # via -r requirements.in\n"]
    if marked:
        parts.append(f"two==1.5{marked} \\\n    --hash=sha256:{two}\n    # via one\n")
    assert text == "".join(parts)


def test_the_hashes_of_every_platform_are_listed(index: Index, function: Path, lock: Lock) -> None:
    pythons = {f"cp{sys.version_info.major}{sys.version_info.minor}", "cp313"}
    machines = ("manylinux_2_28_aarch64", "manylinux_2_28_x86_64", "macosx_11_0_arm64")
    hashes = {index.add("one", "1.0", f"{each}-{each}-{machine}") for each in pythons for machine in machines}
    (function / "requirements.in").write_text("one\n")
    assert lock("api").exit_code == 0
    text = (function / "requirements.txt").read_text()
    assert {each for each in hashes if each in text} == hashes


@pytest.mark.parametrize(("option", "has"), [("arm64", "x86_64"), ("x86_64", "aarch64")])
def test_a_package_that_lambda_cannot_have_is_refused_and_the_list_stays(
    index: Index, function: Path, lock: Lock, option: str, has: str
) -> None:
    index.add("one", "1.0", f"cp38-abi3-manylinux_2_28_{has}")
    (function / "requirements.in").write_text("one\n")
    (function / "requirements.txt").write_text("# mine\n")
    done = lock("api", "--architecture", option)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: uv cannot lock api/requirements.in: ") and "no wheels" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (function / "requirements.txt").read_text() == "# mine\n"
    other = {"arm64": "x86_64", "x86_64": "arm64"}[option]
    assert lock("api", "--architecture", other).exit_code == 0


def test_versions_are_kept_until_newer_ones_are_asked_for(index: Index, function: Path, lock: Lock) -> None:
    index.add("one", "1.0")
    (function / "requirements.in").write_text("one\n")
    assert lock("api").exit_code == 0
    index.add("one", "1.1")
    index.add("two", "2.0")
    (function / "requirements.in").write_text("one\ntwo\n")
    with pytest.raises(PackageError, match=r"requirements\.txt lacks two, .*; run: python -m ops lock "):
        build_package(function, target=Platform(python="3.13", architecture="arm64"), engine=Engine.POSTGRESQL)
    assert lock("api").exit_code == 0
    text = (function / "requirements.txt").read_text()
    assert "one==1.0 " in text and "two==2.0 " in text
    assert lock("api", "--upgrade").exit_code == 0
    assert "one==1.1 " in (function / "requirements.txt").read_text()


def test_every_list_of_a_folder_is_locked_or_the_one_that_is_named(index: Index, function: Path, lock: Lock) -> None:
    index.add("one", "1.0")
    for name in ("requirements", "requirements-mysql", "requirements-postgresql"):
        (function / f"{name}.in").write_text("one\n")
    assert lock("api/requirements-mysql.in").stdout == "api/requirements-mysql.txt is locked\n"
    assert not (function / "requirements.txt").exists()
    assert lock("api").stdout.splitlines() == [
        f"api/{name}.txt is locked" for name in ("requirements", "requirements-postgresql", "requirements-mysql")
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["api"], "api has no requirements.in; name the function's packages there, one on a line"),
        (["nowhere"], "nowhere has no requirements.in; name the function's packages there, one on a line"),
        (["api/requirements.in"], "api/requirements.in has no requirements.in"),
    ],
)
def test_what_there_is_nothing_to_lock_of_is_one_sentence(
    words: list[str], said: str, function: Path, lock: Lock
) -> None:
    done = lock(*words)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {said}"), done.stderr


def test_a_python_that_is_none_is_named(function: Path, lock: Lock) -> None:
    (function / "requirements.in").write_text("one\n")
    done = lock("api", "--python", "python3.13")
    assert (done.exit_code, done.stderr) == (
        2,
        'error: --python is "python3.13"; it must be a version of Python such as 3.13\n',
    )


def test_a_package_that_there_is_not_is_one_sentence(function: Path, lock: Lock) -> None:
    (function / "requirements.in").write_text("missing-thing\n")
    done = lock("api")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: uv cannot lock api/requirements.in: ") and done.stderr.count("\n") == 1
    assert "missing-thing" in done.stderr
    assert not (function / "requirements.txt").exists()
