"""The language host without an engine: what a call runs is interrupted with the call, and ends with the caller."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import language_pb2 as language
from pulumi.runtime.proto import language_pb2_grpc

from local.supervisor.processes import lives
from tests.processes import kill, wait_for_the_end
from tests.waiting import LIMIT_SECONDS, until

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / "toolchain" / "plugins" / "pulumi-language-python"
# What stands for the engine: starts the host, tells its process id and port, and stays until it is ended.
ENGINE = """
import subprocess, sys
host = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)
print(host.pid, host.stdout.readline().strip(), flush=True)
sys.stdin.read()
"""
NOTE = "import os, pathlib, sys, time\npathlib.Path('pid').write_text(str(os.getpid()))\n"
# Who reads the note may interrupt before it is closed.
INTERRUPTED = (
    f"try:\n {NOTE.strip().replace(chr(10), chr(10) + ' ')}; time.sleep(600)\n"
    "except KeyboardInterrupt: pathlib.Path('interrupted').touch()\n"
)
STUBBORN = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + NOTE + "time.sleep(600)\n"


@dataclass(frozen=True)
class Host:
    """A language host, and the process that stands for its engine."""

    engine: "subprocess.Popen[str]"
    process: psutil.Process
    stub: language_pb2_grpc.LanguageRuntimeStub


def described(folder: Path) -> language.ProgramInfo:
    """A program in a folder, in the environment that the tests run in."""
    options = struct_pb2.Struct()
    options.update({"virtualenv": sys.prefix})
    return language.ProgramInfo(
        root_directory=str(folder), program_directory=str(folder), entry_point=".", options=options
    )


@pytest.fixture
def engine_folder(tmp_path: Path) -> Path:
    """A folder with a `pulumi`, and beside it the script that a program is run with: here, the test's own."""
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "pulumi").write_text("#!/bin/sh\n")
    (folder / "pulumi").chmod(0o755)
    return folder


@pytest.fixture
def host(engine_folder: Path) -> Iterator[Host]:
    """A running host."""
    environment = {**os.environ, "PATH": f"{engine_folder}{os.pathsep}{os.environ['PATH']}"}
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(HOST)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert engine.stdout is not None
    pid, port = engine.stdout.readline().split()
    process = psutil.Process(int(pid))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Host(engine, process, language_pb2_grpc.LanguageRuntimeStub(channel))
    kill(process)
    engine.kill()
    engine.communicate()


@pytest.fixture
def running(host: Host, engine_folder: Path, tmp_path: Path) -> "Callable[[str], tuple[grpc.Future, psutil.Process]]":
    """Calls Run on a program of this text: (the call, the program's process once it has started)."""

    def start(text: str) -> "tuple[grpc.Future, psutil.Process]":
        (engine_folder / "pulumi-language-python-exec").write_text(text)
        call = host.stub.Run.future(
            language.RunRequest(project="p", stack="s", pwd=str(tmp_path), info=described(tmp_path))
        )
        pid = tmp_path / "pid"
        until(lambda: pid.exists() and bool(pid.read_text()))
        return call, psutil.Process(int(pid.read_text()))

    return start


Running = Callable[[str], "tuple[grpc.Future, psutil.Process]"]


def test_a_program_is_interrupted_when_its_call_is_cancelled(running: Running, host: Host, tmp_path: Path) -> None:
    call, program = running(INTERRUPTED)
    call.cancel()
    wait_for_the_end([program])
    assert (tmp_path / "interrupted").exists()
    assert lives(host.process)


def test_a_program_that_ignores_the_interruption_is_killed_after_a_grace(running: Running) -> None:
    call, program = running(STUBBORN)
    call.cancel()
    wait_for_the_end([program])


@pytest.mark.parametrize("text", [INTERRUPTED, STUBBORN], ids=["interruptible", "stubborn"])
def test_nothing_is_left_when_the_engine_is_killed(running: Running, host: Host, text: str) -> None:
    _, program = running(text)
    host.engine.kill()
    host.engine.wait()
    wait_for_the_end([program, host.process])


def test_nothing_is_left_when_the_host_itself_is_killed(running: Running, host: Host) -> None:
    _, program = running(STUBBORN)
    host.process.kill()
    wait_for_the_end([program])


