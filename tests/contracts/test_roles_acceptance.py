"""The roles of the acceptance workflow: enough for its throw-away stacks of every choice, on AWS and in the states."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from lambda_rds_proxy import ServerlessDatabase
from lambda_rds_proxy.engines import Engine, TargetKind
from lambda_rds_proxy.function import vpc_function
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from tests.components.declared import ACCOUNT, REGION, Declared, arguments, declare
from tests.contracts.iam import ROLES, Statement, allowed, listed, statements
from tests.contracts.role_requests import OPERATIONS, TAG, requests
from tests.contracts.test_roles import DEPLOY, FILL
from tests.contracts.test_roles_state import Project, project

__all__ = ["project"]  # the fixture
ACCEPTANCE = [*DEPLOY, "preflight", "doctor", "acceptance"]
_STACK = "acceptance-10123456789"
_BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/lambda-rds-proxy-acceptance-boundary"
# Networks are made anew by each run, so no VPC can be named; the account has nothing else.
_FILL = {**FILL, "STACK": "acceptance", "VPC": "*"}
_CHOICES = [(engine, kind) for engine in Engine for kind in TargetKind]


def has(**filled: str) -> list[Statement]:
    return statements(*ACCEPTANCE, fill={**_FILL, **filled})


@cache
def declared(engine: Engine, kind: TargetKind) -> Declared:
    given: dict[str, Any] = {
        "functions": {"app": {"path": "handler"}},
        "tags": {TAG: "lambda-rds-proxy/acceptance", "acceptance": _STACK},
        "permissions_boundary_arn": _BOUNDARY,
        "engine": engine,
        "kind": kind,
    }
    args = arguments(ServerlessDatabaseArgs, given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vpc_function, "build_package", lambda *_, **__: Path(__file__))
        return declare(
            lambda: ServerlessDatabase("database", args).proxy_endpoint, stack=_STACK, project="lambda-rds-proxy"
        )


@pytest.mark.parametrize(("engine", "kind"), _CHOICES)
def test_a_throw_away_stack_of_every_choice_is_made_read_changed_and_deleted(engine: Engine, kind: TargetKind) -> None:
    stack, may = declared(engine, kind), has()
    asked = {
        (each.action, each.resource): each.context
        for resource in stack.resources
        if resource.type.startswith("aws:")
        for operation in OPERATIONS
        for each in requests(stack, resource, operation)
    }
    assert len(asked) > 100
    assert [key for key, context in asked.items() if not allowed(may, *key, context)] == []


def test_what_the_storm_and_the_doctor_ask_is_allowed() -> None:
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lambda-rds-proxy-{_STACK}-app-1a2b3c4"
    for action in ("lambda:InvokeFunction", "lambda:GetFunctionConfiguration"):
        assert allowed(has(), action, function)
    for action in ("cloudwatch:GetMetricStatistics", "cloudwatch:GetMetricData"):
        assert allowed(has(), action, "*", {"aws:RequestedRegion": REGION})


def test_it_touches_no_stack_of_others() -> None:
    for name in ("dev", "prod", "acceptances"):
        assert not allowed(
            has(), "lambda:DeleteFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lambda-rds-proxy-{name}-app"
        )
        for action in ("s3:GetObject", "s3:DeleteObject"):
            assert not allowed(
                has(), action, f"arn:aws:s3:::acme-states/.pulumi/stacks/lambda-rds-proxy/{name}.json"
            ), name


def test_the_template_has_the_tag_that_the_roles_ask_for() -> None:
    config = yaml.safe_load((ROLES.parents[1] / "Pulumi.acceptance.yaml").read_text())["config"]
    assert config["lambda-rds-proxy:tags"][TAG] == "lambda-rds-proxy/acceptance"


@pytest.mark.engine
def test_a_run_makes_its_stack_and_another_checkout_destroys_and_removes_it(project: Project) -> None:
    key = project.account.keys["alias/pulumi-dev"]
    may = has(STATE_KEY=key)
    file = project.folder / f"Pulumi.{_STACK}.yaml"
    file.write_text('{"config": {"lambda-rds-proxy:word": "plain"}}')
    provider = f"awskms://alias/pulumi-dev?region={REGION}"
    program = project.folder / "__main__.py"
    kept = program.read_text()
    program.write_text(
        kept.replace("require_secret", "require").replace("input=word", "input=pulumi.Output.secret(word)")
    )
    try:
        asked = set[tuple[str, str]]()
        for command in (
            ("stack", "init", _STACK, "--no-select", "--secrets-provider", provider),
            ("up", "--yes", "--stack", _STACK),
            ("stack", "select", _STACK),
            ("cancel", "--yes", "--stack", _STACK),
            ("destroy", "--yes", "--stack", _STACK),
            ("stack", "rm", "--yes", "--stack", _STACK),
        ):
            project.works(*command, has=may)
            asked |= project.account.asked
            if command[0] == "up":  # what destroys has another checkout
                file.unlink()
        for each in [each for each in may if each["Sid"] in ("StatesOfItsRuns", "SecretsOfItsRuns")]:
            for resource in listed(each["Resource"]):  # none is there for nothing
                assert any(allowed([{**each, "Resource": resource}], *request) for request in asked), resource
    finally:
        program.write_text(kept)
