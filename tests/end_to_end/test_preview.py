"""Previews on the real engine with the real policy pack; the provider records, nothing is started."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.supervisor.client import SupervisorClient
from tests.end_to_end.checkouts import Checkout
from tests.end_to_end.golden_state import FUNCTIONS
from tests.packages.content import version

pytestmark = pytest.mark.engine
# What each function had, before they were over all functions or asked for.
OWN_ALARMS = ("concurrency-nearly-used-up", "database-work-fails", "errors", "slow", "throttles", "timeouts")
GOLDEN = Path(__file__).parent / "golden_urns.txt"
STATES = Path(__file__).parent / "golden_states"
EXISTING = {
    "identifier": "legacy-orders",
    "endpoint": "legacy-orders.abcdefghijkl.eu-west-1.rds.amazonaws.com",
    "resourceId": "db-ABCDEFGHIJKL",
    "securityGroupId": "sg-0a",
    "maxConnections": 405,
}


def preview(checkout: Checkout, stack: str, *arguments: str) -> Any:
    return checkout.pulumi("preview", "-s", stack, "--policy-pack", "policies", *arguments)


def test_a_new_dev_shaped_stack_previews_with_the_golden_urns_and_no_finding(checkout: Checkout) -> None:
    """A changed URN replaces a resource in every stack: it needs an alias, and then a new line in the list."""
    checkout.configure("shape", functions=FUNCTIONS)
    done = checkout.pulumi(
        "preview", "-s", "shape", "--policy-pack", "policies", "--json",
        environment={"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert not [event for event in events if "policyEvent" in event]
    urns = {
        event["resourcePreEvent"]["metadata"]["urn"].replace("urn:pulumi:shape::lambda-rds-proxy::", "")
        for event in events
        if "resourcePreEvent" in event
    }
    found = sorted(urn for urn in urns if "pulumi:providers" not in urn and not urn.startswith("pulumi:pulumi:Stack"))
    assert found == GOLDEN.read_text().splitlines()


@pytest.mark.parametrize("state", sorted(STATES.glob("*.json")), ids=lambda path: path.stem)
def test_a_stack_of_an_earlier_release_loses_nothing_but_the_alarms_of_each_function(
    checkout: Checkout, state: Path
) -> None:
    made = [step for step in steps_from(checkout, state) if step[1] not in ("same", "update", "create")]
    removed = {name for _, op, name in made if op == "delete"}
    assert removed <= {f"database-app-{name}" for name in OWN_ALARMS}
    # Calling the admin function once more, which finds the user to be its own and states its timeouts.
    others = {(kind, name) for kind, op, name in made if op != "delete"}
    assert others <= {("aws:lambda/invocation:Invocation", "database")}


def test_a_functions_new_timeout_changes_those_of_its_user_and_nothing_else_of_the_database(checkout: Checkout) -> None:
    slower = [{**each, "timeout": 60} for each in FUNCTIONS]
    steps = steps_from(checkout, STATES / f"{version()}.json", functions=slower)
    changed = {(kind.partition("/")[2], op) for kind, op, _ in steps if op != "same"}
    assert {each for each in changed if "Invocation" in each[0]} == {
        ("invocation:Invocation", op) for op in ("create-replacement", "replace", "delete-replaced")
    }
    assert {kind for kind, _ in changed} <= {
        "invocation:Invocation", "function:Function", "metricAlarm:MetricAlarm", "dashboard:Dashboard"
    }  # fmt: skip
    assert ("function:Function", "update") in changed


def steps_from(checkout: Checkout, state: Path, functions: Any = FUNCTIONS) -> list[tuple[str, str, str]]:
    """(type, operation, name) of every step of a preview of the stack that is in a kept state."""
    checkout.configure("golden", functions=functions)
    taken = checkout.pulumi("stack", "import", "-s", "golden", "--file", str(state))
    assert taken.returncode == 0, taken.stdout + taken.stderr
    done = checkout.pulumi(
        "preview", "-s", "golden", "--policy-pack", "policies", "--json",
        environment={"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    steps = [each["resourcePreEvent"]["metadata"] for each in events if "resourcePreEvent" in each]
    assert len(steps) > 50
    return [(each["type"], each["op"], each["urn"].rpartition("::")[2]) for each in steps]


def test_what_runs_keeps_its_name_when_the_rule_for_names_would_give_another(checkout: Checkout) -> None:
    """A stack whose name holds a hyphen gets a digest today; one that was made without it has its name in its state."""
    checkout.configure("golden-eu", functions=FUNCTIONS)
    state = checkout.root / "earlier.json"
    text = (STATES / "0.2.0.json").read_text()
    for old in ("urn:pulumi:golden", "pulumi:pulumi:Stack::lambda-rds-proxy-golden"):
        text = text.replace(old, f"{old}-eu")
    state.write_text(text)
    taken = checkout.pulumi("stack", "import", "-s", "golden-eu", "--file", str(state))
    assert taken.returncode == 0, taken.stdout + taken.stderr
    done = preview(checkout, "golden-eu", "--json")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    steps = json.loads(done.stdout)["steps"]
    types = [(each["urn"].split("::")[2].split("$")[-1], each["op"]) for each in steps]
    replaced = {kind for kind, op in types if op not in ("same", "update", "create")}
    # What costs nothing to make again, and would be written over by a stack that joins alike.
    assert replaced <= {
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        "aws:cloudwatch/dashboard:Dashboard",
        "aws:lambda/invocation:Invocation",
    }
    assert replaced  # the rule does give other names


def test_a_preview_starts_nothing(checkout: Checkout) -> None:
    checkout.configure("quiet", functions=FUNCTIONS)
    assert preview(checkout, "quiet").returncode == 0
    assert SupervisorClient.running(checkout.root) is None
    assert not checkout.state.exists()


def test_every_combination_of_engine_target_and_auth_previews_with_no_finding(checkout: Checkout) -> None:
    """All of them in one program: each is a whole stack, and starting the engine costs more than declaring one."""
    project = checkout.root / "tests" / "end_to_end" / "programs" / "combinations"
    keys = {"aws:region": "eu-west-1", "aws:allowedAccountIds": ["000000000000"]}
    (project / "Pulumi.all.yaml").write_text(json.dumps({"config": keys}))
    checkout.pulumi("stack", "init", "all", "--no-select", project=project)
    done = checkout.pulumi(
        "preview", "-s", "all", "--policy-pack", str(checkout.root / "policies"), "--json",
        project=project, environment={"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert not [event for event in events if "policyEvent" in event]
    made = [event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event]
    # 2 engines × 2 targets × 3 ways to log in, and the four beside them.
    assert len([each for each in made if each["type"] == "aws:rds/proxy:Proxy"]) == 2 * 2 * 3 + 4


@pytest.mark.parametrize(
    ("stack", "config"),
    [
        ("produced", {"profile": "prod", "instanceClass": "db.m7g.large", "rotationDays": 30}),
        ("adopted", {"existingDatabase": EXISTING, "vpcId": "vpc-0a", "subnetIds": ["subnet-0a", "subnet-0b"]}),
    ],
)
def test_the_program_takes_production_and_existing_databases_from_the_configuration(
    checkout: Checkout, stack: str, config: dict[str, Any]
) -> None:
    checkout.configure(stack, functions=FUNCTIONS, **config)
    done = preview(checkout, stack)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "violation" not in done.stdout.lower()
    assert "on AWS about" in done.stdout


def test_95_percent_is_rejected_with_the_fix(checkout: Checkout) -> None:
    checkout.configure("greedy", maxConnectionsPercent=95, functions=FUNCTIONS)
    done = preview(checkout, "greedy")
    assert done.returncode != 0
    assert "rds-proxy-max-connections" in done.stdout
    assert "maxConnectionsPercent is 95" in done.stdout
    assert "at most 90" in done.stdout


def test_a_function_given_the_databases_endpoint_is_rejected_while_the_host_is_still_unknown(
    checkout: Checkout,
) -> None:
    project = checkout.root / "tests" / "end_to_end" / "programs" / "direct"
    keys = {"aws:region": "eu-west-1", "aws:allowedAccountIds": ["000000000000"]}
    (project / "Pulumi.direct.yaml").write_text(json.dumps({"config": keys}))
    checkout.pulumi("stack", "init", "direct", "--no-select", project=project)
    done = checkout.pulumi("preview", "-s", "direct", "--policy-pack", str(checkout.root / "policies"), project=project)
    assert done.returncode != 0
    assert "lambda-uses-rds-proxy-graph" in done.stdout
    assert "DB_HOST" in done.stdout


def test_what_the_configuration_keeps_encrypted_is_in_clear_in_no_preview(checkout: Checkout) -> None:
    word = "hush0dec0de0"
    checkout.configure("hushed", functions={"app": {"path": "handler", "reservedConcurrency": 20}})
    for path, value in {
        "functions.app.environment.API_KEY": word,
        "initQuery": f"SET app.key = '{word}'",
        "parameters.application_name": word,
    }.items():
        done = checkout.pulumi(
            "config", "set", "--secret", "--path", f"lambda-rds-proxy:{path}", value, "-s", "hushed"
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    for arguments in (["--json"], ["--diff", "--show-reads"]):
        done = preview(checkout, "hushed", *arguments)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr
        assert "API_KEY" in done.stdout
        assert word not in done.stdout + done.stderr
    done = checkout.pulumi("config", "set", "--secret", "lambda-rds-proxy:port", word, "-s", "hushed")
    assert done.returncode == 0, done.stderr
    done = preview(checkout, "hushed")
    assert done.returncode != 0
    assert "port is encrypted" in done.stdout and word not in done.stdout + done.stderr


def test_all_of_a_bad_configuration_is_told_at_once_in_one_clear_sentence_each(checkout: Checkout) -> None:
    checkout.configure(
        "wrong", maxConnectionPercent=80, maxConnectionsPercent="abc", engine="oracle", maxIdleConnectionsPercent=101,
        vpcId="vpc-0a", subnetIds=["subnet-0a"], functions=[{"name": "app", "path": "hanlder"}],
    )  # fmt: skip
    done = preview(checkout, "wrong")
    assert done.returncode != 0
    for sentence in (
        "did you mean maxConnectionsPercent?",
        'maxConnectionsPercent is "abc"',
        'maxIdleConnectionsPercent is "101"; it must be a whole number from 0 to 100',
        'engine is "oracle"; it must be one of postgresql, mysql',
        "at least 2 subnet ids",
        'functions.app.path is "hanlder"',
    ):
        assert sentence in done.stdout
    assert "unhandled" not in done.stdout
    assert "Traceback" not in done.stdout


def test_settings_that_do_not_fit_together_are_told_before_anything_is_declared(checkout: Checkout) -> None:
    checkout.configure("unfit", borrowTimeout=20, functions=[{"name": "app", "path": "handler"}])
    done = preview(checkout, "unfit")
    assert done.returncode != 0
    assert "borrowTimeout is 20 but the timeout of function app is 15 s" in done.stdout
    assert "aws:" not in done.stdout


def test_the_stand_in_refuses_a_stack_that_is_not_the_laptops(checkout: Checkout) -> None:
    checkout.pulumi("stack", "init", "dev", "--no-select")
    done = preview(checkout, "dev")
    assert done.returncode != 0
    assert "stand-in for the aws provider, and this stack is not the laptop's" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_stand_in_refuses_a_backend_that_is_not_the_checkouts(checkout: Checkout, tmp_path: Path) -> None:
    elsewhere = {"PULUMI_BACKEND_URL": f"file://{tmp_path}"}
    checkout.pulumi("stack", "init", "local", environment=elsewhere)
    done = checkout.pulumi("preview", "-s", "local", environment=elsewhere)
    assert done.returncode != 0
    assert "is not this checkout's own" in done.stdout.replace("\n", " ")
