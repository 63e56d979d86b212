from pathlib import Path
from typing import Any

import pytest

from lambda_rds_proxy import DatabaseFunction, DatabaseProxy
from lambda_rds_proxy.engines import Auth, Engine, TargetKind
from lambda_rds_proxy.existing import existing_database, existing_proxy
from lambda_rds_proxy.function import vpc_function as lambda_function
from tests.components.declared import Declared, declare
from tests.components.proxy.test_component import NETWORK, SECRET, rules


def database(kind: TargetKind, engine: Engine, **given: Any) -> Declared:
    return declare(
        lambda: existing_database(
            "orders-db", engine=engine, kind=kind, database_name="orders", max_connections=405, **given
        )
    )


def test_an_instance_is_looked_up_by_its_identifier() -> None:
    assert database(TargetKind.INSTANCE, Engine.POSTGRESQL).result == {
        "engine": "postgresql",
        "kind": "instance",
        "identifier": "orders-db",
        "endpoint": "orders-db.abcdefghijkl.eu-west-1.rds.amazonaws.com",
        "port": 6432,
        "database_name": "orders",
        "resource_id": "db-EXISTING",
        "security_group_id": "sg-existing",
        "max_connections": 405,
    }


def test_a_cluster_is_looked_up_with_the_writers_endpoint_and_the_clusters_own_id() -> None:
    found = database(TargetKind.CLUSTER, Engine.MYSQL, admin_secret_arn=SECRET, security_group_id="sg-1").result
    assert found["endpoint"].startswith("orders.cluster-")
    assert (found["resource_id"], found["port"]) == ("cluster-EXISTING", 3307)
    assert (found["admin_secret_arn"], found["security_group_id"]) == (SECRET, "sg-1")


def test_a_new_proxy_stands_in_front_of_an_existing_database_on_the_databases_own_port() -> None:
    def program() -> None:
        reference = existing_database(
            "orders-db",
            engine=Engine.POSTGRESQL,
            kind=TargetKind.INSTANCE,
            database_name="orders",
            max_connections=405,
        )
        user: Any = {"user": "app", "auth": Auth.IAM, "secret_arn": SECRET}
        DatabaseProxy("orders", {"network": NETWORK, "database": reference, "user": user})

    declared = declare(program)
    assert ("in", "sg-existing", "orders-id", 6432) in rules(declared)
    assert ("in", "orders-id", "orders-clients-id", 5432) in rules(declared)
    assert declared.one("ProxyTarget").inputs["dbInstanceIdentifier"] == "orders-db"


@pytest.mark.parametrize("auth", list(Auth))
def test_a_function_uses_a_proxy_that_was_made_in_the_console(
    auth: Auth, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(lambda_function, "build_package", lambda *_, **__: archive)

    def program() -> None:
        reference = existing_proxy(
            "console",
            engine=Engine.MYSQL,
            auth=auth,
            user="app",
            database_name="orders",
            client_security_group_id="sg-0c11",
            secret_arn=SECRET if auth is Auth.SECRET else None,
        )
        DatabaseFunction("app", {"network": NETWORK, "proxy": reference, "settings": {"path": "handler"}})

    declared = declare(program)
    function = declared.one("function:Function").inputs
    assert function["environment"]["variables"]["DB_HOST"].startswith("console.proxy-")
    assert function["environment"]["variables"]["DB_PORT"] == "3306"
    assert function["vpcConfig"]["securityGroupIds"] == ["sg-0c11"]
    (statement,) = declared.statements(declared.one("rolePolicy:RolePolicy", "app-connect"))
    login = "arn:aws:rds-db:eu-west-1:123456789012:dbuser:prx-0fedcba9876543210/app"
    assert statement["Resource"] == (SECRET if auth is Auth.SECRET else login)
