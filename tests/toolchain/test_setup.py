"""Getting what is needed: what is found, what is said when it cannot be had, and that nothing half-made is used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain import engine, environments, servers, shell
from toolchain.progress import CommandError, run

ROOT = Path(__file__).resolve().parents[2]


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing of Pulumi or Go, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(engine, "_DOWNLOAD_SECONDS", 1.0)
    monkeypatch.setattr(engine, "venv_python", lambda _: Path("/bin/false"))
    return tmp_path


def test_a_pulumi_on_path_that_is_new_enough_is_used(empty_machine: Path) -> None:
    executable(empty_machine / "bin" / "pulumi", "echo v3.249.0")
    assert engine.get_engine(ROOT) == empty_machine / "bin"


def test_a_pulumi_on_path_that_is_too_old_is_not(empty_machine: Path) -> None:
    executable(empty_machine / "bin" / "pulumi", "echo v3.248.9")
    assert engine.engine_folder(ROOT) is None


def test_a_pulumi_that_does_not_run_is_not_used(empty_machine: Path) -> None:
    executable(empty_machine / "bin" / "pulumi", "exit 1")
    assert engine.engine_folder(ROOT) is None


def test_neither_go_nor_network_is_one_sentence_that_says_what_to_install(empty_machine: Path) -> None:
    with pytest.raises(CommandError, match=r"install Pulumi 3\.249 or later .* or Go 1\.26 or later"):
        engine.get_engine(ROOT)
    left = [path.name for path in (empty_machine / "cache" / "lambda-rds-proxy" / "engine").iterdir()]
    assert left == ["lock"]


def test_a_build_that_fails_leaves_nothing(empty_machine: Path) -> None:
    executable(empty_machine / "bin" / "go", '[ "$1" = env ] && exit 0; echo "no such module" >&2; exit 1')
    with pytest.raises(CommandError, match="no such module"):
        engine.get_engine(ROOT)
    left = [path.name for path in (empty_machine / "cache" / "lambda-rds-proxy" / "engine").iterdir()]
    assert left == ["lock"]


def test_an_official_engine_brings_its_own_language_host(empty_machine: Path) -> None:
    executable(empty_machine / "official" / "pulumi", "echo v3.272.0")
    assert engine.needs_language_host(empty_machine / "official")
    executable(empty_machine / "official" / "pulumi-language-python", "")
    assert not engine.needs_language_host(empty_machine / "official")


def test_an_environment_of_another_list_is_made_anew(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")
    asked = tmp_path / "asked"
    executable(tmp_path / "venv" / "bin" / "python", f'echo "$@" >> {asked}')
    for _ in range(2):
        environments._environment(tmp_path / "venv", requirements, "nothing")
    assert len(asked.read_text().splitlines()) == 1
    assert "--require-hashes" in asked.read_text()
    requirements.write_text("# another list\n")
    assert not environments._is_made(tmp_path / "venv", requirements)
    environments._environment(tmp_path / "venv", requirements, "nothing")
    assert len(asked.read_text().splitlines()) == 2


def test_an_environment_whose_installation_failed_is_not_used(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("nothing-of-this-name==1\n")
    executable(tmp_path / "venv" / "bin" / "python", "echo 'no such package' >&2; exit 1")
    with pytest.raises(CommandError, match="installing what does not exist failed: no such package"):
        environments._environment(tmp_path / "venv", requirements, "what does not exist")
    assert not environments._is_made(tmp_path / "venv", requirements)


def test_missing_servers_are_named_with_the_one_command_for_who_may_not_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(servers, "PACKAGES", {"postgresql": lambda: True, "pgbouncer": lambda: False})
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CommandError, match="run: sudo sh -c 'apt-get update && apt-get install -y pgbouncer'"):
        servers.install_servers()


def test_another_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(CommandError, match="needs Linux or WSL2, and this is darwin"):
        servers.install_servers()


def test_a_slow_command_is_ended_and_named() -> None:
    with pytest.raises(CommandError, match="sleeping: not done within 0 s"):
        run("sleeping", ["sleep", "60"], seconds=0.3)


def test_the_lines_of_make_env_survive_any_path() -> None:
    text = shell.export_lines({"A": "with space", "B": "quote's $HOME `x`"})
    done = subprocess.run(["sh", "-c", text + 'printf "%s|%s" "$A" "$B"'], capture_output=True, text=True, check=True)
    assert done.stdout == "with space|quote's $HOME `x`"


def test_an_unknown_command_says_which_there_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "toolchain", "nonsense"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "setup|env|lock" in done.stderr
