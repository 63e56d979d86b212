import json
from pathlib import Path
from typing import Any

import pytest

from lambda_rds_proxy import DatabaseFunction
from lambda_rds_proxy.engines import Auth
from lambda_rds_proxy.function import vpc_function as lambda_function
from lambda_rds_proxy.function.args import DatabaseFunctionArgs, FunctionSettings
from lambda_rds_proxy.function.vpc_function import runtime_policy
from rds_connection.settings import Settings
from tests.components.declared import Declared, arguments, declare
from tests.components.proxy.test_component import NETWORK
from tests.components.proxy.test_verification import PROXY


@pytest.fixture(autouse=True)
def a_package_without_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(lambda_function, "build_package", lambda *_, **__: archive)


def function(proxy: Any = PROXY, **args: Any) -> Declared:
    whole = arguments(DatabaseFunctionArgs, {"network": NETWORK, "proxy": proxy, "path": "handler", **args})
    return declare(lambda: DatabaseFunction("app", whole).function_name)


def environment(declared: Declared) -> dict[str, str]:
    found: dict[str, str] = declared.one("function:Function").inputs["environment"]["variables"]
    return found


def test_the_environment_has_the_articles_names_and_the_proxys_host() -> None:
    assert environment(function()) == {
        "DB_HOST": PROXY["endpoint"],
        "DB_PORT": "5432",
        "DB_NAME": "orders",
        "DB_USER": "app",
        "DB_ENGINE": "postgresql",
        "DB_AUTH": "iam",
    }


def test_with_auth_secret_the_function_is_told_which_secret_and_never_a_password() -> None:
    variables = environment(function({**PROXY, "auth": Auth.SECRET}))
    assert variables["DB_AUTH"] == "secret"
    assert variables["DB_SECRET_ARN"] == PROXY["secret_arn"]
    assert "DB_PASSWORD" not in variables


def test_a_reader_endpoint_is_handed_on() -> None:
    assert environment(function({**PROXY, "reader_endpoint": "reader"}))["DB_READER_HOST"] == "reader"


@pytest.mark.parametrize("readers", [{}, {"reader_endpoint": "orders-reader.proxy-abc.eu-west-1.rds.amazonaws.com"}])
def test_a_function_that_may_fall_back_to_the_writer_is_told_so_with_and_without_readers(readers: Any) -> None:
    assert "DB_READER_FALLBACK" not in environment(function({**PROXY, **readers}))
    told = environment(function({**PROXY, **readers}, reader_fallback=True))
    read = Settings.from_environment({**told, "AWS_REGION": "eu-west-1"})
    assert (read.reader_host, read.reader_fallback) == (readers.get("reader_endpoint", ""), "true")


@pytest.mark.parametrize("auth", [Auth.IAM, Auth.IAM_END_TO_END])
def test_with_iam_the_role_may_connect_as_one_user_on_the_proxys_own_id(auth: Auth) -> None:
    declared = function({**PROXY, "auth": auth})
    assert declared.grants() == {"app-connect", "app-runtime"}
    assert declared.statements(declared.one("rolePolicy:RolePolicy", "app-connect")) == [
        {
            "Effect": "Allow",
            "Action": ["rds-db:connect"],
            "Resource": "arn:aws:rds-db:eu-west-1:123456789012:dbuser:prx-0123456789abcdef0/app",
        }
    ]


