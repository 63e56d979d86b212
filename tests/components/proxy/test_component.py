import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from lambda_rds_proxy import DatabaseProxy
from lambda_rds_proxy.engines import ENGINES, Auth, Engine, TargetKind
from lambda_rds_proxy.proxy.args import DatabaseProxyArgs
from tests.components.declared import Declared, Registered, arguments, declare

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
NETWORK: Any = {
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "secrets_endpoint_security_group_id": "sg-0e4d",
}
DATABASE: Any = {
    "engine": Engine.POSTGRESQL,
    "kind": TargetKind.INSTANCE,
    "identifier": "orders-db",
    "endpoint": "orders-db.abcdefghijkl.eu-west-1.rds.amazonaws.com",
    "port": 6432,
    "database_name": "orders",
    "resource_id": "db-ABCDEFGHIJKL",
    "security_group_id": "sg-0da7a",
}
CLUSTER: Any = {
    **DATABASE,
    "kind": TargetKind.CLUSTER,
    "identifier": "orders-cluster",
    "resource_id": "cluster-ABCDEFG",
}


def proxy(auth: Auth = Auth.IAM, database: Any = DATABASE, network: Any = NETWORK, **args: Any) -> Declared:
    user: Any = {"user": "app", "auth": auth}
    if auth is not Auth.IAM_END_TO_END:
        user["secret_arn"] = SECRET
    whole = arguments(DatabaseProxyArgs, {"network": network, "database": database, "user": user, **args})
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
        ("out", "orders-id", "sg-0da7a", 6432),
        ("in", "sg-0da7a", "orders-id", 6432),
    }


def test_clients_that_read_their_secret_reach_the_secrets_endpoint_as_well() -> None:
    extra = rules(proxy(Auth.SECRET)) - rules(proxy())
    assert extra == {("out", "orders-clients-id", "sg-0e4d", 443), ("in", "sg-0e4d", "orders-clients-id", 443)}


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
    assert ("in", "sg-0da7a", "orders-id", 3307) in rules(declared)
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
    assert declared.grants() == {role_policy(declared).name}
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
        (
            {"max_connections_percent": 0},
            'settings.max_connections_percent is "0"; it must be a whole number from 1',
        ),
        ({"max_connections_percent": 101}, 'settings.max_connections_percent is "101"'),
        (
            {"max_idle_connections_percent": 90},
            "idle_connections_percent is 90; it must be between 0 and settings.max_connections_percent",
        ),
        ({"connection_borrow_timeout": 301}, 'settings.connection_borrow_timeout is "301"'),
        ({"idle_client_timeout": 28_801}, 'settings.idle_client_timeout is "28801"'),
        ({"max_connections_percent": 50, "other_proxies_percent": 41}, "50 \\+ 41 = 91 %"),
        ({"reader_endpoint": True}, "settings.reader_endpoint is true; it needs database.kind cluster"),
    ],
)
def test_settings_that_aws_or_the_database_would_suffer_from_are_refused(args: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        proxy(**args)


def test_clients_use_the_ip_versions_asked_for_and_else_those_that_aws_chooses() -> None:
    assert proxy(endpoint_network_type="DUAL").one("rds/proxy:Proxy").inputs["endpointNetworkType"] == "DUAL"
    assert "endpointNetworkType" not in proxy().one("rds/proxy:Proxy").inputs
    with pytest.raises(ValueError, match=r'endpoint_network_type is "IPV5"; it must be one of IPV4, IPV6, DUAL'):
        proxy(endpoint_network_type="IPV5")


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


REPORTING: Any = {"user": "reporting", "auth": Auth.SECRET, "secret_arn": f"{SECRET}-reporting"}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/0123"
VIA_SECRETS_MANAGER = {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}}


def test_every_user_has_its_own_secret_its_own_login_and_its_own_reference() -> None:
    declared = declare(
        lambda: (
            DatabaseProxy(
                "orders",
                {
                    "network": NETWORK,
                    "database": DATABASE,
                    "user": {"user": "app", "auth": Auth.IAM, "secret_arn": SECRET},
                    "more_users": [REPORTING],
                },
            ).references
        )
    )
    auths = declared.one("rds/proxy:Proxy").inputs["auths"]
    assert [(each["secretArn"], each["iamAuth"]) for each in auths] == [
        (SECRET, "REQUIRED"),
        (REPORTING["secret_arn"], "DISABLED"),
    ]
    statements = declared.statements(role_policy(declared))
    assert [each["Resource"] for each in statements] == [SECRET, REPORTING["secret_arn"]]
    assert declared.result["reporting"]["secret_arn"] == REPORTING["secret_arn"]
    assert (declared.result["app"]["auth"], declared.result["reporting"]["auth"]) == ("iam", "secret")


def test_users_with_and_without_a_secret_share_a_proxy_that_uses_iam_by_default() -> None:
    declared = proxy(Auth.IAM_END_TO_END, more_users=[REPORTING])
    inputs = declared.one("rds/proxy:Proxy").inputs
    assert inputs["defaultAuthScheme"] == "IAM_AUTH"
    assert [each["secretArn"] for each in inputs["auths"]] == [REPORTING["secret_arn"]]
    login, secret = declared.statements(role_policy(declared))
    assert (login["Action"], login["Resource"].rsplit("/", 1)[1]) == (["rds-db:connect"], "app")
    assert secret["Resource"] == REPORTING["secret_arn"]


