"""What aws-cdk's own tests of a proxy expect, of these components.

source: aws/aws-cdk, packages/aws-cdk-lib/aws-rds/test/proxy.test.ts and proxy-endpoint.test.ts. Left out: what has no
counterpart here (feature flags; a security group for an endpoint). `test_component.py` has targets by identifier,
password types of another family, and what a target waits for.
"""

from typing import Any

import pulumi
import pytest

from lambda_rds_proxy import Database, DatabaseFunction, DatabaseProxy, DatabaseUser
from lambda_rds_proxy.engines import Auth, Engine, TargetKind
from lambda_rds_proxy.existing import existing_database, existing_proxy
from lambda_rds_proxy.function import vpc_function
from lambda_rds_proxy.function.component import grant_connect
from tests.components.declared import Declared, declare
from tests.components.proxy.test_component import CLUSTER, DATABASE, NETWORK, REPORTING, SECRET, proxy

APP: Any = {"user": "app", "auth": Auth.IAM, "secret_arn": SECRET}
ARN = "arn:aws:rds:us-east-1:123456789012:db-proxy:prx-1234abcd"
IMPORTED: Any = {
    "name": "my-proxy",
    "id": "prx-1234abcd",
    "arn": ARN,
    "endpoint": "my-endpoint",
    "port": 5432,
    "engine": Engine.POSTGRESQL,
    "auth": Auth.IAM,
    "user": "test",
    "database_name": "orders",
    "security_group_id": "sg-0a",
    "client_security_group_id": "sg-0b",
}


def of(database: Any, *, network: Any = NETWORK, user: Any = APP, **args: Any) -> Declared:
    whole: Any = {"network": network, "database": database, "user": user, **args}
    return declare(lambda: DatabaseProxy("orders", whole).references)


@pytest.mark.parametrize("kind", list(TargetKind))
@pytest.mark.parametrize(("engine", "family"), [(Engine.POSTGRESQL, "POSTGRESQL"), (Engine.MYSQL, "MYSQL")])
def test_a_proxy_is_of_its_databases_family_demands_tls_and_has_one_default_target(
    engine: Engine, family: str, kind: TargetKind
) -> None:
    declared = of({**DATABASE, "engine": engine, "kind": kind})
    made, target = declared.one("rds/proxy:Proxy").inputs, declared.one("ProxyTarget").inputs
    assert (made["engineFamily"], made["requireTls"]) == (family, True)
    assert made["vpcSubnetIds"] == NETWORK["subnet_ids"]
    assert target["targetGroupName"] == declared.one("ProxyDefaultTargetGroup").inputs.get("name", "default")
    given = {key for key in target if key.startswith("db") and key != "dbProxyName"}
    assert given == {"dbClusterIdentifier" if kind is TargetKind.CLUSTER else "dbInstanceIdentifier"}


def test_the_database_admits_the_proxy_on_its_own_port() -> None:
    declared = of(CLUSTER)
    rule = declared.one("IngressRule", "orders-to-database-ingress").inputs
    assert (rule["fromPort"], rule["toPort"], rule["ipProtocol"]) == (6432, 6432, "tcp")
    assert (rule["securityGroupId"], rule["referencedSecurityGroupId"]) == ("sg-0da7a", "orders-id")


def test_a_user_with_a_password_needs_its_secret() -> None:
    with pytest.raises(ValueError, match="user app has auth iam and no secret; the proxy logs in with it"):
        of(DATABASE, user={"user": "app", "auth": Auth.IAM})
    with pytest.raises(ValueError, match="user app has auth iam and no secret; the proxy logs in with it"):
        of(DATABASE, user={**APP, "secret_arn": None})


def test_a_secret_that_turns_out_to_be_none_grants_nothing() -> None:
    with pytest.raises(ValueError, match='the secret is "null"; a grant needs its ARN, give secret_arn'):
        of(DATABASE, user={**APP, "secret_arn": pulumi.Output.from_input(None)})


@pytest.mark.parametrize("user", ["", " ", "*"])
def test_a_user_without_a_name_is_refused(user: str) -> None:
    with pytest.raises(ValueError, match=r"user\.user is .*; it must be the name of one user"):
        of(DATABASE, user={**APP, "user": user})


def test_a_target_without_an_engine_is_refused() -> None:
    with pytest.raises(ValueError, match=r"database\.engine is missing; it is needed here"):
        of({key: value for key, value in DATABASE.items() if key != "engine"})