def test_with_auth_secret_the_role_may_read_that_secret_only() -> None:
    declared = function({**PROXY, "auth": Auth.SECRET})
    assert declared.grants() == {"app-connect", "app-runtime"}
    assert declared.statements(declared.one("rolePolicy:RolePolicy", "app-connect")) == [
        {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": PROXY["secret_arn"]}
    ]


def test_the_role_logs_to_its_own_group_only() -> None:
    declared = function()
    logs, *network = declared.statements(declared.one("rolePolicy:RolePolicy", "app-runtime"))
    assert logs["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert logs["Resource"].startswith("arn:aws:logs:")
    assert all(action.startswith("ec2:") for each in network for action in each["Action"])


def test_network_interfaces_are_for_lambda_and_not_for_the_functions_own_code() -> None:
    declared = function(tracing=True)
    _, *allowed, denied, _ = declared.statements(declared.one("rolePolicy:RolePolicy", "app-runtime"))
    name = declared.one("function:Function").inputs["name"]
    assert denied["Effect"] == "Deny" and denied["Resource"] == "*"
    assert denied["Condition"] == {
        "ArnEquals": {"lambda:SourceFunctionArn": f"arn:aws:lambda:eu-west-1:123456789012:function:{name}"}
    }
    may = {action for each in allowed for action in each["Action"]}
    assert len(may) == 6 and may < set(denied["Action"])
    broad = {action for each in allowed if each["Resource"] == "*" for action in each["Action"]}
    assert broad == {"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"}
    assert {each["Resource"] for each in allowed} == {"*", "arn:aws:ec2:eu-west-1:123456789012:*/*"}


def test_the_functions_own_arn_is_of_its_partition_and_has_the_name_that_it_kept() -> None:
    group = "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/shop-eu-app-1a2b3c4"
    denied = json.loads(runtime_policy(group, "/aws/lambda/shop-eu-app-1a2b3c4", tracing=False))["Statement"][-1]
    assert denied["Condition"] == {
        "ArnEquals": {
            "lambda:SourceFunctionArn": "arn:aws-cn:lambda:cn-north-1:123456789012:function:shop-eu-app-1a2b3c4"
        }
    }


def test_the_log_group_has_the_functions_name_and_is_there_before_it() -> None:
    declared = function()
    made, group = declared.one("function:Function"), declared.one("logGroup:LogGroup")
    assert group.inputs["name"] == f"/aws/lambda/{made.inputs['name']}"
    assert declared.waits_for(made, group)
    assert all(declared.waits_for(made, each) for each in declared.all("rolePolicy:RolePolicy"))


def test_the_function_stands_in_the_clients_group_and_the_private_subnets() -> None:
    config = function().one("function:Function").inputs["vpcConfig"]
    assert config == {"subnetIds": ["subnet-1", "subnet-2"], "securityGroupIds": ["sg-0c11"]}


def test_reserved_concurrency_timeout_and_memory_are_those_asked_for() -> None:
    inputs = function(reserved_concurrency=20, timeout=9, memory=512).one("function:Function").inputs
    assert (inputs["reservedConcurrentExecutions"], inputs["timeout"], inputs["memorySize"]) == (20, 9, 512)
    assert "reservedConcurrentExecutions" not in function().one("function:Function").inputs


@pytest.mark.parametrize("name", ["DB_HOST", "DB_PASSWORD", "AWS_REGION"])
def test_names_that_the_proxy_or_lambda_gives_cannot_be_overridden(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        function(environment={name: "x"})


def test_other_variables_and_pool_sizes_are_passed_on() -> None:
    variables = environment(function(environment={"STAGE": "x", "DB_POOL_MAX_OPEN": "2"}))
    assert (variables["STAGE"], variables["DB_POOL_MAX_OPEN"]) == ("x", "2")


KEY = "arn:aws:kms:eu-west-1:123456789012:key/0123"


def test_the_key_of_its_secret_may_be_used_through_secrets_manager_only() -> None:
    declared = function({**PROXY, "auth": Auth.SECRET, "secret_kms_key_arn": KEY})
    _, key = declared.statements(declared.one("rolePolicy:RolePolicy", "app-connect"))
    assert (key["Action"], key["Resource"]) == (["kms:Decrypt"], KEY)
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}}


def test_an_iam_client_may_not_read_the_secret_of_its_user() -> None:
    declared = function({**PROXY, "secret_kms_key_arn": KEY})
    assert declared.grants() == {"app-connect", "app-runtime"}
    (statement,) = declared.statements(declared.one("rolePolicy:RolePolicy", "app-connect"))
    assert statement["Action"] == ["rds-db:connect"]
    runs = declared.statements(declared.one("rolePolicy:RolePolicy", "app-runtime"))
    assert {action.split(":")[0] for each in runs for action in each["Action"]} == {"logs", "ec2"}


def test_a_traced_function_may_send_traces_and_others_may_not() -> None:
    traced = function(tracing=True)
    assert traced.one("function:Function").inputs["tracingConfig"] == {"mode": "Active"}
    *_, statement = traced.statements(traced.one("rolePolicy:RolePolicy", "app-runtime"))
    assert statement["Action"] == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    plain = function()
    assert "tracingConfig" not in plain.one("function:Function").inputs
    actions = [
        action
        for each in plain.statements(plain.one("rolePolicy:RolePolicy", "app-runtime"))
        for action in each["Action"]
    ]
    assert not any(action.startswith("xray:") for action in actions)


def test_its_log_is_kept_as_long_as_asked_for_and_encrypted_with_the_given_key() -> None:
    group = function(log_retention_days=30, log_kms_key_arn=KEY).one("logGroup:LogGroup").inputs
    assert (group["retentionInDays"], group["kmsKeyId"]) == (30, KEY)


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_both_architectures_are_built_for(architecture: str) -> None:
    assert function(architecture=architecture).one("function:Function").inputs["architectures"] == [architecture]


def test_a_very_long_logical_name_still_gives_names_that_aws_accepts() -> None:
    whole: Any = {"network": NETWORK, "proxy": PROXY, "settings": {"path": "handler"}}
    declared = declare(lambda: DatabaseFunction("orders-" * 20, whole).function_name)
    assert len(declared.one("function:Function").inputs["name"]) <= 64
    assert len(declared.one("iam/role:Role").inputs["name"]) <= 64


def test_a_function_gets_the_ephemeral_storage_asked_for_and_else_what_lambda_gives() -> None:
    assert function(ephemeral_storage=2048).one("function:Function").inputs["ephemeralStorage"] == {"size": 2048}
    assert "ephemeralStorage" not in function().one("function:Function").inputs
    with pytest.raises(ValueError, match=r'settings\.ephemeral_storage is "511"; it must be a whole number from 512'):
        function(ephemeral_storage=511)


LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer:tools:7"


def test_a_function_has_its_layers_in_their_order() -> None:
    layers = [LAYER, LAYER.replace("tools", "fonts")]
    assert function(layers=layers).one("function:Function").inputs["layers"] == layers
    assert "layers" not in function().one("function:Function").inputs


@pytest.mark.parametrize("layers", [["tools"], [LAYER.removesuffix(":7")], [LAYER] * 6])
def test_layers_that_lambda_would_not_take_are_refused(layers: list[str]) -> None:
    with pytest.raises(ValueError, match=r"settings\.layers is .*; it must be a list of at most 5 ARNs of layer"):
        function(layers=layers)


def test_only_lambda_may_assume_the_role() -> None:
    (statement,) = json.loads(function().one("iam/role:Role").inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_alone_too_a_function_reserves_no_more_than_the_account_can() -> None:
    with pytest.raises(
        ValueError, match=r'"app": 1 concurrent executions .* account.s 10 \(stack.account_concurrent_executions\)'
    ):
        function(reserved_concurrency=1, account_concurrent_executions=10)
    assert function(account_concurrent_executions=10).one("function:Function")


def test_a_function_that_exists_keeps_its_name_and_its_log() -> None:
    declared = function()
    assert declared.one("function:Function").ignore_changes == ["name"]
    assert declared.one("logGroup:LogGroup").ignore_changes == ["name"]


def test_functions_of_one_folder_have_it_packaged_once_in_a_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    built: list[Path] = []

    def build(source: Path, **_: object) -> Path:
        built.append(source)
        return tmp_path / source.name

    def program() -> None:
        for name, path in (("one", "handler"), ("two", "handler"), ("three", "other")):
            DatabaseFunction(name, {"network": NETWORK, "proxy": PROXY, "settings": {"path": path}})

    monkeypatch.setattr(lambda_function, "build_package", build)
    declared = declare(program)
    assert built == [Path("handler"), Path("other")]
    made = [each.inputs["code"] for each in declared.all("function:Function")]
    assert len(made) == 3
    declare(program)  # what stands in the folders may have changed in between
    assert built == [Path("handler"), Path("other")] * 2


def test_a_package_with_bytecode_is_made_only_for_the_function_that_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[object] = []

    def build(_: Path, **given: object) -> Path:
        asked.append(given["bytecode"])
        return tmp_path / f"{given['bytecode']}.zip"

    def program() -> None:
        for name, bytecode in (("one", True), ("two", False)):
            settings: FunctionSettings = {"path": "handler", "bytecode": bytecode}
            DatabaseFunction(name, {"network": NETWORK, "proxy": PROXY, "settings": settings})

    monkeypatch.setattr(lambda_function, "build_package", build)
    declare(program)
    assert asked == [True, False]
