"""What installs packages: uv where it can be had, and what this machine's pip is told is told to it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toolchain.test_locks import wheel
from toolchain import installer
from toolchain.environments import make_environment


@pytest.fixture
def uv() -> Path:
    found = installer.get_uv()
    assert found is not None
    return found


def locked(folder: Path, name: str) -> Path:
    """A wheel and the list that names it by its hash."""
    folder.mkdir(exist_ok=True)
    digest = subprocess.run(["sha256sum", wheel(folder, name)], capture_output=True, text=True, check=True)
    requirements = folder / f"{name}.txt"
    requirements.write_text(f"{name}==1.0 --hash=sha256:{digest.stdout.split()[0]}\n")
    return requirements


def told_to_uv(uv: Path) -> dict[str, str]:
    return installer._of_pip(uv, frozenset(os.environ.items()))


def test_the_environment_of_uv_has_what_the_list_names_and_pip(
    uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = locked(tmp_path / "served", "peer")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "served"))
    make_environment(tmp_path / "venv", requirements, "a peer")
    python = str(tmp_path / "venv" / "bin" / "python")
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "freeze"], capture_output=True, text=True, check=True
    )
    assert sorted(line.partition("==")[0] for line in listed.stdout.splitlines()) == ["peer", "pip"]


@pytest.mark.parametrize("compiled", [True, False])
def test_what_is_often_started_by_who_cannot_write_is_compiled_ahead(
    uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    requirements = locked(tmp_path / "served", "peer")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "served"))
    options = ["--no-deps", "--target", str(tmp_path / "target")]
    installer.install("a peer", Path(sys.executable), requirements, options, compiled=compiled)
    assert (tmp_path / "target" / "peer.py").exists()
    assert bool(list(tmp_path.glob("target/__pycache__/peer.*.pyc"))) == compiled


def test_where_uv_cannot_be_had_pip_installs_which_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    requirements = locked(tmp_path / "served", "peer")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "served"))
    make_environment(tmp_path / "venv", requirements, "a peer")
    assert list((tmp_path / "venv").glob("lib/*/site-packages/peer.py"))
    assert installer.get_uv() is None
    said = capsys.readouterr().out
    assert said.count("pip installs instead, which takes minutes") == 1 and "getting uv" in said
    assert [path.name for path in (tmp_path / "cache" / "lambda-rds-proxy" / "uv").iterdir()] == ["lock"]


def test_where_uv_does_not_reach_what_pip_reaches_pip_installs(
    uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    requirements = locked(tmp_path / "served", "peer")
    monkeypatch.setattr(installer, "_of_pip", lambda *_: {"UV_NO_INDEX": "1", "UV_OFFLINE": "1"})
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "served"))
    make_environment(tmp_path / "venv", requirements, "a peer")
    assert list((tmp_path / "venv").glob("lib/*/site-packages/peer.py"))
    assert re.search(r"installing a peer failed: .*; pip tries it instead", capsys.readouterr().out)


def test_a_uv_of_another_hash_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    requirements = tmp_path / "uv.txt"
    requirements.write_text(locked(tmp_path / "served", "uv").read_text())
    with (tmp_path / "served" / "uv-1.0-py3-none-any.whl").open("ab") as content:
        content.write(b"\0")
    monkeypatch.setattr(installer, "_UV", requirements)
    monkeypatch.setattr(installer, "_PIP", locked(tmp_path / "served", "pip"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "served"))
    assert installer.get_uv() is None
    assert re.search(r"getting uv.* failed: .*hash.*; pip installs instead", capsys.readouterr().out, re.IGNORECASE)


def test_what_pip_is_told_of_a_machine_is_told_to_uv(uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "links").mkdir()
    settings = tmp_path / "pip.conf"
    settings.write_text(
        "[global]\nindex-url = https://index.example/global\ncert = /etc/ca.pem\ntimeout = 40\n"
        "[install]\nindex-url = https://index.example/install\n"
        "extra-index-url =\n  https://one.example/simple\n  https://two.example/simple\n"
        f"find-links =\n  {tmp_path}/links\n  {tmp_path}/not-there\n  https://links.example/\n"
        "[download]\nindex-url = https://index.example/download\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("PIP_TRUSTED_HOST", "one.example")
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "50")  # told to uv itself
    assert told_to_uv(uv) == {
        "UV_DEFAULT_INDEX": "https://index.example/install",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": f"{tmp_path}/links,https://links.example/",
        "UV_INSECURE_HOST": "one.example",
        "SSL_CERT_FILE": "/etc/ca.pem",
    }
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/environment")
    assert told_to_uv(uv)["UV_DEFAULT_INDEX"] == "https://index.example/environment"


def test_a_python_without_pip_gets_uv_by_an_environment_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Debian's, which has pip in a package of its own.
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$2" != "import pip" ] || exit 1\nexec {installer.base_python()} "$@"\n')
    python.chmod(0o755)
    for requirements, name in ((tmp_path / "uv.txt", "uv"), (tmp_path / "pip.txt", "pip")):
        requirements.write_text(locked(tmp_path / "served", name).read_text())
    monkeypatch.setattr(installer, "_UV", tmp_path / "uv.txt")
    monkeypatch.setattr(installer, "_PIP", tmp_path / "pip.txt")
    monkeypatch.setattr(sys, "_base_executable", str(python))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "served"))
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    (tmp_path / "cache").mkdir()
    with pytest.raises(ValueError, match="not enough values"):  # this uv is a wheel without a program
        installer._get(tmp_path / "cache" / "key")
    assert not list((tmp_path / "cache").iterdir())
