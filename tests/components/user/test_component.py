import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pytest

from lambda_rds_proxy import DatabaseUser
from lambda_rds_proxy.engines import Auth, Engine, Profile
from lambda_rds_proxy.function import vpc_function as lambda_function
from lambda_rds_proxy.user.admin_function.database_admin import bootstrap_sql
from lambda_rds_proxy.user.args import DatabaseUserArgs
from tests.components.declared import REGION, Declared, arguments, declare, in_region
from tests.components.proxy.test_component import DATABASE, NETWORK, rules

MASTER = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-master"
WITH_ADMIN = {**DATABASE, "admin_secret_arn": MASTER}


@pytest.fixture(autouse=True)
def a_package_without_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(lambda_function, "build_package", lambda *_, **__: archive)


def user(auth: Auth = Auth.IAM, database: Any = WITH_ADMIN, *, region: str = REGION, **args: Any) -> Declared:
    whole = arguments(DatabaseUserArgs, {"network": NETWORK, "database": database, "auth": auth, **args})
    return declare(lambda: DatabaseUser("orders", whole).reference, answers=in_region(region))


def request(declared: Declared) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(declared.one("invocation:Invocation").inputs["input"])
    return found


def test_the_admin_function_is_told_the_databases_own_host_and_no_secret() -> None:
    asked = request(user())
    assert asked["host"] == DATABASE["endpoint"]
    assert asked["port"] == 6432
    assert asked["masterSecretArn"] == MASTER
    assert "password" not in json.dumps(asked)


def test_a_mysql_user_is_made_by_an_admin_function_that_speaks_mysql(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def build(source: Path, *, engine: str, **_: object) -> Path:
        built.append(engine)
        return source / "requirements.txt"

    monkeypatch.setattr(lambda_function, "build_package", build)
    declared = user(database={**WITH_ADMIN, "engine": Engine.MYSQL})
    assert request(declared)["engine"] == "mysql"
    assert request(user())["engine"] == "postgresql"
    assert list(dict.fromkeys(built)) == ["mysql", "postgresql"]


def test_which_database_the_admin_function_serves_is_written_into_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Any] = []

    def build(source: Path, *, instead: Any, **_: object) -> Path:
        built.append(instead)
        return source / "requirements.txt"

    monkeypatch.setattr(lambda_function, "build_package", build)
    asked = request(user())
    fixed = json.loads(built[-1]["made_for.json"])
    assert fixed == {key: asked[key] for key in ("host", "port", "masterSecretArn")}
    assert all(fixed.values())


def test_a_user_that_somebody_else_made_is_taken_over_only_when_it_is_said() -> None:
    assert "adopt" not in request(user())
    assert request(user(adopt_user=True))["adopt"] is True


def test_the_admin_function_has_no_environment_and_no_trigger() -> None:
    declared = user()
    assert "environment" not in declared.one("function:Function").inputs
    assert not declared.all("permission:Permission")
    assert not declared.all("functionUrl:FunctionUrl")


def test_the_admin_function_reads_the_master_secret_and_writes_the_users_and_nothing_else() -> None:
    declared = user()
    assert declared.grants() == {"orders-admin-secrets", "orders-admin-runtime"}
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


@pytest.mark.parametrize(
    "given",
    [{"bootstrap": False}, {"database": DATABASE}],
)
def test_without_bootstrap_or_admin_secret_the_sql_is_printed_and_nothing_is_invoked(given: dict[str, Any]) -> None:
    declared = user(**given)
    assert not declared.all("function:Function")
    assert not declared.all("invocation:Invocation")
    assert any("is yours to make: run this" in message and "GRANT" in message for message in declared.messages)
    assert "admin_function_name" not in declared.result


def test_a_deleted_secret_of_prod_can_be_brought_back() -> None:
    assert user(profile=Profile.PROD).one("secret:Secret").inputs["recoveryWindowInDays"] == 30
    assert user().one("secret:Secret").inputs["recoveryWindowInDays"] == 0


def test_every_child_has_the_component_as_its_parent() -> None:
    declared = user()
    component = declared.one("index:DatabaseUser")
    assert {each.parent for each in declared.resources if each is not component} == {component.urn}


KEY = "arn:aws:kms:eu-west-1:123456789012:key/0123"
ADMIN: Any = {
    "user": "app",
    "auth": Auth.IAM,
    "admin_function_name": "orders-admin",
    "admin_role_name": "orders-admin-role",
    "admin_security_group_id": "sg-0ad3",
}


