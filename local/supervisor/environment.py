"""One execution environment of Lambda: a process under AWS's own runtime client.

It asks the Runtime API for its next invocation and is frozen (SIGSTOP) until there is one, as on Lambda.
"""

import contextlib
import json
import math
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from toolchain.checkout import LAPTOP_MARK

from .function_log import EnvironmentLog
from .log_events import stream_name
from .processes import kill_group, plain_environment, start
from .runtime_api import REFUSED, Invocation, RuntimeApi
from .secrets_manager import ACCOUNT

# Without a reserved concurrency AWS would start up to 1000; a laptop stops here and says so.
ENVIRONMENT_LIMIT = 50
# What Lambda gives a function to load its module.
INIT_SECONDS = 10.0
# From an answer to the request for the next invocation: the client does nothing in between.
_POLL_SECONDS = 2.0
# An end that the runtime did not report: the process is gone.
_SANDBOX = "Sandbox"


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
        return ENVIRONMENT_LIMIT if self.reserved_concurrency is None else self.reserved_concurrency


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an invocation ended with; `error` is Lambda's X-Amz-Function-Error, `log` the last 4 KB it wrote."""

    payload: bytes
    error: str | None
    log: bytes


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """How environments are started: the interpreter, AWS's runtime client, and what the laptop adds for them."""

    libraries: Path
    address: str
    gateway: str
    region: str
    extra: Mapping[str, str]

    def command(self, handler: str) -> list[str]:
        """The process of one environment: no site-packages, and nothing compiled is kept: /var/task is read-only."""
        interpreter = os.path.realpath(sys.executable)
        return [interpreter, "-S", "-s", "-B", "-m", "awslambdaric", handler]

    def environment(self, spec: FunctionSpec, runtime_api: str, log_stream: str) -> dict[str, str]:
        """Its variables: Lambda's, the function's own, and the laptop's way to AWS."""
        kept = {key: value for key, value in plain_environment().items() if key in ("PATH", "LANG", LAPTOP_MARK)}
        return {
            **kept,
            "HOME": "/nonexistent",
            "PYTHONPATH": str(self.libraries),
            "PYTHONUNBUFFERED": "1",
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(spec.code),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            # Each function's own, as a role's are: the IAM gate looks up what its role may do.
            "AWS_ACCESS_KEY_ID": spec.access_key,
            "AWS_SECRET_ACCESS_KEY": spec.secret_key,
            "AWS_ENDPOINT_URL": self.gateway,
            "AWS_EC2_METADATA_DISABLED": "true",
            "_HANDLER": spec.handler,
            **spec.environment,
            **self.extra,
        }


