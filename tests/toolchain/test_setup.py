"""Getting what is needed: what is found, what is said when it cannot be had, and that nothing half-made is used."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.waiting import LIMIT_SECONDS, until
from toolchain import engine, environments, installer, servers, shell
from toolchain.__main__ import main
from toolchain.progress import CommandError, os_reason, run

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
    monkeypatch.setattr(engine, "_RELEASES", (tmp_path / "no-release").as_uri())
    return tmp_path


def test_a_pulumi_on_path_that_is_new_enough_is_used(empty_machine: Path) -> None:
    executable(empty_machine / "bin" / "pulumi", "echo v3.249.0")
    assert engine.get_engine() == empty_machine / "bin"


def test_asking_an_engine_for_its_version_writes_nothing_into_the_users_own_home(empty_machine: Path) -> None:
    executable(empty_machine / "bin" / "pulumi", f'echo "$PULUMI_HOME" > {empty_machine}/home; echo v3.249.0')
    engine.get_engine()
    home = Path((empty_machine / "home").read_text().strip())
    assert home.is_absolute() and ".pulumi" not in home.parts and not home.exists()


def test_a_pulumi_on_path_that_is_too_old_is_not(empty_machine: Path) -> None:
    executable(empty_machine / "bin" / "pulumi", "echo v3.248.9")
    assert engine.engine_folder() is None


def test_a_pulumi_that_does_not_run_is_not_used(empty_machine: Path) -> None:
    executable(empty_machine / "bin" / "pulumi", "exit 1")
    assert engine.engine_folder() is None


def test_an_engine_of_the_cache_that_ran_once_is_not_asked_again(empty_machine: Path) -> None:
    asked = empty_machine / "asked"
    pulumi = executable(engine._download_folder() / "pulumi", f"echo >> {asked}; exit 1")
    for _ in range(2):
        assert engine.engine_folder() is None
    executable(pulumi, f"echo >> {asked}; echo v3.255.0")
    for _ in range(2):
        assert engine.engine_folder() == pulumi.parent
    assert len(asked.read_text().splitlines()) == 3
    pulumi.unlink()
    assert engine.engine_folder() is None


def test_neither_go_nor_network_is_one_sentence_that_says_what_to_install(empty_machine: Path) -> None:
    with pytest.raises(CommandError, match=r"install Pulumi 3\.249 or later .* or Go 1\.26 or later"):
        engine.get_engine()
    left = [path.name for path in (empty_machine / "cache" / "lambda-rds-proxy" / "engine").iterdir()]
    assert left == ["lock"]


def test_a_build_that_fails_leaves_nothing(empty_machine: Path) -> None:
    go = '[ "$1" = version ] && echo "go version go1.99.1 linux/amd64"; [ "$1" = mod ] || exit 0; '
    executable(empty_machine / "bin" / "go", go + 'echo "no such module" >&2; exit 1')
    with pytest.raises(CommandError, match="no such module"):
        engine.get_engine()
    left = [path.name for path in (empty_machine / "cache" / "lambda-rds-proxy" / "engine").iterdir()]
    assert left == ["lock"]


@pytest.mark.parametrize("version", ["1.25.9", "1.4"])
def test_a_go_that_is_too_old_is_named_with_what_to_install(empty_machine: Path, version: str) -> None:
    go = executable(empty_machine / "bin" / "go", f'echo "go version go{version} linux/amd64"')
    with pytest.raises(CommandError, match=rf"{go} is {version}, too old to build it; install Go 1\.26 or later"):
        engine.get_engine()


def fake_venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without uv, whose Python's `-m venv` makes an environment that notes what pip is asked: the note."""
    asked = tmp_path / "asked"
    inner = f'echo "$@" >> {asked}; [ ! -e {tmp_path / "broken"} ]'
    make = f'mkdir -p "$3/bin"; printf "%s\n" "#!/bin/sh" \'{inner}\' > "$3/bin/python"; chmod +x "$3/bin/python"'
    python = executable(tmp_path / "python", f'[ "$2" = venv ] || exit 0; echo made >> {tmp_path / "made"}; {make}')
    monkeypatch.setattr(sys, "_base_executable", str(python))
    monkeypatch.setattr(installer, "get_uv", lambda: None)
    return asked


