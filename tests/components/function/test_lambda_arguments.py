"""What of Lambda's function may be given beside the settings, and what of its environment."""

import inspect
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from lambda_rds_proxy.function.args import FunctionSettings
from lambda_rds_proxy.function.lambda_arguments import FREE, INSTEAD, REFUSED
from lambda_rds_proxy.function.problems import RESERVED_VARIABLES
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.serverless_database.config import ConfigError, read_config
from lambda_rds_proxy.settings.config import keys
from tests.components.function.test_component import a_package_without_wheels, environment, function

__all__ = ["a_package_without_wheels"]
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:failed"
FILES = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"


def inputs(**given: Any) -> dict[str, Any]:
    found: dict[str, Any] = function(**given).one("function:Function").inputs
    return found


def test_every_argument_of_the_class_may_be_given_has_a_setting_or_is_refused_with_a_reason() -> None:
    real = inspect.signature(aws.lambda_.Function._internal_init).parameters
    ours = sorted([*FREE, *INSTEAD, *REFUSED])
    assert ours == sorted(set(real) - {"__self__", "resource_name", "opts", "__props__"})


def test_a_setting_that_is_named_instead_is_there() -> None:
    settings = {".".join(key.path) for key in keys(ServerlessDatabaseArgs).values()}
    settings |= {f"functions.{{}}.{field}" for field in FunctionSettings.__annotations__}
    assert set(INSTEAD.values()) <= settings


@pytest.mark.parametrize(
    "given",
    [
        {
            "dead_letter_config": {"target_arn": QUEUE},
            "file_system_config": {"arn": FILES, "local_mount_path": "/mnt/models"},
            "description": "takes orders",
            "publish": True,
        },
        {
            "deadLetterConfig": {"targetArn": QUEUE},
            "fileSystemConfig": {"arn": FILES, "localMountPath": "/mnt/models"},
            "description": pulumi.Output.from_input("takes orders"),
            "publish": True,
        },
    ],
    ids=["as in Python", "as in a configuration and other languages"],
)
def test_an_argument_that_no_setting_has_reaches_the_function(given: dict[str, Any]) -> None:
    found = inputs(lambda_arguments=given)
    assert found["deadLetterConfig"] == {"targetArn": QUEUE}
    assert found["fileSystemConfig"] == {"arn": FILES, "localMountPath": "/mnt/models"}
    assert (found["description"], found["publish"]) == ("takes orders", True)
    assert found["vpcConfig"] and found["environment"]


def test_without_any_the_function_is_as_it_was() -> None:
    assert set(inputs()) - set(inputs(lambda_arguments={})) == set()
    assert inputs()["description"] == "uses the database through RDS Proxy"


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("memory_size", "settings.lambda_arguments.memory_size cannot be given here; settings.memory has its place"),
        ("memorySize", "settings.lambda_arguments.memorySize cannot be given here; settings.memory has its place"),
        ("tags", "stack.tags has its place"),
        ("imageUri", "settings.path has its place"),
        ("snap_start", "cannot be given to a function here: many environments would start.*not built yet"),
        ("capacity_provider_config", "runs several invocations at once.*not built yet"),
        ("tenancy_config", "each tenant has environments of its own.*not built yet"),
        ("durable_config", "runs from its beginning again.*not built yet"),
        ("vpc_config", "stands in its proxy's VPC"),
        ("role", "has a role of its own"),
        ("dead_leter_config", "is no argument of pulumi-aws's aws.lambda_.Function; did you mean dead_letter_config?"),
        ("colour", "give code_signing_config_arn, dead_letter_config, description, "),
    ],
)
def test_what_would_break_a_promise_or_has_a_setting_is_refused_with_the_reason(argument: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        function(lambda_arguments={argument: {}})


def test_a_configuration_gives_them_in_its_own_spelling(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "app.py").touch()

    def read(arguments: dict[str, Any]) -> Any:
        functions = {"api": {"path": "api", "lambdaArguments": arguments}}
        return read_config({"functions": json.dumps(functions)}, project=tmp_path)[0]

    given = {"deadLetterConfig": {"targetArn": QUEUE}}
    assert read(given)["functions"]["api"]["lambda_arguments"] == given
    with pytest.raises(ConfigError, match=r"functions\.api\.lambdaArguments\.deadLeterConfig .* mean deadLetterConfig"):
        read({"deadLeterConfig": {}})
    with pytest.raises(ConfigError, match=r"functions\.api\.lambdaArguments\.memorySize .*functions\.api\.memory has"):
        read({"memorySize": 512})


def test_the_variables_that_are_refused_are_those_that_lambda_reserves() -> None:
    listed = files("cfnlint") / "data/schemas/extensions/aws_lambda_function/environment_variable_keys.json"
    assert set(json.loads(listed.read_text())["propertyNames"]["not"]["enum"]) == RESERVED_VARIABLES


@pytest.mark.parametrize("name", ["AWS_LWA_PORT", "AWS_LAMBDA_EXEC_WRAPPER", "AWS_ENDPOINT_URL_S3"])
def test_other_variables_that_begin_as_awss_are_anybodys(name: str) -> None:
    assert environment(function(environment={name: "x"}))[name] == "x"
