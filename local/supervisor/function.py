"""One Lambda function: its package, and environments on demand up to the reserved concurrency or a stated limit."""

import base64
import hashlib
import shutil
import threading
import time
import zipfile
from pathlib import Path

from .environment import Answer, Environment, FunctionSpec, Runtime
from .errors import LaptopError

_IDLE_SECONDS = 600.0


class ThrottledError(RuntimeError):
    """All environments are busy and no more may be started."""


class Function:
    """One function and its environments."""

    def __init__(self, spec: FunctionSpec, folder: Path, runtime: Runtime) -> None:
        self.spec = spec
        self._folder = folder
        self._runtime = runtime
        self._idle: list[Environment] = []
        self._busy: set[Environment] = set()
        self._throttled = 0
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

    @property
    def throttled(self) -> int:
        """Invocations that were turned away, as Lambda's metric `Throttles` counts them."""
        with self._lock:
            return self._throttled

    def retire(self, spec: FunctionSpec | None = None) -> None:
        """End what is idle and, when it is done, what is busy; go on with another configuration if one is given."""
        with self._lock:
            if spec == self.spec:
                return
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
                environment.end()  # it died while nobody used it
            if len(self._busy) >= self.spec.limit:
                self._throttled += 1
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