def test_an_environment_of_another_list_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_venv(tmp_path, monkeypatch)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")
    for _ in range(2):
        environments.make_environment(tmp_path / "venv", requirements, "nothing")
    assert len(asked.read_text().splitlines()) == 1
    assert "--require-hashes" in asked.read_text()
    requirements.write_text("# another list\n")
    assert not environments._is_made(tmp_path / "venv", requirements)
    environments.make_environment(tmp_path / "venv", requirements, "nothing")
    assert len(asked.read_text().splitlines()) == 2
    assert (tmp_path / "made").read_text() == "made\n"


def test_an_interrupted_environment_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_venv(tmp_path, monkeypatch)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")
    executable(tmp_path / "venv" / "bin" / "python", "exit 1")  # `python -m venv` was killed before it had pip
    environments.make_environment(tmp_path / "venv", requirements, "nothing")
    assert len(asked.read_text().splitlines()) == 1
    (tmp_path / "broken").touch()
    requirements.write_text("# another list\n")
    with pytest.raises(CommandError):
        environments.make_environment(tmp_path / "venv", requirements, "nothing")
    (tmp_path / "broken").unlink()
    (tmp_path / "venv" / "half-installed").touch()
    environments.make_environment(tmp_path / "venv", requirements, "nothing")
    assert not (tmp_path / "venv" / "half-installed").exists()


def test_a_python_without_venv_is_named_with_the_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = executable(tmp_path / "python", """case "$2" in *ensurepip*) exit 1;; esac""")
    monkeypatch.setattr(sys, "_base_executable", str(python))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    package = f"python3.{sys.version_info.minor}-venv"
    with pytest.raises(CommandError, match=rf"{python} has no venv; run: sudo apt-get install -y {package}"):
        installer._make_venv(tmp_path / "venv")


def test_an_environment_whose_installation_failed_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "get_uv", lambda: None)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("nothing-of-this-name==1\n")
    executable(tmp_path / "venv" / "bin" / "python", "echo 'no such package' >&2; exit 1")
    (tmp_path / "venv" / environments._MARKER).write_text("of another list")
    with pytest.raises(CommandError, match="installing what does not exist failed: no such package"):
        environments.make_environment(tmp_path / "venv", requirements, "what does not exist")
    assert not environments._is_made(tmp_path / "venv", requirements)


def test_missing_servers_are_named_with_the_one_command_for_who_may_not_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(servers, "PACKAGES", {"postgresql": lambda: True, "pgbouncer": lambda: False})
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CommandError, match="run: sudo sh -c 'apt-get update && apt-get install -y pgbouncer'"):
        servers.install_servers()


