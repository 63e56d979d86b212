"""The execution environments of one Lambda function: on demand, up to the reserved concurrency or a stated limit."""

import threading
import time
from pathlib import Path

from .environment import Answer, Environment, FunctionSpec, Runtime

_IDLE_SECONDS = 600.0


class ThrottledError(RuntimeError):
    """All environments are busy and no more may be started."""


class EnvironmentPool:
    """One function's environments."""

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
