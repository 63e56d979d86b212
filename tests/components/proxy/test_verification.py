import json
from typing import Any

import pytest

from lambda_rds_proxy import ProxyVerification
from lambda_rds_proxy.engines import Auth, Engine
from tests.components.declared import Declared, declare
from tests.components.proxy.test_component import rules

PROXY: Any = {
    "name": "orders",
    "id": "prx-0123456789abcdef0",
    "arn": "arn:aws:rds:eu-west-1:123456789012:db-proxy:prx-0123456789abcdef0",
    "endpoint": "orders.proxy-abcdefghijkl.eu-west-1.rds.amazonaws.com",
    "port": 5432,
    "engine": Engine.POSTGRESQL,
    "auth": Auth.IAM,
    "user": "app",
    "database_name": "orders",
    "secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app",
    "security_group_id": "sg-0b0a",
    "client_security_group_id": "sg-0c11",
}
USER: Any = {
    "user": "app",
    "auth": Auth.IAM,
    "admin_function_name": "orders-admin",
    "admin_role_name": "orders-admin",
    "admin_security_group_id": "sg-0ad3",
}


def verification(auth: Auth = Auth.IAM, user: Any = USER, **proxy: Any) -> Declared:
    whole: Any = {"proxy": {**PROXY, "auth": auth, **proxy}, "user": {**user, "auth": auth}}
    return declare(lambda: ProxyVerification("orders", whole).reference)


def test_it_connects_through_the_proxy_as_the_application_and_waits_up_to_300_seconds() -> None:
    asked = json.loads(verification().one("invocation:Invocation").inputs["input"])
    assert asked["action"] == "verify"
    assert (asked["host"], asked["port"], asked["user"]) == (PROXY["endpoint"], 5432, "app")
    assert asked["timeoutSeconds"] == 300


@pytest.mark.parametrize(("auth", "spoken"), [(Auth.IAM, "iam"), (Auth.IAM_END_TO_END, "iam"), (Auth.SECRET, "secret")])
def test_it_logs_in_as_the_functions_will(auth: Auth, spoken: str) -> None:
    assert json.loads(verification(auth).one("invocation:Invocation").inputs["input"])["auth"] == spoken


def test_with_iam_the_admin_role_may_connect_as_that_user_through_that_proxy_only() -> None:
    declared = verification()
    assert declared.statements(declared.one("rolePolicy:RolePolicy")) == [
        {
            "Effect": "Allow",
            "Action": ["rds-db:connect"],
            "Resource": "arn:aws:rds-db:eu-west-1:123456789012:dbuser:prx-0123456789abcdef0/app",
        }
    ]
    assert not verification(Auth.SECRET).all("rolePolicy:RolePolicy")


def test_the_grant_and_the_rules_are_there_before_it_connects() -> None:
    declared = verification()
    call = declared.one("invocation:Invocation")
    for earlier in declared.all("IngressRule") + declared.all("EgressRule") + declared.all("rolePolicy:RolePolicy"):
        assert declared.waits_for(call, earlier)


def test_a_proxy_with_another_id_is_verified_again() -> None:
    one = verification().one("invocation:Invocation").inputs["input"]
    other = verification(id="prx-ffffffffffffffff0").one("invocation:Invocation").inputs["input"]
    assert one != other


def test_whoever_takes_the_endpoint_waits_until_it_answered() -> None:
    import pulumi
    import pulumi_aws as aws

    def program() -> None:
        reference = ProxyVerification("orders", {"proxy": PROXY, "user": USER}).reference
        aws.ssm.Parameter("taker", type="String", value=pulumi.Output.from_input(reference["endpoint"]))

    declared = declare(program)
    assert declared.waits_for(declared.one("parameter:Parameter"), declared.one("invocation:Invocation"))


def test_without_an_admin_function_it_says_that_nothing_is_verified() -> None:
    declared = verification(user={"user": "app"})
    assert not declared.all("invocation:Invocation")
    assert any("is not verified" in message for message in declared.messages)
    assert declared.result["endpoint"] == PROXY["endpoint"]


REPORTING: Any = {**PROXY, "user": "reporting", "auth": Auth.SECRET, "reader_endpoint": "reader.proxy"}
BATCH: Any = {**PROXY, "user": "batch"}


def test_every_user_is_verified_by_the_one_admin_function_over_the_one_way() -> None:
    whole: Any = {"proxy": PROXY, "user": USER, "more_users": [REPORTING, BATCH]}
    declared = declare(lambda: ProxyVerification("orders", whole).references)
    calls = {each.name: json.loads(each.inputs["input"]) for each in declared.all("invocation:Invocation")}
    assert {name: (asked["user"], asked["auth"]) for name, asked in calls.items()} == {
        "orders": ("app", "iam"),
        "orders-reporting": ("reporting", "secret"),
        "orders-batch": ("batch", "iam"),
    }
    assert len(declared.all("IngressRule")) == 1
    granted = [each["Resource"].rsplit("/", 1)[1] for each in declared.statements(declared.one("RolePolicy"))]
    assert granted == ["app", "batch"]
    assert declared.result["reporting"]["reader_endpoint"] == "reader.proxy"


def test_whoever_takes_a_users_endpoint_waits_for_that_users_answer() -> None:
    import pulumi
    import pulumi_aws as aws

    def program() -> None:
        whole: Any = {"proxy": PROXY, "user": USER, "more_users": [REPORTING]}
        reference = ProxyVerification("orders", whole).references["reporting"]
        for name in ("endpoint", "reader_endpoint"):
            aws.ssm.Parameter(name, type="String", value=pulumi.Output.from_input(reference[name]))

    declared = declare(program)
    answer = declared.one("invocation:Invocation", "orders-reporting")
    assert all(declared.waits_for(taker, answer) for taker in declared.all("parameter:Parameter"))


def test_the_admin_function_reaches_the_proxy_on_its_port_and_nothing_else() -> None:
    assert rules(verification(port=3306)) == {
        ("out", "sg-0ad3", "sg-0b0a", 3306),
        ("in", "sg-0b0a", "sg-0ad3", 3306),
    }