def test_mariadb_is_for_the_tests_and_no_stack_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "PACKAGES", {package: lambda: True for package in servers.PACKAGES})
    monkeypatch.setattr(servers, "mariadbd", lambda: None)
    monkeypatch.setattr("shutil.which", lambda name, **_: name)
    monkeypatch.setattr(servers, "postgresql_folder", lambda: Path("/"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    servers.install_servers()
    with pytest.raises(CommandError, match="mariadb-server-core is missing; run: sudo"):
        servers.install_servers(tests=True)


def test_tests_need_what_the_stack_needs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "PACKAGES", {"pgbouncer": lambda: False})
    monkeypatch.setattr(servers, "TEST_PACKAGES", {"mariadb-server-core": lambda: False})
    assert servers.missing() == ["pgbouncer"]
    assert servers.missing(tests=True) == ["pgbouncer", "mariadb-server-core"]


@pytest.mark.parametrize(("words", "tests"), [("setup", False), ("setup --tests", True)])
def test_setup_installs_what_it_is_asked_for(words: str, tests: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def install(*, tests: bool) -> None:
        asked.append(tests)
        raise CommandError("that is enough")

    monkeypatch.setattr(servers, "install_servers", install)
    assert main(words.split()) == 1
    assert asked == [tests]


def test_setup_gets_the_engine_beside_the_rest_and_tells_both_reasons(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both = threading.Barrier(2, timeout=LIMIT_SECONDS)  # which one after the other would never pass

    def fails(sentence: str) -> None:
        both.wait()
        raise CommandError(sentence)

    monkeypatch.setattr(engine, "get_engine", lambda: fails("no engine"))
    monkeypatch.setattr(servers, "install_servers", lambda **_: fails("no servers"))
    assert main(["setup"]) == 1
    assert capsys.readouterr().err == "error: no servers; and no engine\n"


@pytest.mark.parametrize(
    ("target", "tests"), [("up", False), ("preview", False), ("lint", False), ("test", True), ("setup-tests", True)]
)
def test_of_makes_targets_only_those_of_the_tests_set_them_up(target: str, tests: bool) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ("toolchain setup --tests" in done.stdout) == tests


def postgresql(folder: Path, version: str) -> Path:
    executable(folder / "bin" / "initdb", f"echo 'initdb (PostgreSQL) {version}'")
    return folder / "bin"


def test_the_newest_postgresql_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_POSTGRESQL_ROOT", tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    for version in ("9.6.24", "15.18 (Debian 15.18-0+deb12u1)", "13.2"):
        postgresql(tmp_path / version.split(".")[0], version)
    assert servers.postgresql_folder() == tmp_path / "15" / "bin"


@pytest.mark.parametrize(("version", "is_new_enough"), [("12.22", False), ("13.0", True), ("9.6.24", False)])
def test_a_postgresql_that_is_too_old_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_new_enough: bool
) -> None:
    monkeypatch.setattr(servers, "_POSTGRESQL_ROOT", tmp_path)
    monkeypatch.setattr(servers, "PACKAGES", {})
    monkeypatch.setenv("PATH", str(postgresql(tmp_path / "old", version)))
    if is_new_enough:
        servers.install_servers()
    else:
        with pytest.raises(CommandError, match=rf"PostgreSQL here is {version.split('.')[0]} in .*needs 13 or later"):
            servers.install_servers()


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose apt notes whether a service would have started; `policy-rc.d` stands in the test's folder."""
    policy = tmp_path / "policy-rc.d"
    told = tmp_path / "told"
    executable(
        tmp_path / "bin" / "apt-get", f'case "$*" in *install*) {policy}; echo $? > {told}; sleep "$SLOW";; esac'
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SLOW", "0")
    monkeypatch.setattr(servers, "_POLICY", policy)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return policy


def test_no_service_starts_while_packages_are_installed_and_nothing_stays(apt: Path) -> None:
    servers.install_packages(["pgbouncer"])
    assert (apt.parent / "told").read_text() == "101\n"
    assert not apt.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_stays_when_an_installation_is_ended(apt: Path, number: int) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom toolchain import servers\n"
        "servers._POLICY = Path(sys.argv[1])\nservers.install_packages(['pgbouncer'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(apt)],
        cwd=ROOT, env={**os.environ, "SLOW": "60"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until((apt.parent / "told").exists, or_else=lambda: process.poll() is not None)
    assert apt.exists()
    process.send_signal(number)
    _, said = process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode != 0 and ("KeyboardInterrupt" in said or "packages were installed" in said)
    assert not apt.exists()


def test_what_a_killed_installation_left_goes_and_an_administrators_answer_stays(
    apt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "PACKAGES", {})
    monkeypatch.setattr(servers, "postgresql_folder", lambda: Path("/"))
    executable(apt, "# lambda-rds-proxy: no service starts while its packages are installed\nexit 101")
    assert apt.read_text() == servers._POLICY_TEXT
    servers.install_servers()
    assert not apt.exists()
    executable(apt, "exit 104")
    servers.install_servers()
    servers.install_packages(["pgbouncer"])
    assert apt.read_text() == "#!/bin/sh\nexit 104\n"
    assert (apt.parent / "told").read_text() == "104\n"


def test_another_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(CommandError, match="needs Linux or WSL2, and this is darwin"):
        servers.install_servers()


def test_a_slow_command_is_ended_and_named() -> None:
    with pytest.raises(CommandError, match="sleeping: not done within 0 s"):
        run("sleeping", ["sleep", "60"], seconds=0.3)


def test_a_full_disk_is_one_sentence_with_the_way_out() -> None:
    listing = f"{sys.executable} -c \"print('[Errno 28] No space left on device ' * 100000)\"; exit 1"
    with pytest.raises(CommandError, match=r"copying failed: the disk is full; .*XDG_CACHE_HOME") as caught:
        run("copying", ["sh", "-c", listing], seconds=LIMIT_SECONDS)
    assert len(str(caught.value)) < 200
    sentence = os_reason(OSError(errno.ENOSPC, "No space left on device", "/cache/file"))
    assert sentence.startswith("the disk is full (/cache/file); free some space, or set XDG_CACHE_HOME")


def test_what_a_tool_says_at_length_is_cut() -> None:
    with pytest.raises(CommandError, match="talking failed: xxx") as caught:
        run("talking", ["sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; exit 1"], seconds=LIMIT_SECONDS)
    assert len(str(caught.value)) < 1000


def test_a_file_of_another_account_is_named_with_its_owner(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    owner = (tmp_path / "there").owner()
    there = os_reason(OSError(errno.EACCES, "Permission denied", str(tmp_path / "there")))
    assert there.startswith(f"Permission denied ({tmp_path}/there), which belongs to {owner}; run this as its owner")
    missing = os_reason(OSError(errno.EACCES, "Permission denied", str(tmp_path / "missing")))
    assert f"{tmp_path} belongs to {owner}" in missing


def test_a_cache_of_another_account_is_one_sentence_for_a_normal_user() -> None:
    # Not pytest's folder, which no other account may enter; nor a Python in root's home.
    is_root = os.geteuid() == 0
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(ROOT / "toolchain", folder / "toolchain", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "cache").mkdir()
        (folder / "cache").chmod(0o555)
        done = subprocess.run(
            [*(user if is_root else [sys.executable]), "-B", "-m", "toolchain", "setup"],
            cwd=folder, env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        owner = folder.owner()
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: Permission denied ({folder}/cache/lambda-rds-proxy")
    assert f"{folder}/cache belongs to {owner}; run this as its owner" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_lines_of_make_env_survive_any_path() -> None:
    text = shell.export_lines({"A": "with space", "B": "quote's $HOME `x`"})
    done = subprocess.run(["sh", "-c", text + 'printf "%s|%s" "$A" "$B"'], capture_output=True, text=True, check=True)
    assert done.stdout == "with space|quote's $HOME `x`"


def test_a_profile_or_an_endpoint_of_the_developers_own_is_not_in_the_laptops_shell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "https://elsewhere.example")
    lines = shell.export_lines({"AWS_REGION": "eu-west-1"})
    script = lines + "env | grep ^AWS_"
    done = subprocess.run(["sh", "-c", script], env={**os.environ}, capture_output=True, text=True, check=True)
    assert done.stdout == "AWS_REGION=eu-west-1\n"


def test_a_process_that_enters_the_shell_has_no_profile_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"AWS_PROFILE": "work", "HOME": "/nowhere"})
    monkeypatch.setattr(shell, "laptop_environment", lambda _: {"AWS_REGION": "eu-west-1"})
    monkeypatch.setattr(shell, "prepare", lambda _: None)
    shell.enter(ROOT)
    assert os.environ == {"HOME": "/nowhere", "AWS_REGION": "eu-west-1"}


def test_the_shell_of_a_chosen_subnet_keeps_it_and_no_other_shell_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "engine_folder", lambda: Path("/engine"))
    monkeypatch.setattr(shell, "are_made", lambda _: True)
    monkeypatch.delenv("LAMBDA_RDS_PROXY_SUBNET", raising=False)
    assert "LAMBDA_RDS_PROXY_SUBNET" not in shell.laptop_environment(ROOT)
    monkeypatch.setenv("LAMBDA_RDS_PROXY_SUBNET", "127.99.1")
    assert shell.laptop_environment(ROOT)["LAMBDA_RDS_PROXY_SUBNET"] == "127.99.1"


def test_what_the_first_run_compiled_the_next_one_finds_whatever_the_user_wants_of_his_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shell, "engine_folder", lambda: Path("/engine"))
    monkeypatch.setattr(shell, "are_made", lambda _: True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "module.py").touch()
    environment = {**os.environ, **shell.laptop_environment(ROOT)}
    subprocess.run([sys.executable, "-c", "import module"], cwd=tmp_path, env=environment, check=True)
    assert list(tmp_path.glob("__pycache__/module.*.pyc"))


def test_what_make_prints_can_be_pasted() -> None:
    # As typed in a shell: below another make, such as `make test`, it also says in which folder it is.
    typed_in = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make"], cwd=ROOT, env=typed_in, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) > 10
    for line in lines:
        typed, mark, told = line.partition("#")
        assert mark and told.strip() and re.fullmatch(r"make [a-z-]+ +", typed), line
        assert subprocess.run(["sh", "-n", "-c", line], check=False).returncode == 0


def test_an_unknown_command_says_which_there_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "toolchain", "nonsense"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "setup|setup --tests|engine|program actionlint|" in done.stderr
