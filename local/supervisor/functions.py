"""Lambda on this machine: execution environments under AWS's own runtime client, one invocation at a time each.

An environment is a process that asks the Runtime API for its next invocation; between invocations it is frozen
(SIGSTOP), as on Lambda. More are started on demand, up to the reserved concurrency or a stated limit.
"""

import base64
import hashlib
import json
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import LaptopError
from .processes import kill_group, plain_environment, start
from .runtime_api import Invocation, RuntimeApi

# Without a reserved concurrency AWS would start up to 1000; a laptop stops here and says so.
MOST_ENVIRONMENTS = 50
INIT_SECONDS = 10.0
_IDLE_SECONDS = 600.0
_TAIL_BYTES = 4096
_ACCOUNT = "000000000000"


@dataclass(frozen=True, kw_only=True)
class FunctionSpec:
    """A function; `timeout` in seconds, `memory` in MB (told to it, not enforced), `code` its unpacked package."""

    name: str
    handler: str
    timeout: int
    memory: int
    environment: Mapping[str, str]
    reserved_concurrency: int | None
    code: Path
    access_key: str
    secret_key: str = field(repr=False)

    @property
    def limit(self) -> int:
        """How many environments may run at once."""
        return MOST_ENVIRONMENTS if self.reserved_concurrency is None else self.reserved_concurrency


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an invocation ended with; `error` is Lambda's X-Amz-Function-Error, `log` the last 4 KB it wrote."""

    payload: bytes
    error: str | None
    log: bytes


class ThrottledError(RuntimeError):
    """All environments are busy and no more may be started."""