def test_what_a_program_left_running_is_ended_with_it(running: Running, tmp_path: Path) -> None:
    child = "import subprocess\np = subprocess.Popen(['sleep', '600'])\npathlib.Path('child').write_text(str(p.pid))\n"
    call, _ = running(NOTE + child + "while not pathlib.Path('go').exists(): time.sleep(0.01)\n")
    until(lambda: (tmp_path / "child").exists() and bool((tmp_path / "child").read_text()))
    left = psutil.Process(int((tmp_path / "child").read_text()))
    (tmp_path / "go").touch()
    assert call.result().error == ""
    wait_for_the_end([left])


@pytest.mark.parametrize(
    ("ending", "error", "bail"),
    [
        ("sys.exit(0)", "", False),
        ("sys.exit(32)", "", True),
        ("sys.exit(3)", "the program exited with status 3", False),
        ("os.kill(os.getpid(), 9)", "the program was ended by signal 9", False),
    ],
)
def test_a_program_s_end_is_told_as_the_engine_expects_it(
    running: Running, ending: str, error: str, bail: bool
) -> None:
    call, _ = running(f"{NOTE}time.sleep(0.2)\n{ending}\n")
    answer = call.result()
    assert (answer.error, answer.bail) == (error, bail)


def test_a_missing_virtual_environment_is_named_with_the_fix(host: Host, tmp_path: Path) -> None:
    options = struct_pb2.Struct()
    options.update({"virtualenv": "venv"})
    info = language.ProgramInfo(root_directory=str(tmp_path), program_directory=str(tmp_path), options=options)
    answer = host.stub.Run(language.RunRequest(pwd=str(tmp_path), info=info))
    assert re.fullmatch(f"the virtual environment {tmp_path}/venv does not exist; make it with .*", answer.error)


def test_a_host_whose_engine_was_killed_before_it_was_ready_ends() -> None:
    # Here the caller lives on, and only its address tells that there is no engine.
    host = subprocess.Popen([str(HOST), "127.0.0.1:1"], stdout=subprocess.DEVNULL)
    try:
        assert host.wait(LIMIT_SECONDS) == 0
    finally:
        host.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_host_that_is_told_to_end_ends_its_programs(running: Running, host: Host, number: int) -> None:
    _, program = running(STUBBORN)
    host.process.send_signal(number)
    wait_for_the_end([program, host.process])


SDK = language.LinkRequest.LinkDependency(path="sdks/shop")


def test_an_sdk_is_named_once_in_the_requirements_and_its_module_is_told(host: Host, tmp_path: Path) -> None:
    (tmp_path / "sdks" / "shop" / "pulumi_shop").mkdir(parents=True)
    (tmp_path / "sdks" / "shop" / "pulumi_shop" / "pulumi-plugin.json").touch()
    listed = tmp_path / "requirements.txt"
    listed.write_text("pulumi")
    request = language.LinkRequest(info=described(tmp_path), packages=[SDK])
    for _ in range(2):
        assert host.stub.Link(request).import_instructions.endswith("  import pulumi_shop\n")
        assert listed.read_text() == "pulumi\n./sdks/shop\n"


def test_a_list_that_is_locked_by_hashes_is_left_alone_with_what_to_do(host: Host, tmp_path: Path) -> None:
    listed = tmp_path / "requirements.txt"
    listed.write_text("pulumi==3.0 --hash=sha256:0\n")
    with pytest.raises(grpc.RpcError, match=r"is locked by hashes.*pip install --no-deps \./sdks/shop"):
        host.stub.Link(language.LinkRequest(info=described(tmp_path), packages=[SDK]))
    assert listed.read_text() == "pulumi==3.0 --hash=sha256:0\n"


def test_nothing_is_installed_for_a_program_that_runs_on_the_python_of_the_shell(host: Host, tmp_path: Path) -> None:
    info = language.ProgramInfo(root_directory=str(tmp_path), program_directory=str(tmp_path), entry_point=".")
    with pytest.raises(grpc.RpcError, match="names no virtual environment to install into"):
        list(host.stub.InstallDependencies(language.InstallDependenciesRequest(info=info)))
    assert not (tmp_path / "venv").exists()


def test_the_host_serves_before_the_whole_sdk_could_be_loaded(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    with (
        (tmp_path / "loaded").open("w") as loaded,
        subprocess.Popen([HOST], env=environment, stdout=subprocess.PIPE, stderr=loaded, text=True) as host,
    ):
        assert host.stdout is not None
        port = host.stdout.readline().strip()
        host.terminate()
    names = (tmp_path / "loaded").read_text()
    assert port.isdecimal() and "pulumi.runtime.proto.language_pb2" in names and "pulumi.resource" not in names
