"""The storm on a deployed stack: its own functions are the load, invoked concurrently through Lambda's API.

There is a proxy phase only: deployed functions know no way around their proxy, and their database is somebody's.
"""

import contextlib
import json
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

from ops.aws.errors import AwsErrors, reason
from ops.stack_outputs import StackError, stack_functions, stack_outputs

from . import cost
from .results import Phase, Progress, StormResult, StormSettings

_COLD_SECONDS = 30.0
_TICK_SECONDS = 0.2
_RECOVERY_SECONDS = 60.0
# CloudWatch shows a minute's value about a minute after its end.
_METRIC_SECONDS = 150.0
_METRIC_EVERY = 10.0


@dataclass(frozen=True, kw_only=True)
class DeployedFunction:
    """A function as it is deployed; `megabytes` of memory, `timeout` in seconds."""

    name: str
    megabytes: int
    timeout: int
    architecture: str


class DeployedStack:
    """The functions of a stack and what its outputs say of the database."""

    def __init__(self, functions: list[DeployedFunction], outputs: dict[str, Any]) -> None:
        self.functions = functions
        budget = outputs.get("connectionBudget") or {}
        self.max_connections: int | None = _number(budget.get("maxConnections"))
        self.ceiling: int | None = _number(budget.get("ceiling"))
        self._database = str(outputs.get("databaseEndpoint") or "")
        self.endpoint = str(boto3.client("lambda").meta.endpoint_url)

    @classmethod
    def find(cls, stack: str, function: str | None = None) -> "DeployedStack":
        """The stack of that name, seen with the shell's AWS credentials.

        Args:
            function: the logical name of the only function to invoke; all of them in turn when None.

        Raises:
            StackError: the stack cannot be read, has no such function, or Lambda does not let us look.
        """
        outputs = stack_outputs(stack)
        names: dict[str, str] = outputs.get("functions") or stack_functions(stack)
        if function is not None and function not in names:
            raise StackError(f'the stack "{stack}" has no function "{function}"; it has {", ".join(names)}')
        chosen = [name for logical, name in names.items() if function in (None, logical)]
        try:
            client = boto3.client("lambda")
            return cls([_function(client.get_function_configuration(FunctionName=name)) for name in chosen], outputs)
        except AwsErrors as error:
            raise StackError(f"Lambda does not show {', '.join(chosen)}: {reason(error)}") from None

    @property
    def is_here(self) -> bool:
        """Whether Lambda is this machine's own."""
        return "://127." in self.endpoint or "://localhost" in self.endpoint

    def cost(self, settings: StormSettings) -> cost.Cost:
        """What a storm of these settings costs at most."""
        dearest = max(self.functions, key=lambda each: (each.megabytes, each.timeout))
        return cost.at_most(
            environments=settings.environments,
            # Cold start, sustained part, and the last invocations, which may run into their timeout.
            seconds=_COLD_SECONDS + settings.seconds + max(each.timeout for each in self.functions),
            megabytes=dearest.megabytes,
            architecture=dearest.architecture,
        )

    def run_storm(self, result: StormResult, say: Callable[[Progress], None]) -> None:
        """Fill `result` with the one phase."""
        settings = result.settings
        phase = Phase(name="proxy", path="deployed functions", seconds=settings.seconds)
        result.phases["proxy"] = phase
        crowd = _Crowd(self.functions, settings.environments)
        began = datetime.now(UTC)
        try:
            crowd.storm(phase, say)
        finally:
            crowd.end()
        crowd.collect(phase)
        phase.seconds_to_recover = crowd.recovery()
        phase.peak_connections = self._peak_connections(began, say, phase)

    def _peak_connections(self, began: datetime, say: Callable[[Progress], None], phase: Phase) -> int | None:
        """The database's own count, by CloudWatch, the platform's few connections included."""
        if not self._database:
            return None
        kind = "DBClusterIdentifier" if ".cluster-" in self._database else "DBInstanceIdentifier"
        query = {
            "Namespace": "AWS/RDS",
            "MetricName": "DatabaseConnections",
            "Dimensions": [{"Name": kind, "Value": self._database.split(".")[0]}],
            "StartTime": began.replace(second=0, microsecond=0),
            "EndTime": datetime.now(UTC) + timedelta(minutes=1),
            "Period": 60,
            "Statistics": ["Maximum"],
        }
        ended, until = datetime.now(UTC), time.monotonic() + _METRIC_SECONDS
        with contextlib.suppress(botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
            client = boto3.client("cloudwatch")
            while True:
                points = client.get_metric_statistics(**query)["Datapoints"]
                # The minute in which the storm ended has its value: nothing more will come.
                last = any(point["Timestamp"] + timedelta(minutes=1) >= ended for point in points)
                if last or time.monotonic() > until:
                    peak = max((float(point["Maximum"]) for point in points), default=None)
                    return None if peak is None else round(peak)
                waited = time.monotonic() - until + _METRIC_SECONDS
                say(_progress(phase, "metrics", waited, 0, len(phase.latencies), sum(phase.errors.values())))
                time.sleep(_METRIC_EVERY)
        return None


class _Crowd:
    """A thread per execution environment that is wanted: each waits for its answer and asks again."""

    def __init__(self, functions: list[DeployedFunction], environments: int) -> None:
        self._names = [functions[index % len(functions)].name for index in range(environments)]
        limits = botocore.config.Config(
            max_pool_connections=environments + 1,
            connect_timeout=10,
            read_timeout=max(each.timeout for each in functions) + 5,
            # A throttle that is repeated in secret would be counted as a slow answer.
            retries={"total_max_attempts": 1},
        )
        self._client = boto3.client("lambda", config=limits)
        self._environments = [_Environment() for _ in self._names]
        self._over = threading.Event()
        self._start = time.monotonic()

    def storm(self, phase: Phase, say: Callable[[Progress], None]) -> None:
        """All at once, then sustained for the phase's seconds after everyone's first answer."""
        threads = [
            threading.Thread(target=self._run, args=(name, environment), daemon=True)
            for name, environment in zip(self._names, self._environments, strict=True)
        ]
        self._start = time.monotonic()
        for thread in threads:
            thread.start()
        while not all(each.begun for each in self._environments) and self._seconds() < _COLD_SECONDS:
            time.sleep(_TICK_SECONDS)
            say(self._progress(phase, "cold"))
        phase.cold_seconds = round(self._seconds(), 3)
        while self._seconds() < phase.cold_seconds + phase.seconds:
            time.sleep(_TICK_SECONDS)
            say(self._progress(phase, "sustained"))
        self._over.set()
        for thread in threads:
            thread.join()

    def end(self) -> None:
        """Begin no more invocations."""
        self._over.set()

    def collect(self, phase: Phase) -> None:
        """Put together what everyone noted."""
        for each in self._environments:
            phase.served_at += each.served_at
            phase.latencies += each.latencies
            phase.errors.update(each.errors)
            phase.never_served += not each.latencies
            phase.medians += [statistics.median(each.latencies)] if each.latencies else []

    def recovery(self) -> float | None:
        """Seconds after the storm until an invocation succeeds; None if none does within a minute."""
        began = time.monotonic()
        while time.monotonic() - began < _RECOVERY_SECONDS:
            if self._invoke(self._names[0]) is None:
                return round(time.monotonic() - began, 2)
            time.sleep(0.5)
        return None

    def _seconds(self) -> float:
        return time.monotonic() - self._start

    def _progress(self, phase: Phase, stage: str) -> Progress:
        begun = sum(each.begun for each in self._environments)
        served = sum(len(each.latencies) for each in self._environments)
        failed = sum(len(each.errors) for each in self._environments)
        return _progress(phase, stage, self._seconds(), begun, served, failed)

    def _run(self, name: str, environment: "_Environment") -> None:
        while not self._over.is_set():
            began = time.monotonic()
            problem = self._invoke(name)
            ended = time.monotonic()
            if problem is None:
                environment.latencies.append(round((ended - began) * 1000, 3))
                environment.served_at.append(round(ended - self._start, 3))
            else:
                environment.errors.append(problem)
                self._over.wait(0.1)  # who is throttled and asks again at once only keeps Lambda busy

    def _invoke(self, name: str) -> str | None:
        """One invocation: None, or under what name its failure is counted."""
        try:
            answer = self._client.invoke(FunctionName=name, Payload=b"{}")
            payload = answer["Payload"].read()
        except botocore.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"])
        except botocore.exceptions.BotoCoreError as error:
            return type(error).__name__
        if "FunctionError" not in answer:
            return None
        try:
            return str(json.loads(payload)["errorType"])
        except (ValueError, KeyError, TypeError):
            return str(answer["FunctionError"])


class _Environment:
    """What one thread got; nobody else writes here."""

    def __init__(self) -> None:
        self.served_at: list[float] = []
        self.latencies: list[float] = []
        self.errors: list[str] = []

    @property
    def begun(self) -> bool:
        """Whether it has had an answer, good or bad."""
        return bool(self.latencies or self.errors)


def _progress(phase: Phase, stage: str, seconds: float, begun: int, served: int, failed: int) -> Progress:
    return Progress(
        phase=phase.name,
        path=phase.path,
        stage=stage,
        seconds=seconds,
        begun=begun,
        served=served,
        failed=failed,
        connections=None,
    )


def _function(found: dict[str, Any]) -> DeployedFunction:
    return DeployedFunction(
        name=found["FunctionName"],
        megabytes=found["MemorySize"],
        timeout=found["Timeout"],
        architecture=(found.get("Architectures") or ["x86_64"])[0],
    )


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
