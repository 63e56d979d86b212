from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import stack as sdk
from pulumi.runtime.settings import SETTINGS

from lambda_rds_proxy.function import vpc_function as lambda_function
from tests.components.declared import Declared, in_region
from tests.components.provider_names import refused_names
from tests.program import run

ALIAS = "arn:aws:kms:eu-west-1:123456789012:alias/orders"


@pytest.fixture(autouse=True)
def a_package_without_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(lambda_function, "build_package", lambda *_, **__: archive)


def with_functions(functions: int) -> Declared:
    return run({"functions": [{"name": f"f{index}", "path": "handler"} for index in range(functions)]})


def test_the_program_declares_every_function_of_its_configuration() -> None:
    names = [each.name for each in with_functions(3).all("lambda/function:Function")]
    assert {"f0", "f1", "f2"} < set(names)


def test_every_registration_has_begun_when_the_sdk_starts_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    wait = sdk.wait_for_rpcs

    async def noted(*arguments: Any) -> None:
        begun.append(len(SETTINGS.rpc_manager.rpcs))
        await wait(*arguments)

    monkeypatch.setattr(sdk, "wait_for_rpcs", noted)
    declared = with_functions(3)
    assert begun and begun[0] >= len(declared.resources)


@pytest.mark.parametrize("stack", ["PROD", "Dev.EU_west"])
def test_a_stack_with_capital_letters_has_names_that_aws_takes(stack: str) -> None:
    declared = run({"kind": "cluster", "instances": 2, "readerEndpoint": True, "rotationDays": 30}, stack=stack)
    assert declared.all("rds/proxyEndpoint:ProxyEndpoint")
    assert [*refused_names(declared)] == []


@pytest.mark.parametrize(
    ("region", "settings", "value", "fix"),
    [
        ("eu-west-1", {"kmsKeyArn": ALIAS}, f'kmsKeyArn is "{ALIAS}"', "the ARN of a KMS key such as arn:aws:kms:"),
        (
            "eu-west-1",
            {"vpcCidr": "10.0.0.0/24", "instanceClass": "db.r6g.4xlarge"},
            "vpcCidr is 10.0.0.0/24, whose 2 subnets have 22 addresses; ",
            "choose a /23 or larger",
        ),
        (
            "eu-south-1",
            {"rotationDays": 30},
            "rotationDays is 30, but eu-south-1 has no Serverless Application Repository",
            "leave it out, and rotate the secret with a function of your own",
        ),
        (
            "us-gov-west-1",
            {},
            "no certificates of us-gov-west-1 are shipped with the admin function",
            "set certificateBundle to a file with them",
        ),
    ],
    ids=["an alias", "a small VPC", "no rotation application", "no certificates"],
)
def test_what_aws_would_refuse_is_one_sentence_with_the_value_and_the_fix(
    region: str, settings: dict[str, Any], value: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", lambda text, *_, **__: errors.append(text))
    with pytest.raises((SystemExit, pulumi.RunError)) as raised:
        run(settings, answers=in_region(region))
    said = errors[0] if errors else str(raised.value)
    (sentence,) = [line for line in said.splitlines() if line != "invalid stack configuration:"]
    assert value in sentence
    assert fix in sentence