@pytest.mark.parametrize(
    ("engine", "why"),
    [
        ("mariadb", "RDS Proxy serves MariaDB as MySQL, but these components make no users for it"),
        ("sqlserver-ex", "RDS Proxy serves SQL Server, but these components make no users for it"),
        ("oracle-ee", "Oracle has no RDS Proxy"),
        ("db2-se", "Db2 has no RDS Proxy"),
        ("aurora-postgresql", "Aurora PostgreSQL is postgresql with kind cluster here"),
        ("aurora-mysql", "Aurora MySQL is mysql with kind cluster here"),
        ("postgres", "RDS's postgres is postgresql here"),
    ],
)
def test_an_engine_without_a_proxy_is_refused_by_name_and_reason(engine: str, why: str) -> None:
    with pytest.raises(ValueError, match=rf'engine is "{engine}"; it must be one of postgresql, mysql \({why}\)'):
        of({**DATABASE, "engine": engine})
    whole: Any = {"network": NETWORK, "settings": {"engine": engine}}
    with pytest.raises(ValueError, match=why):
        declare(lambda: Database("orders", whole).reference)


def test_what_is_no_engine_at_all_is_refused_without_a_reason() -> None:
    with pytest.raises(ValueError, match=r'engine is "dbase"; it must be one of postgresql, mysql$'):
        of({**DATABASE, "engine": "dbase"})


def test_an_imported_cluster_gets_a_proxy_since_its_engine_is_said() -> None:
    def program() -> Any:
        cluster = existing_database(
            "my-cluster", engine=Engine.POSTGRESQL, kind=TargetKind.CLUSTER, database_name="orders", max_connections=405
        )
        return DatabaseProxy("orders", {"network": NETWORK, "database": cluster, "user": APP}).reference

    declared = declare(program)
    assert declared.one("rds/proxy:Proxy").inputs["engineFamily"] == "POSTGRESQL"
    assert declared.one("ProxyTarget").inputs["dbClusterIdentifier"] == "my-cluster"
    assert declared.one("securityGroup:SecurityGroup", "orders").inputs["vpcId"] == NETWORK["vpc_id"]


@pytest.mark.parametrize("identifier", ["Orders-DB", "orders_db", "orders--db", "9orders", "orders-"])
def test_an_imported_database_is_called_as_rds_calls_it(identifier: str) -> None:
    with pytest.raises(
        ValueError, match=f'database.identifier is "{identifier}"; it must be in lower case, as RDS keeps it'
    ):
        of({**DATABASE, "identifier": identifier})


@pytest.mark.parametrize("name", ["Console", "my_proxy", "my--proxy"])
def test_an_adopted_proxy_is_called_as_the_provider_takes_it(name: str) -> None:
    with pytest.raises(ValueError, match=f'adopted.name is "{name}"; it must be in lower case, as RDS keeps it'):
        of(DATABASE, adopted={"name": name})


def test_clients_of_an_imported_proxy_may_connect_as_the_user_that_was_said_in_the_proxys_own_region() -> None:
    statement = declare(lambda: grant_connect(IMPORTED)).result
    assert '"Resource": "arn:aws:rds-db:us-east-1:123456789012:dbuser:prx-1234abcd/test"' in statement
    assert '"Action": ["rds-db:connect"]' in statement


@pytest.mark.parametrize("user", ["", "*"])
def test_an_imported_proxy_without_a_user_grants_nothing(user: str) -> None:
    imported: Any = {**IMPORTED, "user": user}
    with pytest.raises(ValueError, match="a grant to connect is for one user, by name"):
        declare(lambda: grant_connect(imported))
    whole: Any = {"network": NETWORK, "proxy": imported, "settings": {"path": "handler"}}
    with pytest.raises(ValueError, match=r"proxy\.user is .*; it must be the name of one user"):
        declare(lambda: DatabaseFunction("app", whole).function_name)


def test_an_imported_proxy_with_passwords_needs_the_secret_that_clients_read() -> None:
    def program() -> Any:
        console = existing_proxy(
            "console",
            engine=Engine.MYSQL,
            auth=Auth.SECRET,
            user="app",
            database_name="orders",
            client_security_group_id="sg-0c11",
        )
        whole: Any = {"network": NETWORK, "proxy": console, "settings": {"path": "handler"}}
        return DatabaseFunction("app", whole).function_name

    with pytest.raises(ValueError, match="proxy has auth secret and no secret; clients read the password there"):
        declare(program)


def test_with_several_secrets_each_reference_grants_its_own_user_or_secret_only() -> None:
    def program() -> Any:
        made = DatabaseProxy(
            "orders", {"network": NETWORK, "database": DATABASE, "user": APP, "more_users": [REPORTING]}
        ).references
        return {user: grant_connect(reference) for user, reference in made.items()}

    declared = declare(program)
    assert [each["secretArn"] for each in declared.one("rds/proxy:Proxy").inputs["auths"]] == [
        SECRET,
        REPORTING["secret_arn"],
    ]
    assert "dbuser:prx-0123456789abcdef0/app" in declared.result["app"]
    assert SECRET not in declared.result["app"]
    assert f'"Resource": "{REPORTING["secret_arn"]}"' in declared.result["reporting"]
    assert "rds-db" not in declared.result["reporting"]