def test_the_secret_is_encrypted_with_the_given_key_which_the_admin_function_may_use_through_secrets_manager() -> None:
    declared = user(kms_key_arn=KEY, database={**WITH_ADMIN, "admin_secret_kms_key_arn": KEY.replace("0123", "master")})
    assert declared.one("secret:Secret").inputs["kmsKeyId"] == KEY
    keys = [
        each
        for each in declared.statements(declared.one("rolePolicy:RolePolicy", "orders-admin-secrets"))
        if each["Resource"].startswith("arn:aws:kms")
    ]
    assert [(each["Resource"], each["Action"]) for each in keys] == [
        (KEY.replace("0123", "master"), ["kms:Decrypt"]),
        (KEY, ["kms:Decrypt", "kms:GenerateDataKey"]),
    ]
    assert {each["Condition"]["StringEquals"]["kms:ViaService"] for each in keys} == {
        "secretsmanager.eu-west-1.amazonaws.com"
    }
    assert declared.result["secret_kms_key_arn"] == KEY


def test_another_user_is_made_by_the_same_admin_function_which_may_then_write_that_secret_too() -> None:
    declared = user(database_user="reporting", admin=ADMIN)
    assert not declared.all("function:Function")
    assert not declared.all("securityGroup:SecurityGroup")
    call = declared.one("invocation:Invocation")
    assert call.inputs["functionName"] == "orders-admin"
    assert request(declared)["user"] == "reporting"
    grant = declared.one("rolePolicy:RolePolicy")
    assert grant.inputs["role"] == "orders-admin-role"
    assert [each["Resource"] for each in declared.statements(grant)] == [
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders"
    ]
    assert declared.waits_for(call, grant)
    assert declared.result["admin_function_name"] == "orders-admin"


def test_rotation_is_awss_single_user_function_in_the_vpc_and_starts_after_its_interval() -> None:
    declared = user(rotation_days=30)
    application = declared.one("cloudFormationStack:CloudFormationStack").inputs
    assert application["applicationId"] == (
        "arn:aws:serverlessrepo:us-east-1:297356227824:applications/SecretsManagerRDSPostgreSQLRotationSingleUser"
    )
    assert application["parameters"]["endpoint"] == "https://secretsmanager.eu-west-1.amazonaws.com"
    assert application["parameters"]["vpcSubnetIds"] == "subnet-1,subnet-2"
    assert application["parameters"]["vpcSecurityGroupIds"] == "orders-rotation-id"
    rotation = declared.one("secretRotation:SecretRotation")
    assert rotation.inputs["rotationRules"] == {"automaticallyAfterDays": 30}
    assert rotation.inputs["rotateImmediately"] is False
    assert rotation.inputs["rotationLambdaArn"].endswith(":function:rotation")
    assert declared.waits_for(rotation, declared.one("invocation:Invocation"))
    reached = {
        (each.inputs["referencedSecurityGroupId"], each.inputs["fromPort"])
        for each in declared.all("EgressRule")
        if each.inputs["securityGroupId"] == "orders-rotation-id"
    }
    assert reached == {("sg-0da7a", 6432), ("sg-0e4d", 443)}


def test_a_mysql_password_is_rotated_by_mysqls_function() -> None:
    declared = user(database={**WITH_ADMIN, "engine": Engine.MYSQL}, rotation_days=7, kms_key_arn=KEY)
    application = declared.one("cloudFormationStack:CloudFormationStack").inputs
    assert application["applicationId"].endswith("/SecretsManagerRDSMySQLRotationSingleUser")
    assert application["parameters"]["kmsKeyArn"] == KEY


def test_the_users_timeouts_are_told_in_milliseconds_and_null_is_the_servers_own() -> None:
    names = bootstrap_sql.TIMEOUTS
    assert request(user(longest_function_timeout=30))["timeouts"] == dict.fromkeys(names, 40_000)
    assert request(user())["timeouts"] == dict.fromkeys(names)
    assert request(user(statement_timeout=0))["timeouts"]["statement_timeout"] == 0


