import json
import re
from typing import Any

import pytest

from lambda_rds_proxy import DatabaseProxy
from lambda_rds_proxy.engines import Auth, Engine, TargetKind
from tests.components.declared import Declared, Registered, declare

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
NETWORK: Any = {
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "secrets_endpoint_security_group_id": "sg-endpoint",
}
DATABASE: Any = {
    "engine": Engine.POSTGRESQL,
    "kind": TargetKind.INSTANCE,
    "identifier": "orders-db",
    "endpoint": "orders-db.abcdefghijkl.eu-west-1.rds.amazonaws.com",
    "port": 6432,
    "database_name": "orders",
    "resource_id": "db-ABCDEFGHIJKL",
    "security_group_id": "sg-database",
}
CLUSTER = {**DATABASE, "kind": TargetKind.CLUSTER, "identifier": "orders-cluster", "resource_id": "cluster-ABCDEFG"}


def proxy(auth: Auth = Auth.IAM, database: Any = DATABASE, network: Any = NETWORK, **args: Any) -> Declared:
    user: Any = {"user": "app", "auth": auth}
    if auth is not Auth.IAM_END_TO_END:
        user["secret_arn"] = SECRET
    whole: Any = {"network": network, "database": database, "user": user, **args}
    return declare(lambda: DatabaseProxy("orders", whole).reference)


def rules(declared: Declared) -> set[tuple[str, str, str, int]]:
    """(direction, group, other group or network, port) of every rule; only single TCP ports are allowed."""
    found = set()
    for each in declared.all("IngressRule") + declared.all("EgressRule"):
        assert each.inputs["ipProtocol"] == "tcp"
        assert each.inputs["fromPort"] == each.inputs["toPort"]
        direction = "in" if "Ingress" in each.type else "out"
        other = each.inputs.get("referencedSecurityGroupId") or each.inputs["cidrIpv4"]
        found.add((direction, each.inputs["securityGroupId"], other, int(each.inputs["fromPort"])))
    return found


def test_clients_reach_the_proxy_and_the_proxy_reaches_the_database_and_nothing_else() -> None:
    assert rules(proxy()) == {
        ("out", "orders-clients-id", "orders-id", 5432),
        ("in", "orders-id", "orders-clients-id", 5432),
        ("out", "orders-id", "sg-database", 6432),
        ("in", "sg-database", "orders-id", 6432),
    }


def test_clients_that_read_their_secret_reach_the_secrets_endpoint_as_well() -> None:
    extra = rules(proxy(Auth.SECRET)) - rules(proxy())
    assert extra == {("out", "orders-clients-id", "sg-endpoint", 443), ("in", "sg-endpoint", "orders-clients-id", 443)}


def test_without_an_endpoint_only_https_is_opened_for_secrets() -> None:
    network = {key: value for key, value in NETWORK.items() if key != "secrets_endpoint_security_group_id"}
    extra = rules(proxy(Auth.SECRET, network=network)) - rules(proxy())
    assert extra == {("out", "orders-clients-id", "0.0.0.0/0", 443)}


def test_every_description_is_one_that_ec2_takes() -> None:
    network = {key: value for key, value in NETWORK.items() if key != "secrets_endpoint_security_group_id"}
    declared = proxy(Auth.SECRET, network=network)
    described = declared.all("SecurityGroup") + declared.all("IngressRule") + declared.all("EgressRule")
    assert len(described) >= 6
    for each in described:
        assert re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", each.inputs["description"])


def test_security_groups_have_no_inline_rules() -> None:
    for group in proxy().all("securityGroup:SecurityGroup"):
        assert "ingress" not in group.inputs
        assert "egress" not in group.inputs


def test_mysql_proxies_listen_on_3306() -> None:
    declared = proxy(database={**DATABASE, "engine": Engine.MYSQL, "port": 3307})
    assert ("in", "orders-id", "orders-clients-id", 3306) in rules(declared)
    assert ("in", "sg-database", "orders-id", 3307) in rules(declared)
    assert declared.result["port"] == 3306
    assert declared.one("rds/proxy:Proxy").inputs["engineFamily"] == "MYSQL"


@pytest.mark.parametrize("auth", list(Auth))
def test_tls_is_always_required(auth: Auth) -> None:
    assert proxy(auth).one("rds/proxy:Proxy").inputs["requireTls"] is True


def test_iam_clients_present_a_token_and_the_proxy_uses_the_secret() -> None:
    inputs = proxy(Auth.IAM).one("rds/proxy:Proxy").inputs
    (auth,) = inputs["auths"]
    assert (auth["iamAuth"], auth["authScheme"], auth["secretArn"]) == ("REQUIRED", "SECRETS", SECRET)
    assert "username" not in auth
    assert inputs["defaultAuthScheme"] == "NONE"


def test_secret_clients_present_a_password() -> None:
    (auth,) = proxy(Auth.SECRET).one("rds/proxy:Proxy").inputs["auths"]
    assert auth["iamAuth"] == "DISABLED"
    assert auth["clientPasswordAuthType"] == "POSTGRES_SCRAM_SHA_256"


def test_iam_end_to_end_has_no_secret_anywhere() -> None:
    declared = proxy(Auth.IAM_END_TO_END)
    inputs = declared.one("rds/proxy:Proxy").inputs
    assert inputs["defaultAuthScheme"] == "IAM_AUTH"
    assert "auths" not in inputs
    assert "secret_arn" not in declared.result


