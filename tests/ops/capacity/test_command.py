"""`python -m ops capacity`: what it prints, and its exit status."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.__main__ import app
from ops.capacity import command
from ops.stack_outputs import StackError

BUDGET = {
    "maxConnections": 79.0,
    "percent": 85.0,
    "ceiling": 67.0,
    "clients": 20.0,
    "unbounded": [],
    "dutyCycle": 1.0,
    "vcpus": 2.0,
    "sessionsPerVcpu": 50.0,
    "verdict": "fits-even-pinned",
}


def run(*options: str) -> Any:
    return CliRunner().invoke(app, ["capacity", *options])


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found: dict[str, Any] = {"connectionBudget": BUDGET}
    monkeypatch.setattr(command, "stack_outputs", lambda _: found)
    monkeypatch.setattr(command, "stack_resources", lambda _: [])
    return found


def test_a_stack_is_judged_by_its_own_output(outputs: dict[str, Any]) -> None:
    done = run("--json")
    document = json.loads(done.stdout)
    assert done.exit_code == 0
    assert document["connectionBudget"] == BUDGET
    assert (document["estimated"], document["warning"]) == (False, None)
    assert "may take 85 % = 67; clients 20; 2 vCPUs bear about 100 sessions: fits" in " ".join(run().output.split())


def test_a_stack_that_was_not_updated_since_has_no_vcpus(outputs: dict[str, Any]) -> None:
    outputs["connectionBudget"] = {key: value for key, value in BUDGET.items() if "cpu" not in key.lower()}
    assert "clients 20: fits" in " ".join(run().output.split())


def test_a_class_is_judged_by_its_vcpus_too() -> None:
    options = ["--class", "db.r5.large", "--function", "api=1000"]
    done = run(*options, "--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["connectionBudget"]["verdict"]) == (1, "cpu-bound")
    assert "lower maxConnectionsPercent to 6" in document["warning"]
    assert [each["percent"] for each in document["whatIf"] if each["cpuBears"]] == [6]
    borne = run(*options, "--sessions-per-vcpu", "500", "--json")
    assert (borne.exit_code, json.loads(borne.stdout)["connectionBudget"]["verdict"]) == (0, "fits-even-pinned")


def test_sessions_per_vcpu_are_of_a_class() -> None:
    done = run("--max-connections", "100", "--sessions-per-vcpu", "5")
    assert done.exit_code == 2 and "add --class" in done.output


@pytest.mark.parametrize(
    ("functions", "verdict", "status"),
    [
        (["api=340"], "fits-even-pinned", 0),
        (["api=341"], "multiplexed", 0),
        (["api=3400"], "multiplexed", 0),
        (["api=3401", "report=10"], "multiplexed", 1),
        (["api=1", "report"], "unbounded", 1),
        ([], "fits-even-pinned", 0),
    ],
)
def test_the_exit_status_tells_too_many_clients_from_those_that_share(
    functions: list[str], verdict: str, status: int
) -> None:
    options = ["--max-connections", "400", *(word for each in functions for word in ("--function", each))]
    done = run(*options, "--json")
    assert json.loads(done.stdout)["connectionBudget"]["verdict"] == verdict
    assert done.exit_code == status
    assert bool(json.loads(done.stdout)["warning"]) is bool(status)
    assert run(*options).exit_code == status


@pytest.mark.parametrize(
    ("options", "most", "estimated"),
    [
        (["--class", "db.t4g.micro"], 79, False),
        (["--class", "db.m7g.large", "--engine", "mysql"], 630, False),
        (["--class", "db.m7g.large"], None, True),
        (["--class", "db.r6g.large", "--cluster", "--engine", "mysql"], 1000, False),
    ],
)
def test_a_class_has_the_max_connections_that_the_components_know(
    options: list[str], most: int | None, estimated: bool
) -> None:
    document = json.loads(run(*options, "--function", "api=1", "--json").stdout)
    assert most in (None, document["connectionBudget"]["maxConnections"])
    assert document["estimated"] is estimated
    assert ("max_connections about" in run(*options, "--function", "api=1").output) is estimated


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--percent", "50"], "add --max-connections or --class"),
        (["--function", "api=1"], "add --max-connections or --class"),
        (["--cluster"], "add --class"),
        (["--max-connections", "9", "--stack", "dev"], "--stack dev has numbers of its own"),
        (["--max-connections", "9", "--class", "db.t4g.micro"], "give one of them"),
        (["--max-connections", "9", "--function", "api=x"], '--function is "api=x"'),
        (["--class", "db.huge"], 'instance class "db.huge" is not known'),
        (["--class", "db.serverless", "--cluster"], "give --max-connections"),
    ],
)
def test_what_cannot_be_judged_is_told_with_status_2(options: list[str], words: str) -> None:
    done = run(*options)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("budget", "words"), [(None, 'no output "connectionBudget"'), ({"percent": 1}, "not one of this program")]
)
def test_a_stack_without_a_budget_is_told_with_status_2(outputs: dict[str, Any], budget: Any, words: str) -> None:
    outputs["connectionBudget"] = budget
    done = run("--stack", "dev")
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())


def test_a_stack_that_cannot_be_read_is_told_with_status_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: str) -> dict[str, Any]:
        raise StackError("no stack named dev")

    monkeypatch.setattr(command, "stack_outputs", unreadable)
    done = run("--stack", "dev")
    assert (done.exit_code, "no stack named dev" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ([], "run `pulumi up --stack local`"),
        (
            [{"type": "aws:rds/proxy:Proxy", "outputs": {"name": "shop", "endpoint": "shop.proxy-a"}}],
            'pulumi.export("connectionBudget", shop.connection_budget().as_output())',
        ),
    ],
)
def test_a_stack_that_says_no_budget_is_brought_up_or_has_its_program_export_it(
    outputs: dict[str, Any], resources: list[Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs.clear()
    monkeypatch.setattr(command, "stack_resources", lambda _: resources)
    done = run()
    assert done.exit_code == 2 and words in done.stderr
    assert ("pulumi up" in done.stderr) is not bool(resources)