def test_of_mysqls_users_no_timeouts_are_told() -> None:
    declared = user(database={**WITH_ADMIN, "engine": Engine.MYSQL}, longest_function_timeout=30)
    assert "timeouts" not in request(declared)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            {"statement_timeout": 9, "database": {**WITH_ADMIN, "engine": Engine.MYSQL}},
            "settings.statement_timeout is set but MySQL keeps no timeouts of users; max_execution_time",
        ),
        ({"rotation_days": 0}, 'settings.rotation_days is "0"; it must be a whole number from 1 to 1000'),
        ({"rotation_days": 7, "auth": Auth.IAM_END_TO_END}, "has no password to rotate"),
        ({"database_user": "a" * 64}, "it must be a lower-case identifier of at most 63 characters"),
        (
            {"database_user": "a" * 33, "database": {**WITH_ADMIN, "engine": Engine.MYSQL}},
            "has 33 characters; mysql takes at most 32",
        ),
        ({"database_user": "db_admin"}, "is RDS's or the administrator's own"),
        ({"database_user": "rdsproxyadmin"}, "is RDS's or the administrator's own"),
        ({"database_user": "rds_anything"}, "is RDS's or the administrator's own"),
        ({"database_user": "pg_monitor"}, "is RDS's or the administrator's own"),
        ({"admin": {"user": "app", "auth": Auth.IAM}}, "admin is the user app, which has no admin function"),
    ],
)
def test_a_user_that_cannot_be_made_is_refused_with_the_reason(args: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        user(**args)


def test_for_mysql_the_sql_grants_everything_in_the_one_database_but_to_grant() -> None:
    declared = user(database={**DATABASE, "engine": Engine.MYSQL, "database_name": "app_db"})
    (message,) = [each for each in declared.messages if "CREATE USER" in each]
    assert "CREATE USER `app`@`%` IDENTIFIED BY '…' REQUIRE SSL;" in message
    assert re.search(r"ON `app\\_db`\.\* .*TO `app`@`%`;", message)
    assert "GRANT OPTION" not in message
    declared = user(Auth.IAM_END_TO_END, database={**DATABASE, "engine": Engine.MYSQL})
    assert any("AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL" in each for each in declared.messages)


def test_the_admin_function_reaches_the_database_and_secrets_and_nothing_else() -> None:
    declared = user()
    assert rules(declared) == {
        ("out", "orders-admin-id", "sg-0da7a", 6432),
        ("in", "sg-0da7a", "orders-admin-id", 6432),
        ("out", "orders-admin-id", "sg-0e4d", 443),
        ("in", "sg-0e4d", "orders-admin-id", 443),
    }
    assert declared.one("function:Function").inputs["vpcConfig"]["securityGroupIds"] == ["orders-admin-id"]


@pytest.mark.parametrize("region", ["eu-south-1", "il-central-1", "us-iso-east-1", "eusc-de-east-1", "xx-new-1"])
def test_rotation_where_awss_applications_are_not_is_refused_with_the_region_and_the_way_round(region: str) -> None:
    sentence = (
        f"settings.rotation_days is 30, but {region} has no Serverless Application Repository, from which AWS's "
        "rotation function comes; leave it out"
    )
    with pytest.raises(pulumi.RunError, match=re.escape(sentence)):
        user(rotation_days=30, region=region, bootstrap=False)
    assert user(region=region, bootstrap=False).all("secret:Secret")
    assert user(rotation_days=30, region="us-gov-west-1", bootstrap=False).all("CloudFormationStack")


def test_another_rotation_application_takes_the_place_of_the_one_of_the_same_name() -> None:
    declared = user(rotation_days=30)
    assert declared.one("cloudFormationStack:CloudFormationStack").delete_before_replace


def test_the_rotation_functions_log_group_is_there_before_it_and_kept_as_all_others() -> None:
    declared = user(rotation_days=30, log_retention_days=365, log_kms_key_arn=KEY)
    application = declared.one("cloudFormationStack:CloudFormationStack")
    group = declared.one("logGroup:LogGroup", "orders-rotation")
    assert group.inputs["name"] == "/aws/lambda/" + application.inputs["parameters"]["functionName"]
    assert declared.waits_for(application, group)
    for each in declared.all("logGroup:LogGroup"):
        assert (each.inputs["retentionInDays"], each.inputs["kmsKeyId"]) == (365, KEY)


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "eusc-de-east-1"])
def test_a_region_whose_authorities_are_not_shipped_is_refused_with_the_setting_that_names_them(region: str) -> None:
    sentence = f"no certificates of {region} are shipped with the admin function, which could not tell the database"
    with pytest.raises(pulumi.RunError, match=f"{sentence}.*set settings.certificate_bundle to"):
        user(region=region)
    assert user(region=region, bootstrap=False).all("secret:Secret")  # nothing connects to the database


def test_the_admin_function_is_told_another_bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle, built = tmp_path / "us-gov-west-1-bundle.pem", list[Any]()
    bundle.write_text("-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n")

    def build(source: Path, *, instead: Any, **_: object) -> Path:
        built.append(instead)
        return source / "requirements.txt"

    monkeypatch.setattr(lambda_function, "build_package", build)
    assert user(region="us-gov-west-1", certificate_bundle=str(bundle)).one("function:Function")
    assert [each["certificates/rds.pem"] for each in built] == [bundle] * len(built)
    assert built


@pytest.mark.parametrize("content", [None, "<html>not found</html>"])
def test_a_bundle_that_is_none_is_refused_by_its_path(tmp_path: Path, content: str | None) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(pulumi.RunError, match=f'settings.certificate_bundle is "{bundle}"; it must be a file with '):
        user(certificate_bundle=str(bundle))
