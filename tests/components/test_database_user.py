import json
from pathlib import Path
from typing import Any

import pytest

from lambda_rds_proxy import DatabaseUser, database_user
from lambda_rds_proxy.engines import Auth, Profile
from tests.components.declared import Declared, declare
from tests.components.test_database_proxy import DATABASE, NETWORK

MASTER = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-master"
WITH_ADMIN = {**DATABASE, "admin_secret_arn": MASTER}


@pytest.fixture(autouse=True)
def a_package_without_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(database_user, "build_package", lambda *_, **__: archive)


def user(auth: Auth = Auth.IAM, database: Any = WITH_ADMIN, **args: Any) -> Declared:
    whole: Any = {"network": NETWORK, "database": database, "auth": auth, **args}
    return declare(lambda: DatabaseUser("orders", whole).reference)


def request(declared: Declared) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(declared.one("invocation:Invocation").inputs["input"])
    return found


def test_the_admin_function_is_told_the_databases_own_host_and_no_secret() -> None:
    asked = request(user())
    assert asked["host"] == DATABASE["endpoint"]
    assert asked["port"] == 6432
    assert asked["masterSecretArn"] == MASTER
    assert "password" not in json.dumps(asked)


def test_the_admin_function_has_no_environment_and_no_trigger() -> None:
    declared = user()
    assert "environment" not in declared.one("function:Function").inputs
    assert not declared.all("permission:Permission")
    assert not declared.all("functionUrl:FunctionUrl")


def test_the_admin_function_reads_the_master_secret_and_writes_the_users_and_nothing_else() -> None:
    declared = user()
    statements = declared.statements(declared.one("rolePolicy:RolePolicy", "orders-admin-secrets"))
    assert {(tuple(each["Action"]), each["Resource"]) for each in statements} == {
        (("secretsmanager:GetSecretValue",), MASTER),
        (
            ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"),
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders",
        ),
    }


def test_the_secret_has_no_value_in_the_program() -> None:
    assert not user().all("secretVersion:SecretVersion")


def test_whoever_takes_the_secret_waits_until_the_user_is_made() -> None:
    import pulumi
    import pulumi_aws as aws

    def program() -> Any:
        whole: Any = {"network": NETWORK, "database": WITH_ADMIN}
        reference = DatabaseUser("orders", whole).reference
        aws.ssm.Parameter("taker", type="String", value=pulumi.Output.from_input(reference["secret_arn"]))

    declared = declare(program)
    assert declared.waits_for(declared.one("parameter:Parameter"), declared.one("invocation:Invocation"))


def test_the_function_may_log_and_read_before_it_is_called() -> None:
    declared = user()
    function = declared.one("function:Function")
    for earlier in (declared.one("logGroup:LogGroup"), *declared.all("rolePolicy:RolePolicy")):
        assert declared.waits_for(function, earlier)


def test_the_way_is_open_before_the_function_is_called() -> None:
    declared = user()
    call = declared.one("invocation:Invocation")
    for rule in declared.all("IngressRule") + declared.all("EgressRule"):
        assert declared.waits_for(call, rule)


def test_only_end_to_end_iam_gets_rds_iam_and_no_secret() -> None:
    declared = user(Auth.IAM_END_TO_END)
    assert request(declared)["rdsIam"] is True
    assert request(declared)["userSecretArn"] is None
    assert not declared.all("secret:Secret")
    assert "secret_arn" not in declared.result
    assert request(user(Auth.IAM))["rdsIam"] is False
    assert request(user(Auth.SECRET))["rdsIam"] is False


@pytest.mark.parametrize("given", [{"bootstrap": False}, {"database": DATABASE}])
def test_without_bootstrap_or_admin_secret_the_sql_is_printed_and_nothing_is_invoked(given: dict[str, Any]) -> None:
    declared = user(**given)
    assert not declared.all("function:Function")
    assert not declared.all("invocation:Invocation")
    assert any("GRANT CONNECT" in message for message in declared.messages)
    assert "admin_function_name" not in declared.result


def test_a_deleted_secret_of_prod_can_be_brought_back() -> None:
    assert user(profile=Profile.PROD).one("secret:Secret").inputs["recoveryWindowInDays"] == 30
    assert user().one("secret:Secret").inputs["recoveryWindowInDays"] == 0


def test_every_child_has_the_component_as_its_parent() -> None:
    declared = user()
    component = declared.one("index:DatabaseUser")
    assert {each.parent for each in declared.resources if each is not component} == {component.urn}
