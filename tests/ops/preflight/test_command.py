"""`python -m ops preflight`, with a `pulumi` that answers and an account that is recorded."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import NoCredentialsError
from typer.testing import CliRunner

from lambda_rds_proxy.preflight.answers import Row, Verdict
from lambda_rds_proxy.preflight.needs import Needs
from ops.__main__ import app
from ops.configured import read
from ops.preflight import command
from ops.preflight.command import exit_status, needs_of_stack
from ops.stack_outputs import StackError
from tests.ops.preflight.recorded import Answer, Recorded, good
from tests.waiting import LIMIT_SECONDS

ROOT = Path(__file__).resolve().parents[3]
Stack = Callable[..., None]


def configured(stack: str, **more: Any) -> dict[str, Any]:
    """What `pulumi config --json` prints of a stack of this repository."""
    said = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"] | more
    return {key: {"value": each if isinstance(each, str) else json.dumps(each)} for key, each in said.items()}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Puts a `pulumi` on PATH that knows one stack."""

    def make(configuration: dict[str, Any], resources: list[dict[str, Any]] | None = None) -> None:
        (tmp_path / "config.json").write_text(json.dumps(configuration))
        (tmp_path / "state.json").write_text(json.dumps({"deployment": {"resources": resources or []}}))
        program = tmp_path / "pulumi"
        program.write_text(
            f'#!/bin/sh\nif [ "$1" = config ]; then cat {tmp_path}/config.json; else cat {tmp_path}/state.json; fi\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return make


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["preflight", "--stack", "dev", *arguments])


def needs(configuration: dict[str, Any], name: str = "dev") -> Needs:
    return needs_of_stack(name, read(configuration))