@pytest.mark.parametrize("subnets", [["subnet-1"], ["subnet-1", "subnet-1"], []])
def test_a_proxy_and_its_endpoint_need_two_subnets(subnets: list[str]) -> None:
    with pytest.raises(ValueError, match=r"network\.subnet_ids is .*; it must be a list of at least 2 subnet ids"):
        of(CLUSTER, network={**NETWORK, "subnet_ids": subnets}, settings={"reader_endpoint": True})


@pytest.mark.parametrize("subnets", [["subnet-1"], ["subnet-1", "subnet-1"], []])
@pytest.mark.parametrize("component", ["proxy", "database", "network"])
def test_subnets_that_are_known_only_later_are_counted_then(component: str, subnets: list[str]) -> None:
    from lambda_rds_proxy import Network

    def program() -> Any:
        later: Any = {"vpc_id": "vpc-1", "subnet_ids": pulumi.Output.from_input(subnets)}
        if component == "network":
            later["vpc_id"] = "vpc-0a"
            return Network("orders", {"settings": later}).reference
        if component == "database":
            return Database("orders", {"network": later}).reference
        return DatabaseProxy("orders", {"network": later, "database": DATABASE, "user": APP}).reference

    with pytest.raises(pulumi.RunError, match=r"subnet_ids came to be .*; it must be a list of at least 2 subnet ids"):
        declare(program)


def test_too_few_subnets_that_are_secret_are_told_without_them() -> None:
    from lambda_rds_proxy import Network

    later: Any = {"vpc_id": "vpc-0a", "subnet_ids": pulumi.Output.secret(["subnet-0dec0de"])}
    with pytest.raises(pulumi.RunError, match=r"subnet_ids came to be \[secret\]; it must be a list of at least 2"):
        declare(lambda: Network("orders", {"settings": later}).reference)


def test_enough_subnets_that_are_known_only_later_are_taken() -> None:
    network = {**NETWORK, "subnet_ids": pulumi.Output.from_input(["subnet-1", "subnet-2"])}
    declared = of(CLUSTER, network=network, settings={"reader_endpoint": True})
    for token in ("rds/proxy:Proxy", "ProxyEndpoint"):
        assert declared.one(token).inputs["vpcSubnetIds"] == ["subnet-1", "subnet-2"]


def test_an_endpoint_for_readers_stands_in_the_proxys_subnets_and_group() -> None:
    endpoint = of(CLUSTER, settings={"reader_endpoint": True}).one("ProxyEndpoint").inputs
    assert (endpoint["vpcSubnetIds"], endpoint["targetRole"]) == (NETWORK["subnet_ids"], "READ_ONLY")
    assert endpoint["vpcSecurityGroupIds"] == ["orders-id"]


class Team(pulumi.ComponentResource):
    """Somebody's own component."""

    def __init__(self, kind: str, name: str, parent: pulumi.Resource | None = None) -> None:
        super().__init__(f"shop:index:{kind}", name, {}, pulumi.ResourceOptions(parent=parent))


def test_proxies_however_deep_in_the_tree_never_share_a_name() -> None:
    """Pulumi tells them apart by the types of their parents, AWS does not."""

    def nested(*names: str) -> Any:
        whole: Any = {"network": NETWORK, "database": DATABASE, "user": APP}
        made = []
        for kind, name in zip(("Orders", "Reports"), names, strict=True):
            deep = Team("Deep", f"{kind}-deep", parent=Team(kind, kind))
            made.append(DatabaseProxy(name, whole, pulumi.ResourceOptions(parent=deep)).reference)
        return made

    with pytest.raises(pulumi.RunError, match='would be the proxy "lambda-rds-proxy-test-db"; give one "db" another'):
        declare(lambda: nested("db", "db"))
    names = {each.inputs["name"] for each in declare(lambda: nested("db", "reports-db")).all("rds/proxy:Proxy")}
    assert names == {"lambda-rds-proxy-test-db", "lambda-rds-proxy-test-reports-db"}


def test_a_function_never_takes_the_name_of_an_admin_function(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(vpc_function, "build_package", lambda *_, **__: archive)
    database: Any = {**DATABASE, "admin_secret_arn": SECRET}

    def program() -> Any:
        user = DatabaseUser("database", {"network": NETWORK, "database": database}).reference
        whole: Any = {"network": NETWORK, "proxy": IMPORTED, "settings": {"path": "handler"}}
        DatabaseFunction("database-admin", whole)
        return user

    with pytest.raises(pulumi.RunError, match=r'the function "lambda-rds-proxy-test-database-admin"; give one'):
        declare(program)


def test_two_runs_of_one_program_give_the_same_names() -> None:
    one, other = (proxy().one("rds/proxy:Proxy").inputs["name"] for _ in range(2))
    assert one == other == "lambda-rds-proxy-test-orders"
