"""The Python language host, for an engine that was built from its Go module: that build has none.

Serves Pulumi's LanguageRuntime on the SDK's own gRPC stubs. What it runs (programs, policy packs, component packages)
ends when the call is cancelled, and everything ends with the engine however that ends: the engine's process is watched,
and children are killed by the kernel when this process dies.
"""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

if __name__ == "__main__":
    # The stubs alone: the whole SDK takes longer to load than all else that is done before this serves.
    _sdk = find_spec("pulumi")
    for _folder in (_sdk.submodule_search_locations or []) if _sdk else []:
        for _name, _path in (("pulumi", _folder), ("pulumi.runtime", str(Path(_folder, "runtime")))):
            sys.modules[_name] = ModuleType(_name)
            sys.modules[_name].__path__ = [_path]

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2 as language
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

from .plugin import serve

# pulumi-language-python-exec stands beside the engine that was built (toolchain/engine.py puts it there).
EXEC_SCRIPT = "pulumi-language-python-exec"
# How the exec script says that the user has seen the error already.
_ALREADY_SHOWN = 32
_GRACE_SECONDS = 2.0
_CHECKOUT = Path(__file__).resolve().parents[1]
# util-linux: the kernel kills the process when this one dies, kill -9 included.
_DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []


class Children:
    """The processes this host has started, each in a process group of its own."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def start(self, command: list[str], **options: Any) -> "subprocess.Popen[bytes]":  # noqa: ANN401 - Popen's own
        """Start a process that cannot outlive this one."""
        # Not preexec_fn: code between fork and exec crashes where gRPC has threads.
        child = subprocess.Popen(  # noqa: S603 - a list of words, no shell
            [*_DIE_WITH_PARENT, *command], stdin=subprocess.DEVNULL, start_new_session=True, **options
        )
        with self._lock:
            self._running.add(child)
        return child

    def finished(self, child: "subprocess.Popen[bytes]") -> int:
        """Wait for a process; its exit status."""
        status = child.wait()
        _signal_group(child, signal.SIGKILL)  # what it left running
        with self._lock:
            self._running.discard(child)
        return status

    def end(self, child: "subprocess.Popen[bytes]") -> None:
        """Interrupt a process; kill it if it does not end."""
        with self._lock:
            if child not in self._running:
                return  # the call ended because the process did: its number may be another's by now
        _signal_group(child, signal.SIGINT)
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _signal_group(child, signal.SIGKILL)

    def kill_all(self) -> None:
        """Kill everything that still runs."""
        with self._lock:
            running = list(self._running)
        for child in running:
            _signal_group(child, signal.SIGKILL)


def _signal_group(child: "subprocess.Popen[bytes]", number: int) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        child.send_signal(number)


def _options(info: language.ProgramInfo) -> dict[str, Any]:
    found: dict[str, Any] = json_format.MessageToDict(info.options)
    return found


def python_of(info: language.ProgramInfo) -> Path:
    """The interpreter of a program, pack or package: its virtual environment's, else the one on PATH.

    Raises:
        FileNotFoundError: the virtual environment it names does not exist.
    """
    virtualenv = _options(info).get("virtualenv")
    if not virtualenv:
        return Path(shutil.which("python3") or sys.executable)
    folder = Path(virtualenv) if Path(virtualenv).is_absolute() else Path(info.root_directory) / virtualenv
    python = folder / "bin" / "python"
    if not python.exists():
        raise FileNotFoundError(
            f"the virtual environment {folder} does not exist; make it with `pulumi install` in {info.root_directory}"
        )
    return python


def _virtualenv(info: language.ProgramInfo) -> Path:
    """The virtual environment that a program names, there or not.

    Raises:
        ValueError: it names none, and runs on the Python of the shell, which is somebody else's to change.
    """
    named = _options(info).get("virtualenv")
    if not named:
        raise ValueError(
            f"{info.root_directory} names no virtual environment to install into; write "
            "`runtime: {name: python, options: {virtualenv: venv}}` in its Pulumi.yaml, then run this again"
        )
    return Path(info.root_directory) / str(named)


def exec_script() -> Path:
    """The SDK's script that runs a program, beside the engine on PATH.

    Raises:
        FileNotFoundError: it is not there.
    """
    engine = shutil.which("pulumi")
    script = Path(engine).resolve().parent / EXEC_SCRIPT if engine else None
    if script is None or not script.is_file():
        raise FileNotFoundError(f"{EXEC_SCRIPT} is not beside pulumi; run `make setup` again")
    return script


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """What the engine asks of a language. RPC names are the protocol's."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._engine_address = ""

    def Handshake(
        self, request: language.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language.LanguageHandshakeResponse:
        self._engine_address = request.engine_address
        return language.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version="3.250.0")

    def GetRequiredPackages(
        self, request: language.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language.GetRequiredPackagesResponse:
        return language.GetRequiredPackagesResponse()

    def GetRequiredPlugins(
        self, request: language.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language.GetRequiredPluginsResponse:
        return language.GetRequiredPluginsResponse()

    def About(self, request: language.AboutRequest, context: grpc.ServicerContext) -> language.AboutResponse:
        return language.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._children.kill_all()
        return empty_pb2.Empty()

    def GetProgramDependencies(
        self, request: language.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language.GetProgramDependenciesResponse:
        listed = subprocess.run(  # noqa: S603 - a list of words, no shell
            [str(python_of(request.info)), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
            capture_output=True,
            check=False,
        )
        packages = json.loads(listed.stdout or b"[]")
        return language.GetProgramDependenciesResponse(
            dependencies=[
                language.DependencyInfo(name=package["name"], version=package["version"]) for package in packages
            ]
        )

    def InstallDependencies(
        self, request: language.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language.InstallDependenciesResponse]:
        folder = Path(request.info.program_directory)
        try:
            virtualenv = _virtualenv(request.info)
        except ValueError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        steps = [] if (virtualenv / "bin" / "python").exists() else [[sys.executable, "-m", "venv", str(virtualenv)]]
        if (folder / "requirements.txt").is_file():
            pip = [str(virtualenv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "-q"]
            # A folder that `pulumi package add` wrote has no hash, and neither has what it asks for.
            has_sdk = any(line.startswith("./sdks/") for line in (folder / "requirements.txt").read_text().splitlines())
            hashed = [] if has_sdk else ["--require-hashes"]
            steps.append([*pip, *hashed, "-r", str(folder / "requirements.txt")])
        for step in steps:
            child = self._children.start(step, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            context.add_callback(lambda child=child: self._children.end(child))
            assert child.stdout is not None  # noqa: S101 - asked for above
            for line in child.stdout:
                yield language.InstallDependenciesResponse(stdout=line)
            if self._children.finished(child):
                context.abort(grpc.StatusCode.INTERNAL, f"installing the dependencies of {folder} failed")

    def GeneratePackage(
        self, request: language.GeneratePackageRequest, context: grpc.ServicerContext
    ) -> language.GeneratePackageResponse:
        """Write a package's Python SDK, by the engine's own generator, which is got when it is first asked for."""
        get = [sys.executable, "-m", "toolchain", "program", "pulumi-python-sdk"]
        got = subprocess.run(get, cwd=_CHECKOUT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - a list of words, no shell
        if got.returncode:
            context.abort(grpc.StatusCode.UNAVAILABLE, "there is no generator of Python SDKs; the reason is above")
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            [got.stdout.strip(), request.loader_target, request.directory],
            input=request.schema, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            context.abort(grpc.StatusCode.INTERNAL, done.stderr.strip())
        return language.GeneratePackageResponse()

    def Link(self, request: language.LinkRequest, context: grpc.ServicerContext) -> language.LinkResponse:
        """Name SDKs in folders in the program's requirements.txt, from which they are installed next."""
        try:
            _virtualenv(request.info)
        except ValueError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        root = Path(request.info.root_directory)
        listed = root / "requirements.txt"
        lines = listed.read_text().splitlines() if listed.is_file() else []
        paths = [f"./{each.path}" for each in request.packages]
        if any("--hash=" in line for line in lines):
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"{listed} is locked by hashes, and pip takes no folder into such a list; the SDK is there, install it "
                f"into the program's environment with `pip install --no-deps {' '.join(paths)}`",
            )
        listed.write_text("".join(f"{line}\n" for line in [*lines, *(path for path in paths if path not in lines)]))
        told = "".join(f"  import {_imported(root / path)}\n" for path in paths)
        return language.LinkResponse(import_instructions=f"You can import the SDK in your Python code with:\n\n{told}")

    def Run(self, request: language.RunRequest, context: grpc.ServicerContext) -> language.RunResponse:
        """Run a program; its output is ours, which the engine shows."""
        try:
            command = [str(python_of(request.info)), "-u", str(exec_script())]
        except FileNotFoundError as missing:
            return language.RunResponse(error=str(missing))
        command += ["--monitor", request.monitor_address, "--engine", self._engine_address]
        command += ["--project", request.project, "--stack", request.stack, "--pwd", request.pwd]
        command += ["--root_directory", request.info.root_directory, "--organization", request.organization]
        command += ["--parallel", str(request.parallel), "--dry_run", "true" if request.dryRun else "false"]
        command += [_entry_point(request.info), *request.args]
        environment = {
            **os.environ,
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        child = self._children.start(command, env=environment, cwd=request.pwd)
        # After a mandatory policy violation the engine ends the call while the program still waits for it.
        context.add_callback(lambda: self._children.end(child))
        status = self._children.finished(child)
        if status == _ALREADY_SHOWN:
            return language.RunResponse(bail=True)
        if status:
            how = f"exited with status {status}" if status > 0 else f"was ended by signal {-status}"
            return language.RunResponse(error=f"the program {how}")
        return language.RunResponse()

    def RunPlugin(
        self, request: language.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language.RunPluginResponse]:
        """Run a policy pack (kind analyzer) or a component package, and hand on its output until it ends."""
        try:
            python = str(python_of(request.info))
        except FileNotFoundError as missing:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(missing))
        program = request.info.program_directory
        if request.kind == "analyzer":
            command, folder = [python, "-u", "-m", "pulumi.policy", *request.args, program], program
        else:
            command, folder = [python, "-u", program, *request.args], request.pwd
        environment = {**os.environ, **dict(pair.split("=", 1) for pair in request.env if "=" in pair)}
        child = self._children.start(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        context.add_callback(lambda: self._children.end(child))
        lines: queue.Queue[language.RunPluginResponse | None] = queue.Queue()
        readers = [
            _reader(child.stdout, lambda line: lines.put(language.RunPluginResponse(stdout=line)), lines),
            _reader(child.stderr, lambda line: lines.put(language.RunPluginResponse(stderr=line)), lines),
        ]
        for _ in readers:
            while (line := lines.get()) is not None:
                yield line
        yield language.RunPluginResponse(exitcode=self._children.finished(child))


def _imported(sdk: Path) -> str:
    """The module of a generated SDK: its one folder that describes a plugin."""
    return next(sdk.glob("*/pulumi-plugin.json")).parent.name


def _reader(stream: Any, emit: Callable[[bytes], None], lines: "queue.Queue[Any]") -> threading.Thread:  # noqa: ANN401
    def read() -> None:
        for line in stream:
            emit(line)
        lines.put(None)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _entry_point(info: language.ProgramInfo) -> str:
    return str(Path(info.program_directory) / info.entry_point) if info.entry_point != "." else info.program_directory


def main() -> None:
    """Serve until the engine ends."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")  # children exec at once
    children = Children()
    serve(
        lambda server: language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(children), server),
        before_end=children.kill_all,
    )


if __name__ == "__main__":
    main()