def test_the_key_of_a_secret_may_be_used_by_way_of_secrets_manager_only() -> None:
    user: Any = {**REPORTING, "secret_kms_key_arn": KEY}
    declared = proxy(more_users=[user])
    *_, key = declared.statements(role_policy(declared))
    assert key == {
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": KEY,
        "Condition": VIA_SECRETS_MANAGER,
    }
    assert not any("kms:Decrypt" in each["Action"] for each in proxy().statements(role_policy(proxy())))


@pytest.mark.parametrize("engine", list(Engine))
def test_the_password_type_is_the_familys_own_and_another_familys_is_refused(engine: Engine) -> None:
    database = {**DATABASE, "engine": engine}
    for allowed in ENGINES[engine].client_password_auth_types:
        declared = proxy(Auth.SECRET, database=database, client_password_auth_type=allowed)
        (auth,) = declared.one("rds/proxy:Proxy").inputs["auths"]
        assert auth["clientPasswordAuthType"] == allowed
        assert allowed in auth["description"]  # else the provider misses a change of the type
    other = next(each for each in Engine if each is not engine)
    for refused in ENGINES[other].client_password_auth_types:
        with pytest.raises(ValueError, match=f"{refused}; a {ENGINES[engine].proxy_family} proxy takes"):
            proxy(Auth.SECRET, database=database, client_password_auth_type=refused)