def role_policy(declared: Declared) -> Registered:
    return declared.one("rolePolicy:RolePolicy")


@pytest.mark.parametrize("auth", [Auth.IAM, Auth.SECRET])
def test_the_role_reads_only_the_one_secret(auth: Auth) -> None:
    declared = proxy(auth)
    assert declared.statements(role_policy(declared)) == [
        {
            "Effect": "Allow",
            "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            "Resource": SECRET,
        }
    ]


@pytest.mark.parametrize(("database", "resource_id"), [(DATABASE, "db-ABCDEFGHIJKL"), (CLUSTER, "cluster-ABCDEFG")])
def test_with_iam_end_to_end_the_role_may_log_in_to_the_database_as_the_one_user(
    database: Any, resource_id: str
) -> None:
    declared = proxy(Auth.IAM_END_TO_END, database=database)
    assert declared.statements(role_policy(declared)) == [
        {
            "Effect": "Allow",
            "Action": ["rds-db:connect"],
            "Resource": f"arn:aws:rds-db:eu-west-1:123456789012:dbuser:{resource_id}/app",
        }
    ]


def test_only_rds_may_assume_the_role_without_condition_keys() -> None:
    (statement,) = json.loads(proxy().one("iam/role:Role").inputs["assumeRolePolicy"])["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "rds.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }


def test_the_log_group_and_the_role_policy_are_there_before_the_proxy() -> None:
    declared = proxy()
    made = declared.one("rds/proxy:Proxy")
    log_group = declared.one("logGroup:LogGroup")
    assert declared.waits_for(made, log_group)
    assert declared.waits_for(made, role_policy(declared))
    assert log_group.inputs["name"] == f"/aws/rds/proxy/{made.inputs['name']}"
    assert log_group.inputs["retentionInDays"] > 0


def test_the_pool_settings_and_the_target_come_back_when_the_proxy_is_replaced() -> None:
    declared = proxy()
    made = declared.one("rds/proxy:Proxy")
    for token in ("ProxyDefaultTargetGroup", "ProxyTarget"):
        child = declared.one(token)
        assert child.replace_with == [made.urn]
        assert child.delete_before_replace
    assert made.delete_before_replace


def test_pool_settings_are_those_asked_for() -> None:
    declared = proxy(max_connections_percent=60, max_idle_connections_percent=7, connection_borrow_timeout=3)
    config = declared.one("ProxyDefaultTargetGroup").inputs["connectionPoolConfig"]
    assert config == {"maxConnectionsPercent": 60, "maxIdleConnectionsPercent": 7, "connectionBorrowTimeout": 3}


def test_idle_percent_is_half_of_the_maximum_by_default() -> None:
    config = proxy().one("ProxyDefaultTargetGroup").inputs["connectionPoolConfig"]
    assert (config["maxConnectionsPercent"], config["maxIdleConnectionsPercent"]) == (85, 42)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"max_connections_percent": 0}, "maxConnectionsPercent is 0"),
        ({"max_connections_percent": 101}, "maxConnectionsPercent is 101"),
        ({"max_idle_connections_percent": 90}, "maxIdleConnectionsPercent is 90"),
        ({"connection_borrow_timeout": 301}, "borrowTimeout is 301"),
        ({"idle_client_timeout": 28_801}, "idleClientTimeout is 28801"),
        ({"max_connections_percent": 50, "other_proxies_percent": 41}, "50 \\+ 41 = 91 %"),
        ({"reader_endpoint": True}, "its target is an instance"),
    ],
)
def test_settings_that_aws_or_the_database_would_suffer_from_are_refused(args: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        proxy(**args)


def test_a_single_proxy_may_take_more_than_90_percent_where_the_organisation_allows_it() -> None:
    config = proxy(max_connections_percent=95).one("ProxyDefaultTargetGroup").inputs["connectionPoolConfig"]
    assert config["maxConnectionsPercent"] == 95


def test_an_instance_target_is_registered_by_its_identifier() -> None:
    inputs = proxy().one("ProxyTarget").inputs
    assert inputs["dbInstanceIdentifier"] == "orders-db"
    assert "dbClusterIdentifier" not in inputs
    assert inputs["targetGroupName"] == "default"


def test_a_cluster_target_is_registered_by_its_identifier() -> None:
    inputs = proxy(database=CLUSTER).one("ProxyTarget").inputs
    assert inputs["dbClusterIdentifier"] == "orders-cluster"
    assert "dbInstanceIdentifier" not in inputs


def test_a_cluster_may_have_a_reader_endpoint() -> None:
    declared = proxy(database=CLUSTER, reader_endpoint=True)
    endpoint = declared.one("ProxyEndpoint")
    assert endpoint.inputs["targetRole"] == "READ_ONLY"
    assert endpoint.inputs["vpcSecurityGroupIds"] == ["orders-id"]
    assert endpoint.replace_with == [declared.one("rds/proxy:Proxy").urn]
    assert declared.result["reader_endpoint"].startswith("orders-reader.endpoint.proxy-")


def test_the_reference_has_the_proxys_own_id_not_its_name() -> None:
    assert proxy().result["id"] == "prx-0123456789abcdef0"


def test_every_child_has_the_component_as_its_parent() -> None:
    declared = proxy(database=CLUSTER, reader_endpoint=True)
    component = declared.one("index:DatabaseProxy")
    assert {each.parent for each in declared.resources if each is not component} == {component.urn}