@pytest.fixture
def account(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recorded]:
    def make(
        configuration: dict[str, Any], resources: list[dict[str, Any]] | None = None, **answers: Answer
    ) -> Recorded:
        stack(configuration, resources)
        recorded = Recorded({**good(needs(configuration)), **answers})
        monkeypatch.setattr(boto3, "Session", lambda **_: recorded.session())
        return recorded

    return make


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_our_own_stacks_are_fit_for_a_good_account(account: Callable[..., Recorded], name: str) -> None:
    recorded = account(configured(name))
    done = run("--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [each for each in document["answers"] if each["verdict"] != "ok"] == []
    assert document.keys() == {"stack", "region", "finding", "calls", "answers"}
    assert (document["region"], document["finding"]) == ("eu-west-1", False)
    assert document["calls"] == len(recorded.asked) <= 30


def test_findings_are_told_in_a_table_with_their_fixes_and_the_status_is_one(account: Callable[..., Recorded]) -> None:
    new = {"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}}
    account(configured("prod"), GetAccountSettings=new, GetApplication="NotFoundException")
    done = run()
    assert done.exit_code == 1
    assert "findings: 2; not seen: 0;" in done.output
    row = next(each for each in done.output.split("├") if "concurrency" in each)
    said = "".join(re.sub(r"[│\s]", "", line.split("│")[3]) for line in row.splitlines() if line.count("│") > 3)
    assert (
        said.startswith("functionsreserve100of10concurrentexecutions") and "→leavefunctions'reservedConcurrency" in said
    )


def test_a_stack_that_runs_does_not_find_its_own_names_taken_nor_its_own_reservation_too_much(
    account: Callable[..., Recorded],
) -> None:
    name = "lambda-rds-proxy-prod"
    resources: list[dict[str, Any]] = [
        {
            "type": "aws:lambda/function:Function",
            "outputs": {"name": f"{name}-app", "reservedConcurrentExecutions": 200},
        },
        {
            "type": "aws:lambda/function:Function",
            "outputs": {"name": f"{name}-database-admin", "reservedConcurrentExecutions": -1},
        },
        {"type": "aws:rds/proxy:Proxy", "outputs": {"name": f"{name}-database"}},
        {
            "type": "aws:serverlessrepository/cloudFormationStack:CloudFormationStack",
            "outputs": {"name": f"{name}-database-rotation"},
        },
        {
            "type": "aws:rds/instance:Instance",
            "urn": "urn:pulumi:prod::lambda-rds-proxy::a$aws:rds/instance:Instance::database",
            "outputs": {"identifier": "database-1a2b3c4", "allocatedStorage": 100},
        },
        {"type": "aws:ec2/vpc:Vpc", "outputs": {}},
        {"type": "aws:rds/parameterGroup:ParameterGroup", "outputs": {}},
        {"type": "aws:rds/subnetGroup:SubnetGroup", "outputs": {}},
    ]
    groups = [
        *(f"/aws/lambda/{name}-{each}" for each in ("app", "database-admin", "database-rotation")),
        f"/aws/rds/proxy/{name}-database",
    ]
    resources += [{"type": "aws:cloudwatch/logGroup:LogGroup", "outputs": {"name": each}} for each in groups]
    targets = [{"RdsResourceId": "database-1a2b3c4", "Type": "RDS_INSTANCE"}]
    recorded = account(
        configured("prod"),
        resources,
        GetAccountSettings={"AccountLimit": {"ConcurrentExecutions": 300, "UnreservedConcurrentExecutions": 100}},
        DescribeLogGroups={"logGroups": [{"logGroupName": each} for each in groups]},
        DescribeStacks={"Stacks": []},
        DescribeDBProxies={"DBProxies": [{"DBProxyName": f"{name}-database", "VpcId": "vpc-1"}]},
        DescribeDBProxyTargets={"Targets": targets},
        DescribeDBProxyTargetGroups={"TargetGroups": [{"ConnectionPoolConfig": {"MaxConnectionsPercent": 85}}]},
        DescribeVpcs={"Vpcs": [{"VpcId": f"vpc-{each}"} for each in range(5)]},
        # What runs need not be what can be made today.
        DescribeDBEngineVersions={"DBEngineVersions": []},
    )
    done = CliRunner().invoke(app, ["preflight", "--stack", "prod", "--json"])
    document = json.loads(done.stdout)
    assert [each for each in document["answers"] if each["verdict"] != "ok"] == []
    assert "85 = 85 % of database-1a2b3c4" in done.stdout
    assert "DescribeOrderableDBInstanceOptions" not in {name for name, _ in recorded.asked}


def test_what_is_configured_of_the_provider_is_held_against_the_account(account: Callable[..., Recorded]) -> None:
    account(configured("dev", **{"aws:allowedAccountIds": ["210987654321"], "aws:profile": "other"}))
    done = run("--json")
    assert done.exit_code == 1
    assert "aws:allowedAccountIds has 210987654321" in done.stdout


def test_an_encrypted_setting_is_told_to_be_unseen_and_the_rest_is_asked(account: Callable[..., Recorded]) -> None:
    account({**configured("dev"), "lambda-rds-proxy:alarmTopicArn": {"secret": True}})
    done = run("--json")
    unseen = [each["found"] for each in json.loads(done.stdout)["answers"] if each["verdict"] == "not-seen"]
    assert done.exit_code == 0
    assert unseen == ["alarmTopicArn: encrypted, and nothing is decrypted here, so what they say was not looked at"]


def test_where_there_are_no_credentials_it_could_not_look(
    account: Callable[..., Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    account(configured("dev"))

    def without(*_: object, **__: object) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(command, "caller_of", without)
    done = run()
    assert (done.exit_code, "the shell has no AWS credentials; log in" in done.stderr) == (2, True)


def test_the_stack_of_the_laptop_has_no_account_to_ask(stack: Stack) -> None:
    stack(configured("local"))
    done = run()
    assert (done.exit_code, "is the laptop's" in done.stderr) == (2, True)


def test_a_stack_without_a_region_is_told_how_to_get_one(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    said = configured("dev")
    del said["aws:region"]
    stack(said)
    done = run()
    assert (done.exit_code, "pulumi config set aws:region" in done.stderr) == (2, True)


def test_a_configuration_that_is_wrong_is_told_before_anything_is_asked(stack: Stack) -> None:
    stack(configured("dev", **{"lambda-rds-proxy:maxConnectionsPercent": "0", "lambda-rds-proxy:zones": "1"}))
    done = run()
    assert done.exit_code == 2
    assert "maxConnectionsPercent is" in done.stderr and "zones is" in done.stderr


def test_keys_of_the_provider_that_are_no_json_are_told(stack: Stack) -> None:
    stack(configured("dev"))
    with pytest.raises(StackError, match="aws:allowedAccountIds"):
        needs(configured("dev", **{"aws:allowedAccountIds": "[1"}))


def test_a_stack_of_pulumi_cloud_has_its_own_name_in_its_names(stack: Stack) -> None:
    stack(configured("dev"))
    assert needs(configured("dev"), "acme/lambda-rds-proxy/dev").proxy_name == "lambda-rds-proxy-dev-database"


def test_the_last_of_the_roles_that_the_provider_assumes_is_the_one_that_deploys(stack: Stack) -> None:
    stack(configured("dev"))
    roles = [{"roleArn": "arn:aws:iam::1:role/a"}, {"roleArn": "arn:aws:iam::1:role/b"}]
    assert needs(configured("dev", **{"aws:assumeRoles": roles})).role_to_assume == "arn:aws:iam::1:role/b"


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([Verdict.OK, Verdict.NOT_SEEN], 0),
        ([Verdict.OK, Verdict.FINDING], 1),
        ([Verdict.NOT_SEEN, Verdict.FINDING], 1),
        ([Verdict.NOT_SEEN, Verdict.NOT_SEEN], 2),
    ],
)
def test_the_status_is_that_of_what_was_found_and_two_where_nothing_was_seen(
    verdicts: list[Verdict], status: int
) -> None:
    known = Row(question="identity", verdict=Verdict.OK, found="-")
    assert exit_status([known, *(Row(question="q", verdict=each, found="-") for each in verdicts)]) == status


SLOW = """
import socket, sys, threading
server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=lambda: [server.accept() for _ in range(99)], daemon=True).start()
import os
os.environ |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.getsockname()[1]}"}
os.environ |= {"AWS_ACCESS_KEY_ID": "fake", "AWS_SECRET_ACCESS_KEY": "fake"}
from ops.preflight import account, command
from lambda_rds_proxy.preflight.account import Caller
command.caller_of = lambda calls: print("asking", flush=True) or Caller(account="1", arn="arn:aws:iam::1:user/x")
from ops.__main__ import app
app(["preflight", "--stack", "dev"])
"""


def test_ctrl_c_ends_it_at_once_though_nobody_answers(stack: Stack) -> None:
    stack(configured("dev"))
    path = os.pathsep.join([str(ROOT), str(ROOT / "components")])
    started = subprocess.Popen(
        [sys.executable, "-c", SLOW],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None and started.stdout.readline() == "asking\n"
    started.send_signal(signal.SIGINT)
    # Long before a call that nobody answers is given up, three times 15 seconds.
    _, said = started.communicate(timeout=min(LIMIT_SECONDS, 30))
    assert (started.returncode, said) == (130, "error: interrupted; nothing was changed\n")