@pytest.mark.parametrize(
    ("users", "words"),
    [
        ([{**REPORTING, "user": "app"}], "the user app is there more than once"),
        ([{"user": "reporting", "auth": Auth.SECRET}], "user reporting has auth secret and no secret"),
        ([{**REPORTING, "auth": Auth.IAM_END_TO_END}], "auth iam-end-to-end and a secret"),
        ([{**REPORTING, "user": f"u{index}"} for index in range(200)], "there are 201 users; a proxy takes 200"),
    ],
)
def test_users_that_a_proxy_cannot_have_are_refused(users: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        proxy(more_users=users)


def test_an_init_query_runs_on_every_new_connection() -> None:
    config = proxy(init_query="SET ROLE app").one("ProxyDefaultTargetGroup").inputs["connectionPoolConfig"]
    assert config["initQuery"] == "SET ROLE app"
    assert "initQuery" not in proxy().one("ProxyDefaultTargetGroup").inputs["connectionPoolConfig"]


def test_pinning_filters_are_for_mysql_and_refused_for_postgresql_with_the_reason() -> None:
    filters = ["EXCLUDE_VARIABLE_SETS"]
    mysql = proxy(database={**DATABASE, "engine": Engine.MYSQL}, session_pinning_filters=filters)
    assert mysql.one("ProxyDefaultTargetGroup").inputs["connectionPoolConfig"]["sessionPinningFilters"] == filters
    with pytest.raises(ValueError, match="a postgresql proxy has no filters, because"):
        proxy(session_pinning_filters=filters)
    with pytest.raises(ValueError, match="has ALL; RDS Proxy knows EXCLUDE_VARIABLE_SETS only"):
        proxy(database={**DATABASE, "engine": Engine.MYSQL}, session_pinning_filters=["ALL"])


def test_debug_logging_ends_by_itself_in_the_program_as_it_does_on_aws() -> None:
    now = datetime.now(UTC)
    for until, logging in ((None, False), (now + timedelta(hours=2), True), (now - timedelta(seconds=1), False)):
        given: Any = {} if until is None else {"debug_logging_until": until.isoformat()}
        assert proxy(**given).one("rds/proxy:Proxy").inputs["debugLogging"] is logging
    with pytest.raises(ValueError, match="AWS ends it after 24 hours"):
        proxy(debug_logging_until=(now + timedelta(hours=25)).isoformat())


def test_the_log_is_kept_as_long_as_asked_for_and_encrypted_with_the_given_key() -> None:
    group = proxy(log_retention_days=30, log_kms_key_arn=KEY).one("logGroup:LogGroup").inputs
    assert (group["retentionInDays"], group["kmsKeyId"]) == (30, KEY)


def test_extra_clients_are_admitted_by_name_and_their_own_group_is_left_alone() -> None:
    extra = rules(proxy(extra_clients={"bastion": "sg-0ba5"})) - rules(proxy())
    assert extra == {("in", "orders-id", "sg-0ba5", 5432)}
    names = {each.name for each in proxy(extra_clients={"bastion": "sg-1", "etl": "sg-2"}).all("IngressRule")}
    assert {"orders-from-bastion-ingress", "orders-from-etl-ingress"} <= names


def test_a_reader_endpoint_of_a_cluster_without_a_reader_is_refused() -> None:
    with pytest.raises(ValueError, match=r"is true; it needs database\.kind cluster with at least 2"):
        proxy(database={**CLUSTER, "readers": 0}, reader_endpoint=True)
    assert proxy(database={**CLUSTER, "readers": 1}, reader_endpoint=True).all("ProxyEndpoint")


def test_a_very_long_logical_name_still_gives_names_that_aws_accepts() -> None:
    name = "orders-" * 20
    user: Any = {"user": "app", "auth": Auth.IAM, "secret_arn": SECRET}
    declared = declare(
        lambda: (
            DatabaseProxy(
                name, {"network": NETWORK, "database": CLUSTER, "user": user, "settings": {"reader_endpoint": True}}
            ).reference
        )
    )
    names = [
        declared.one("rds/proxy:Proxy").inputs["name"],
        declared.one("ProxyEndpoint").inputs["dbProxyEndpointName"],
    ]
    assert all(re.fullmatch(r"[a-zA-Z](?:-?[a-zA-Z0-9]+)*", each) and len(each) <= 63 for each in names)
    assert len(set(names)) == 2
    assert len(declared.one("iam/role:Role").inputs["name"]) <= 64
    assert "name" not in proxy().one("iam/role:Role").inputs


def test_two_proxies_on_one_database_make_no_cycle_and_each_reaches_it() -> None:
    def program() -> Any:
        group = aws.ec2.SecurityGroup("database")
        database: Any = {**DATABASE, "security_group_id": group.id}
        user: Any = {"user": "app", "auth": Auth.IAM, "secret_arn": SECRET}
        for name, own, other in (("orders", 60, 30), ("reports", 30, 60)):
            whole: Any = {"network": NETWORK, "database": database, "user": user}
            whole["settings"] = {"max_connections_percent": own, "other_proxies_percent": other}
            DatabaseProxy(name, whole)

    declared = declare(program)
    assert {("in", "database-id", f"{name}-id", 6432) for name in ("orders", "reports")} <= rules(declared)
    assert len(declared.all("ProxyTarget")) == 2
    for each in declared.resources:
        assert not declared.waits_for(declared.one("securityGroup:SecurityGroup", "database"), each)


def test_the_proxy_waits_for_its_database_which_makes_the_role_that_a_fresh_account_lacks() -> None:
    def program() -> Any:
        instance = aws.rds.Instance("database", instance_class="db.t4g.micro")
        user: Any = {"user": "app", "auth": Auth.IAM, "secret_arn": SECRET}
        database: Any = {**DATABASE, "identifier": instance.identifier}
        DatabaseProxy("orders", {"network": NETWORK, "database": database, "user": user})

    declared = declare(program)
    assert declared.waits_for(declared.one("rds/proxy:Proxy"), declared.one("rds/instance:Instance"))


def test_the_target_of_a_cluster_waits_for_every_instance_of_it() -> None:
    from lambda_rds_proxy import Database

    def program() -> Any:
        database = Database(
            "database", {"network": NETWORK, "settings": {"kind": TargetKind.CLUSTER, "instances": 2}}
        ).reference
        user: Any = {"user": "app", "auth": Auth.IAM, "secret_arn": SECRET}
        DatabaseProxy("orders", {"network": NETWORK, "database": database, "user": user})

    declared = declare(program)
    for instance in declared.all("ClusterInstance"):
        assert declared.waits_for(declared.one("ProxyTarget"), instance)


def test_whoever_takes_the_endpoint_waits_for_the_target() -> None:
    def program() -> Any:
        user: Any = {"user": "app", "auth": Auth.IAM, "secret_arn": SECRET}
        reference = DatabaseProxy(
            "orders", {"network": NETWORK, "database": CLUSTER, "user": user, "settings": {"reader_endpoint": True}}
        ).reference
        for name in ("endpoint", "reader_endpoint"):
            aws.ssm.Parameter(name, type="String", value=pulumi.Output.from_input(reference[name]))

    declared = declare(program)
    for taker in declared.all("parameter:Parameter"):
        assert declared.waits_for(taker, declared.one("ProxyTarget"))


def test_the_proxy_stands_in_its_own_group_only() -> None:
    assert proxy().one("rds/proxy:Proxy").inputs["vpcSecurityGroupIds"] == ["orders-id"]


def test_the_log_goes_last_after_the_network_interfaces_of_the_proxy() -> None:
    declared = proxy()
    group = declared.one("securityGroup:SecurityGroup", "orders")
    assert declared.waits_for(group, declared.one("logGroup:LogGroup"))
    assert declared.waits_for(declared.one("rds/proxy:Proxy"), group)


def test_a_proxy_that_exists_keeps_its_name_and_an_adopted_one_has_the_one_that_was_said() -> None:
    declared = proxy(database=CLUSTER, reader_endpoint=True)
    assert declared.one("rds/proxy:Proxy").ignore_changes == ["name"]
    assert declared.one("logGroup:LogGroup").ignore_changes == ["name"]
    assert declared.one("ProxyEndpoint").ignore_changes == ["dbProxyEndpointName"]
    adopted = proxy(adopted={"name": "console"})
    assert adopted.one("rds/proxy:Proxy").ignore_changes == []
