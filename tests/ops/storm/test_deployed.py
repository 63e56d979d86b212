"""A storm through Lambda's own API, here the laptop's: real environments, real throttles."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.supervisor.client import SupervisorClient
from ops import stack_outputs
from ops.stack_outputs import StackError
from ops.storm import deployed
from ops.storm.deployed import DeployedStack
from ops.storm.results import Phase, Progress, StormResult, StormSettings
from tests.local.supervisor.conftest import checkout
from toolchain.checkout import gateway_url
from toolchain.laptop_key import shell_secret

pytestmark = pytest.mark.servers

SOURCE = """
import time
def handler(event, context):
    time.sleep(0.01)
    return {"ok": True}
def failing(event, context):
    raise ValueError("no")
"""
OUTPUTS = {
    "functions": {"app": "orders-app", "bad": "orders-bad"},
    "connectionBudget": {"maxConnections": 79.0, "ceiling": 67.0},
    "databaseEndpoint": "orders.abc.eu-west-1.rds.amazonaws.com",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A laptop cloud with two functions, of which three environments each may run."""
    with checkout(tmp_path_factory.mktemp("deployed")) as folder:
        package = folder / "app.zip"
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("app.py", SOURCE)
        supervisor = SupervisorClient.ensure(folder)
        for name, handler in (("orders-app", "app.handler"), ("orders-bad", "app.failing")):
            spec = {"code": str(package), "handler": handler, "timeout": 20, "memorySize": 256}
            supervisor.put("function", name, {**spec, "reservedConcurrentExecutions": 3})
        yield folder


@pytest.fixture(autouse=True)
def shell(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell of `make env`, and outputs as a stack has them."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", gateway_url(root))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "laptop")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", shell_secret(root))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(deployed, "stack_outputs", lambda _: OUTPUTS)


def storm(function: str, environments: int) -> tuple[StormResult, list[Progress]]:
    settings = StormSettings(environments=environments, connections=1, seconds=1.0)
    result = StormResult(settings=settings, max_connections=None, ceiling=None)
    told: list[Progress] = []
    DeployedStack.find("dev", function).run_storm(result, told.append)
    return result, told


def test_every_environment_is_served_and_the_rate_is_of_the_sustained_part() -> None:
    result, told = storm("app", 3)
    phase = result.phases["proxy"]
    assert (dict(phase.errors), phase.never_served) == ({}, 0)
    assert 0 < phase.requests_per_second <= 300
    assert (phase.percentile(50) or 0) >= 10
    # Nobody can look into the database from here, and CloudWatch is not answered on a laptop.
    assert (phase.peak_connections, phase.idle_left_behind) == (None, None)
    assert phase.seconds_to_recover is not None
    assert {each.stage for each in told} >= {"cold", "sustained"}


def test_throttles_are_counted_and_not_repeated_in_secret() -> None:
    phase = storm("app", 12)[0].phases["proxy"]
    assert phase.errors["TooManyRequestsException"] > 0
    assert set(phase.errors) == {"TooManyRequestsException"}
    assert phase.latencies


def test_failures_of_the_handler_are_counted_by_their_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed, "_RECOVERY_SECONDS", 1.0)
    phase = storm("bad", 2)[0].phases["proxy"]
    assert phase.latencies == []
    assert phase.never_served == 2
    assert phase.errors["ValueError"] > 0
    assert phase.seconds_to_recover is None


def test_the_stack_tells_its_functions_its_limits_and_its_cost() -> None:
    stack = DeployedStack.find("dev")
    assert [(each.name, each.megabytes, each.timeout) for each in stack.functions] == [
        ("orders-app", 256, 20),
        ("orders-bad", 256, 20),
    ]
    assert (stack.max_connections, stack.ceiling, stack.is_here) == (79, 67, True)
    # 30 s of cold start at most, 1 s sustained, 20 s for the last to end.
    assert stack.cost(StormSettings(environments=4, connections=1, seconds=1.0)).gb_seconds == 4 * 51 / 4


class Metrics:
    """CloudWatch, whose last minute comes late: `answers` in turn."""

    def __init__(self, *answers: list[dict[str, object]]) -> None:
        self.asked: list[dict[str, object]] = []
        self._answers = list(answers)

    def get_metric_statistics(self, **query: object) -> dict[str, object]:
        self.asked.append(query)
        return {"Datapoints": self._answers.pop(0)}


def point(minutes: int, most: float) -> dict[str, object]:
    return {"Timestamp": datetime.now(UTC) + timedelta(minutes=minutes), "Maximum": most}


def test_the_peak_is_the_databases_own_once_cloudwatch_has_the_last_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = DeployedStack.find("dev")
    metrics = Metrics([], [point(-3, 12.0)], [point(-3, 12.0), point(0, 61.0)])
    monkeypatch.setattr(deployed, "_METRIC_EVERY", 0.01)
    monkeypatch.setattr("boto3.client", lambda _: metrics)
    phase = Phase(name="proxy", path="deployed functions", seconds=1.0)
    told: list[Progress] = []
    assert stack._peak_connections(datetime.now(UTC) - timedelta(minutes=4), told.append, phase) == 61
    assert [each.stage for each in told] == ["metrics", "metrics"]
    assert metrics.asked[0]["Dimensions"] == [{"Name": "DBInstanceIdentifier", "Value": "orders"}]
    assert (metrics.asked[0]["Period"], metrics.asked[0]["Statistics"]) == (60, ["Maximum"])


def test_the_peak_of_a_cluster_is_asked_of_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    host = "orders.cluster-abc.eu-west-1.rds.amazonaws.com"
    monkeypatch.setattr(deployed, "stack_outputs", lambda _: {**OUTPUTS, "databaseEndpoint": host})
    stack = DeployedStack.find("dev")
    metrics = Metrics([point(0, 7.0)])
    monkeypatch.setattr("boto3.client", lambda _: metrics)
    phase = Phase(name="proxy", path="deployed functions", seconds=1.0)
    assert stack._peak_connections(datetime.now(UTC), lambda _: None, phase) == 7
    assert metrics.asked[0]["Dimensions"] == [{"Name": "DBClusterIdentifier", "Value": "orders"}]


def test_a_function_that_the_stack_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(StackError, match=r'no function "other"; it has app, bad'):
        DeployedStack.find("dev", "other")


def test_a_function_that_lambda_does_not_have_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed, "stack_outputs", lambda _: {"functions": {"app": "gone"}})
    with pytest.raises(StackError, match="Lambda does not show gone: ResourceNotFoundException"):
        DeployedStack.find("dev")


def test_a_stack_that_is_not_up_says_how_to_bring_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (deployed, stack_outputs):
        monkeypatch.setattr(module, "stack_outputs", lambda _: {})
    monkeypatch.setattr(stack_outputs, "stack_resources", lambda _: [])
    with pytest.raises(StackError, match="pulumi up --stack dev"):
        DeployedStack.find("dev")


def test_a_program_that_exports_no_functions_has_those_of_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (deployed, stack_outputs):
        monkeypatch.setattr(module, "stack_outputs", lambda _: {})
    urn = "urn:pulumi:dev::p::lambda-rds-proxy:index:DatabaseFunction$aws:lambda/function:Function::api"
    resource = {"urn": urn, "type": "aws:lambda/function:Function", "outputs": {"name": "gone"}}
    monkeypatch.setattr(stack_outputs, "stack_resources", lambda _: [resource])
    with pytest.raises(StackError, match="Lambda does not show gone: "):
        DeployedStack.find("dev", "api")