class Environment:
    """One execution environment: a process, frozen unless it works."""

    def __init__(self, spec: FunctionSpec, log: Path, runtime: "Runtime") -> None:
        self.spec = spec
        self.idle_since = time.monotonic()
        self._next: queue.Queue[Invocation] = queue.Queue(1)
        # One that is given something to do is not frozen in the same moment for having had nothing.
        self._freezing = threading.Lock()
        self._answers: queue.Queue[tuple[bytes, str | None]] = queue.Queue()
        self._waiting = threading.Event()
        self._current: Invocation | None = None
        self._started = time.monotonic()
        self._init_seconds: float | None = None
        self._peak_megabytes: int | None = None
        self._region = runtime.region
        self._api = RuntimeApi(runtime.address, self._next_invocation, self._answered)
        stream = stream_name(time.strftime("%Y%m%d", time.gmtime()), secrets.token_hex(16))
        self._process = start(
            runtime.command(spec.handler),
            environment=runtime.environment(spec, self._api.endpoint, stream),
            folder=spec.code,
            output=subprocess.PIPE,
            as_server=False,
        )
        assert self._process.stdout is not None  # noqa: S101 - asked for
        self._log = EnvironmentLog(log, stream, self._process.stdout)

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
        cold = self._init_seconds is None
        initialized = self._wait_for_init()
        request = Invocation(
            request_id=str(uuid.uuid4()),
            payload=payload,
            deadline=int(time.time() * 1000) + self.spec.timeout * 1000,
            arn=f"arn:aws:lambda:{self._region}:{ACCOUNT}:function:{self.spec.name}",
        )
        if not initialized:
            return self._failed_init(request)
        self._current = request
        self._waiting.clear()
        self._log.begin(f"START RequestId: {request.request_id} Version: $LATEST")
        begun = time.monotonic()
        with self._freezing:
            self._next.put(request)
            self._signal(signal.SIGCONT)
        body, error = self._wait_for_answer(request)
        seconds = time.monotonic() - begun
        if error == REFUSED:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(INIT_SECONDS)  # AWS's client ends over it, and another environment takes its place
        elif error != _SANDBOX:
            self._waiting.wait(_POLL_SECONDS)  # it asks for the next one, and is frozen then: its output is complete
        self._log.add(f"END RequestId: {request.request_id}")
        self._log.add(self._report(request, seconds, cold=cold))
        return Answer(payload=body, error="Unhandled" if error else None, log=self._log.tail())

    def _next_invocation(self, gone: Callable[[], bool]) -> Invocation | None:
        """What the Runtime API answers to `next`: blocks, frozen, until there is something to do."""
        self.idle_since = time.monotonic()
        if self._init_seconds is None:
            self._init_seconds = time.monotonic() - self._started
        with self._freezing:
            if self._next.empty():
                self._signal(signal.SIGSTOP)  # as Lambda does between invocations
        self._waiting.set()
        while self.alive and not gone():
            try:
                return self._next.get(timeout=1)
            except queue.Empty:
                continue
        return None

    def _answered(self, request_id: str | None, body: bytes, error: str | None) -> None:
        """Take an answer from the Runtime API, or an init error, unless nobody waits for it any more."""
        if request_id is None or (self._current is not None and self._current.request_id == request_id):
            self._answers.put((body, error))

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

    def _failed_init(self, request: Invocation) -> Answer:
        """End an invocation that could not begin. Lambda has then tried once before it: its words for the second try.

        Source: Lambda Developer Guide, "Failures during the Init phase", and logs of such functions in public issues.
        """
        seconds, status = time.monotonic() - self._started, "error"
        body = None if self._answers.empty() else self._answers.get()[0]
        if body is None and self.alive:
            status = "timeout"
        kind = "Runtime.ExitError" if body is None else json.loads(body).get("errorType")
        ended = f"Status: {status}" + (f"\tError Type: {kind}" if status == "error" else "")
        self._log.add(f"INIT_REPORT Init Duration: {seconds * 1000:.2f} ms\tPhase: invoke\t{ended}")
        self._log.add(f"START RequestId: {request.request_id} Version: $LATEST")
        if body is None:
            body = self._timed_out(request, seconds) if status == "timeout" else self._died(request)
        self.end()
        self._log.add(f"END RequestId: {request.request_id}")
        self._log.add(f"{self._report(request, seconds, cold=False)}\t{ended}")
        return Answer(payload=body, error="Unhandled", log=self._log.tail())

    def _wait_for_answer(self, request: Invocation) -> tuple[bytes, str | None]:
        while True:
            left = request.deadline / 1000 - time.time()
            with contextlib.suppress(queue.Empty):
                return self._answers.get(timeout=max(0.0, min(left, 0.2)))
            if left <= 0:
                return self._timed_out(request, self.spec.timeout), _SANDBOX
            if not self.alive and self._answers.empty():
                return self._died(request), _SANDBOX

    def _timed_out(self, request: Invocation, seconds: float) -> bytes:
        self._peak_megabytes = _peak_megabytes(self.pid)
        self.end()
        words = f"Task timed out after {seconds:.2f} seconds"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        self._log.add(f"{now}Z {request.request_id} {words}\n")
        return _error("Sandbox.Timedout", f"RequestId: {request.request_id} Error: {words}")

    def _died(self, request: Invocation) -> bytes:
        status = self._process.returncode
        how = f"signal: {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        words = f"RequestId: {request.request_id} Error: Runtime exited with error: {how}"
        self._log.add(words)
        return _error("Runtime.ExitError", words)

    def _report(self, request: Invocation, seconds: float, *, cold: bool) -> str:
        """Lambda's last line of an invocation, as its tools expect it."""
        parts = {
            "RequestId": request.request_id,
            "Duration": f"{seconds * 1000:.2f} ms",
            "Billed Duration": f"{math.ceil(seconds * 1000)} ms",
            "Memory Size": f"{self.spec.memory} MB",
        }
        peak = _peak_megabytes(self.pid) or self._peak_megabytes
        if peak is not None:
            parts["Max Memory Used"] = f"{peak} MB"
        if cold and self._init_seconds is not None:
            parts["Init Duration"] = f"{self._init_seconds * 1000:.2f} ms"
        return "REPORT " + "\t".join(f"{name}: {value}" for name, value in parts.items())


def _peak_megabytes(pid: int) -> int | None:
    """The most memory that a process has used; None when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if kilobytes is None else math.ceil(int(kilobytes) / 1024)


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
