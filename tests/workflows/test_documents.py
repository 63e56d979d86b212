"""What the documents tell people to type and to paste agrees with the workflows, AWS's API and the engine."""

import json
import re
import subprocess
from functools import cache
from itertools import takewhile
from typing import Any

import botocore.session
import pytest

from ops.survey.command import as_document
from rds_proxy_guard.configuration import configuration
from rds_proxy_guard.pack import build
from tests.waiting import LIMIT_SECONDS
from tests.workflows.workflow import ACTIONS, FILES, ROOT, jobs
from toolchain.shell import laptop_environment

_REQUESTS = (ROOT / "docs" / "pull-requests.md").read_text()
_ROLLOUT = (ROOT / "docs" / "rollout.md").read_text()
_BLOCKS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", _REQUESTS, re.DOTALL)]
_POLICIES = [block["Statement"] for block in _BLOCKS if "Statement" in block]
# IAM's name of a service → botocore's; IAM's own actions without an API call of that name.
_SERVICES = {"cloudwatch", "ec2", "iam", "kms", "lambda", "logs", "rds", "s3", "secretsmanager", "sts"}
_NO_API = {"iam:PassRole", "s3:ListBucket", "lambda:InvokeFunction"}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _environments() -> set[str]:
    found = set()
    for _, job in jobs():
        name = str(job.get("environment", ""))
        for stack in job.get("strategy", {}).get("matrix", {}).get("stack", [""]):
            found.add(name.replace("${{ matrix.stack }}", stack))
    return found - {""}


def test_every_environment_is_explained_and_no_other() -> None:
    table = _REQUESTS[_REQUESTS.index("| environment | branches") :].split("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}
    assert named == _environments()


def test_the_trust_policies_name_exact_subjects_of_environments_that_exist() -> None:
    trusts = [each for statement in _POLICIES for each in statement if "Principal" in each]
    assert len(trusts) == 2
    for trust in trusts:
        condition = trust["Condition"]["StringEquals"]
        assert condition["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
        for subject in _listed(condition["token.actions.githubusercontent.com:sub"]):
            assert "*" not in subject
            assert subject.removeprefix("repo:OWNER/REPOSITORY:environment:") in _environments()


def test_every_variable_that_a_workflow_reads_is_explained() -> None:
    read = {name for path in FILES + ACTIONS for name in re.findall(r"vars\.(\w+)", path.read_text())}
    assert read == {name for name in read if name in _REQUESTS}


def test_every_action_exists_in_awss_api() -> None:
    session = botocore.session.get_session()
    known = {name: set(session.get_service_model(name).operation_names) for name in _SERVICES}
    for statement in _POLICIES:
        for action in (action for each in statement for action in _listed(each["Action"])):
            service, operation = action.split(":")
            assert action in _NO_API or operation in known[service], action


def test_the_role_of_requests_reads_and_reads_no_secret() -> None:
    reading = _POLICIES[1]
    actions = {action for each in reading for action in _listed(each["Action"])}
    assert all(re.match(r"\w+:(Describe|Get|List)|kms:Decrypt$", action) for action in actions)
    assert not {"secretsmanager:GetSecretValue", "s3:PutObject", "rds-db:connect"} & actions
    assert not any("*" in action for action in actions)


def test_the_role_of_deployments_passes_only_its_own_roles_to_two_services() -> None:
    changing = {each["Sid"]: each for each in _POLICIES[3]}
    assert not any("*" in action for each in changing.values() for action in _listed(each["Action"]))
    assert changing["PassRoles"]["Resource"] == changing["Roles"]["Resource"]
    assert "*" not in changing["Roles"]["Resource"]
    assert changing["PassRoles"]["Condition"]["StringEquals"]["iam:PassedToService"] == [
        "lambda.amazonaws.com",
        "rds.amazonaws.com",
    ]


def test_the_keys_of_the_surveys_json_are_explained() -> None:
    assert set(as_document([], {})) == {"pack", "stacks", "errors"}
    for key in as_document([], {}):
        assert f"`{key}" in _ROLLOUT


def test_the_configurations_of_the_rollout_are_ones_that_the_pack_takes() -> None:
    names = {policy.name for policy in build()["policies"]}
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", _ROLLOUT, re.DOTALL)]
    assert any("exemptions" in value for block in blocks for value in block.values() if isinstance(value, dict))
    for block in blocks:
        assert set(block) <= {*names, "all"}
        for value in block.values():
            level = value["enforcementLevel"] if isinstance(value, dict) else value
            assert level in ("advisory", "mandatory")
            if isinstance(value, dict):
                given = {name: each for name, each in value.items() if name != "enforcementLevel"}
                assert configuration(given, ()).problems == ()


_COMMANDS = sorted(
    {
        line.strip().removeprefix("$ ")
        for text in (_REQUESTS, _ROLLOUT)
        for line in re.sub(r"`(pulumi [^`]+)`", r"\n\1\n", text).splitlines()
        if re.match(r"\s*(\$ )?pulumi [a-z]", line)
    }
)


@cache
def _help(*verbs: str) -> str:
    return subprocess.run(
        ["pulumi", *verbs, "--help"],
        cwd=ROOT,
        env=laptop_environment(ROOT),
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_SECONDS,
    ).stdout


def _command_help(words: list[str]) -> tuple[str, str]:
    """(the command, its help) of words of which the last may be arguments."""
    verbs = list(takewhile(re.compile(r"[a-z]+(-[a-z]+)*\Z").match, words))
    while verbs:
        usage = rf"^\s+pulumi {' '.join(verbs)}( |$)|^Aliases:\n.*\b{verbs[-1]}\b"
        if re.search(usage, _help(*verbs), re.MULTILINE):
            return " ".join(verbs), _help(*verbs)
        verbs.pop()
    raise AssertionError(f"no such command: pulumi {' '.join(words)}")


@pytest.mark.engine
@pytest.mark.parametrize("command", _COMMANDS)
def test_the_engine_has_every_command_and_flag(command: str) -> None:
    name, shown = _command_help(command.split()[1:4])
    for flag in re.findall(r"--[a-z-]+", command):
        assert re.search(rf"{flag}\b", shown), f"pulumi {name} has no {flag}"
