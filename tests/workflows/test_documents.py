"""What the documents tell people to type and to paste agrees with the workflows, AWS's API and the engine."""

import json
import re
import subprocess
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest

from ops.survey.command import as_document
from rds_proxy_guard.configuration import configuration
from rds_proxy_guard.pack import build
from tests.waiting import LIMIT_SECONDS
from tests.workflows.workflow import ACTIONS, FILES, ROOT, jobs
from toolchain.shell import laptop_environment

_REQUESTS = (ROOT / "docs" / "pull-requests.md").read_text()
_ROLLOUT = (ROOT / "docs" / "rollout.md").read_text()
_ACCOUNT = [(ROOT / "docs" / f"{page}.md").read_text() for page in ("first-deployment", "troubleshooting")]
_ROLES_TABLE = _REQUESTS[_REQUESTS.index("| environment | branches") :].split("\n\n")[0].splitlines()[2:]


def _environments() -> set[str]:
    found = set()
    for _, job in jobs():
        name = str(job.get("environment", ""))
        for stack in job.get("strategy", {}).get("matrix", {}).get("stack", [""]):
            found.add(name.replace("${{ matrix.stack }}", stack))
    return found - {""}


def _named(column: int, pattern: str) -> list[list[str]]:
    return [re.findall(pattern, row.split("|")[column]) for row in _ROLES_TABLE]


def test_every_environment_is_explained_and_no_other() -> None:
    assert {name for names in _named(1, r"`([\w-]+)`") for name in names} == _environments()


def test_every_environment_has_a_role_of_its_own_stack_and_of_what_its_workflow_does() -> None:
    roles = {
        name: role
        for names, found in zip(_named(1, r"`([\w-]+)`"), _named(4, r"`([\w-]+)`"), strict=True)
        for name, role in zip(names, found, strict=False)
    }
    assert roles == {
        "preview": "pulumi-preview-dev",
        "drift-dev": "pulumi-drift-dev",
        "drift-prod": "pulumi-drift-prod",
        "dev": "pulumi-deploy-dev",
        "prod": "pulumi-deploy-prod",
        "acceptance": "pulumi-deploy-acceptance",
        "acceptance-destroy": "pulumi-destroy-acceptance",
    }
    assert set(roles) == _environments() - {"policies", "pypi"}
    explained = set(re.findall(r"^\| `(pulumi-\w+)-…`", _REQUESTS, re.MULTILINE))
    assert explained == {role.rpartition("-")[0] for role in roles.values()}


def test_the_trust_policy_is_of_one_environment_by_its_exact_name() -> None:
    (trust,) = json.loads((ROOT / "docs" / "roles" / "trust.json").read_text())["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:OWNER/REPOSITORY:environment:ENVIRONMENT",
        }
    }


def test_the_command_that_fills_in_a_policy_leaves_a_policy_of_that_stack(tmp_path: Path) -> None:
    typed = re.findall(r"^\$ ((?:export ACCOUNT=|export OWNER=|fill\(\)).*)$", _REQUESTS, re.MULTILINE)
    script = "; ".join([*typed, f'FILLED="{tmp_path}"', "fill drift", "fill network", "fill trust drift-dev"])
    subprocess.run(["bash", "-ec", script], check=True, cwd=ROOT, timeout=LIMIT_SECONDS)
    texts = {path.stem: path.read_text() for path in tmp_path.glob("*.json")}
    assert "arn:aws:lambda:eu-west-1:123456789012:function:lambda-rds-proxy-dev-*" in texts["drift"]
    assert "vpc/vpc-0123456789abcdef0" in texts["network"]
    assert "repo:acme/shop:environment:drift-dev" in texts["trust"]
    for text in texts.values():
        assert not re.findall(r"\b(?!DATA_KEY)[A-Z_]{3,}\b", text)
        assert json.loads(text)["Version"] == "2012-10-17"


def test_every_variable_that_a_workflow_reads_is_explained() -> None:
    read = {name for path in FILES + ACTIONS for name in re.findall(r"vars\.(\w+)", path.read_text())}
    assert read == {name for name in read if name in _REQUESTS}


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
                assert configuration(given, ()).problems() == []


_COMMANDS = sorted(
    {
        line.strip().removeprefix("$ ")
        for text in (_REQUESTS, _ROLLOUT, *_ACCOUNT)
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