class Environment:
    """One execution environment: a process, frozen unless it works."""

    def __init__(self, spec: FunctionSpec, log: Path, runtime: "Runtime") -> None:
        self.spec = spec
        self.idle_since = time.monotonic()
        self._log_file = log
        self._next: queue.Queue[Invocation] = queue.Queue(1)
        self._answers: queue.Queue[tuple[bytes, str | None]] = queue.Queue()
        self._waiting = threading.Event()
        self._output = bytearray()
        self._current: Invocation | None = None
        self._api = RuntimeApi(runtime.address, self)
        self._process = start(
            runtime.command(spec.handler),
            environment=runtime.environment(spec, self._api.endpoint),
            folder=spec.code,
            output=subprocess.PIPE,
            as_server=False,
        )
        threading.Thread(target=self._read_output, daemon=True).start()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def invoke(self, payload: bytes) -> Answer:
        """Run one invocation to its end, its timeout or its death."""
        started = time.monotonic()
        if not self._wait_for_init():
            return self._failed_init(time.monotonic() - started)
        request = Invocation(
            request_id=f"{secrets.token_hex(4)}-{secrets.token_hex(2)}-4{secrets.token_hex(2)[1:]}-"
            f"8{secrets.token_hex(2)[1:]}-{secrets.token_hex(6)}",
            payload=payload,
            deadline=int(time.time() * 1000) + self.spec.timeout * 1000,
            arn=f"arn:aws:lambda:eu-west-1:{_ACCOUNT}:function:{self.spec.name}",
        )
        self._current = request
        self._waiting.clear()
        del self._output[:]
        self._write(f"START RequestId: {request.request_id} Version: $LATEST\n")
        begun = time.monotonic()
        self._next.put(request)
        self.thaw()
        body, error = self._wait_for_answer(request)
        milliseconds = (time.monotonic() - begun) * 1000
        self._write(f"END RequestId: {request.request_id}\n")
        self._write(
            f"REPORT RequestId: {request.request_id}\tDuration: {milliseconds:.2f} ms\t"
            f"Memory Size: {self.spec.memory} MB\n"
        )
        if error != "Sandbox":
            self._waiting.wait(0.5)  # it asks for the next one, and is frozen then
        return Answer(payload=body, error="Unhandled" if error else None, log=bytes(self._output[-_TAIL_BYTES:]))

    def next_invocation(self, gone: Callable[[], bool]) -> Invocation | None:
        """What the Runtime API answers to `next`: blocks, frozen, until there is something to do."""
        self.idle_since = time.monotonic()
        if self._next.empty():
            self.freeze()
        self._waiting.set()
        while self.alive and not gone():
            try:
                return self._next.get(timeout=1)
            except queue.Empty:
                continue
        return None

    def answer(self, request_id: str | None, body: bytes, error: str | None) -> bool:
        """Take an answer from the Runtime API, or an init error; False when nobody waits for it any more."""
        if request_id is None:
            self._answers.put((body, "Init"))
            return True
        if self._current is None or self._current.request_id != request_id:
            return False
        self._answers.put((body, error))
        return True

    def freeze(self) -> None:
        """Stop the process, as Lambda does between invocations."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill it: Lambda gives functions without extensions no time either."""
        kill_group(self.pid)
        self._process.wait()
        self._api.close()

    def _signal(self, number: int) -> None:
        if self.alive:
            kill_group(self.pid, number)

    def _wait_for_init(self) -> bool:
        deadline = time.monotonic() + INIT_SECONDS
        while not self._waiting.wait(0.01):
            if not self.alive or not self._answers.empty() or time.monotonic() > deadline:
                return False
        return True

    def _failed_init(self, seconds: float) -> Answer:
        time.sleep(0.05)  # let the last of its output arrive
        if not self._answers.empty():
            body, _ = self._answers.get()
        elif self.alive:
            body = _error("Sandbox.Timedout", f"Task timed out during init after {seconds:.2f} seconds")
        else:
            body = _error("Runtime.ExitError", f"Runtime exited with error: exit status {self._process.returncode}")
        self.end()
        return Answer(payload=body, error="Unhandled", log=bytes(self._output[-_TAIL_BYTES:]))

    def _wait_for_answer(self, request: Invocation) -> tuple[bytes, str | None]:
        while True:
            left = request.deadline / 1000 - time.time()
            try:
                return self._answers.get(timeout=max(0.0, min(left, 0.2)))
            except queue.Empty:
                pass
            if left <= 0:
                self.end()
                self._write(f"{request.request_id} Task timed out after {self.spec.timeout:.2f} seconds\n")
                text = f"RequestId: {request.request_id} Error: Task timed out after {self.spec.timeout:.2f} seconds"
                return _error("Sandbox.Timedout", text), "Sandbox"
            if not self.alive and self._answers.empty():
                status = self._process.returncode
                how = f"signal: {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
                text = f"RequestId: {request.request_id} Error: Runtime exited with error: {how}"
                return _error("Runtime.ExitError", text), "Sandbox"

    def _read_output(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - asked for
        for line in self._process.stdout:
            self._write(line.decode(errors="replace"))

    def _write(self, text: str) -> None:
        data = text.encode()
        self._output += data
        with self._log_file.open("ab") as log:
            log.write(data)


class Runtime:
    """How environments are started: the interpreter, AWS's runtime client, and what the laptop adds for them."""

    def __init__(self, *, libraries: Path, address: str, gateway: str, region: str, extra: Mapping[str, str]) -> None:
        self.address = address
        self._libraries = libraries
        self._gateway = gateway
        self._region = region
        self._extra = extra

    def command(self, handler: str) -> list[str]:
        """The process of one environment: no site-packages, so that only package and runtime can be imported."""
        interpreter = os.path.realpath(sys.executable)
        return [interpreter, "-S", "-s", "-m", "awslambdaric", handler]

    def environment(self, spec: FunctionSpec, runtime_api: str) -> dict[str, str]:
        """Its variables: Lambda's, the function's own, and the laptop's way to AWS."""
        kept = {key: value for key, value in plain_environment().items() if key in ("PATH", "LANG")}
        return {
            **kept,
            "HOME": "/nonexistent",
            "PYTHONPATH": str(self._libraries),
            "PYTHONUNBUFFERED": "1",
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d')}/[$LATEST]{secrets.token_hex(16)}",
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            # Each function's own, as a role's are: the IAM gate looks up what its role may do.
            "AWS_ACCESS_KEY_ID": spec.access_key,
            "AWS_SECRET_ACCESS_KEY": spec.secret_key,
            "AWS_ENDPOINT_URL": self._gateway,
            "AWS_EC2_METADATA_DISABLED": "true",
            "_HANDLER": spec.handler,
            **spec.environment,
            **self._extra,
        }


class Function:
    """One function and its environments."""

    def __init__(self, spec: FunctionSpec, folder: Path, runtime: Runtime) -> None:
        self.spec = spec
        self._folder = folder
        self._runtime = runtime
        self._idle: list[Environment] = []
        self._busy: set[Environment] = set()
        self._lock = threading.Lock()

    def invoke(self, payload: bytes) -> Answer:
        """Run one invocation in a warm environment, else a new one.

        Raises:
            ThrottledError: as many as allowed are busy.
        """
        environment = self._take()
        try:
            return environment.invoke(payload)
        finally:
            self._give_back(environment)

    def environments(self) -> list[Environment]:
        """All environments, idle ones last."""
        with self._lock:
            return [*self._busy, *self._idle]

    def retire(self, spec: FunctionSpec | None = None) -> None:
        """End what is idle and, when it is done, what is busy; go on with another configuration if one is given."""
        with self._lock:
            if spec is not None:
                self.spec = spec
            idle, self._idle = self._idle, []
            busy = [] if spec is not None else list(self._busy)
        for environment in [*idle, *busy]:
            environment.end()

    def reap(self) -> None:
        """End environments that were idle for long."""
        with self._lock:
            old = [each for each in self._idle if time.monotonic() - each.idle_since > _IDLE_SECONDS]
            self._idle = [each for each in self._idle if each not in old]
        for environment in old:
            environment.end()

    def _take(self) -> Environment:
        with self._lock:
            while self._idle:
                environment = self._idle.pop()
                if environment.alive:
                    self._busy.add(environment)
                    return environment
            if len(self._busy) >= self.spec.limit:
                raise ThrottledError(f"{self.spec.name} has {self.spec.limit} environments, and all are busy")
            environment = Environment(self.spec, self._folder / "function.log", self._runtime)
            self._busy.add(environment)
        return environment

    def _give_back(self, environment: Environment) -> None:
        with self._lock:
            self._busy.discard(environment)
            current = environment.spec == self.spec
            if environment.alive and current:
                self._idle.append(environment)
                return
        environment.end()


def unpack(source: Path, folder: Path) -> tuple[Path, str, int]:
    """Unpack a zip once per content under `folder`: (where, base64 SHA-256 as Lambda gives it, bytes of the zip)."""
    if source.is_dir():
        raise LaptopError(f"the code of a function is {source}, a folder; the laptop takes a zip, as Lambda does")
    if not source.is_file():
        raise LaptopError(f"the package {source} does not exist; run `pulumi up` again, which builds it")
    content = source.read_bytes()
    digest = hashlib.sha256(content)
    target = folder / digest.hexdigest()[:16]
    if not target.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f"{target.name}.part"
        shutil.rmtree(aside, ignore_errors=True)
        with zipfile.ZipFile(source) as archive:
            archive.extractall(aside)
        aside.rename(target)
    return target, base64.b64encode(digest.digest()).decode(), len(content)


def _error(kind: str, message: str) -> bytes:
    body: dict[str, Any] = {"errorType": kind, "errorMessage": message}
    return json.dumps(body).encode()
