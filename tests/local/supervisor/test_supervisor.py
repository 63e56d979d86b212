"""One supervisor per checkout: found again, brought back, and gone without a trace."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from local.supervisor.client import SupervisorClient
from local.supervisor.errors import LaptopError
from local.supervisor.postgres import PostgresSettings
from toolchain.checkout import laptop_state, subnet

pytestmark = pytest.mark.servers
INSTANCE: dict[str, Any] = {
    "engine": "postgres",
    "instanceClass": "db.t4g.micro",
    "dbName": "app_db",
    "username": "db_admin",
    "password": "not-a-real-one",
}


def log_in(root: Path, facts: dict[str, Any], **changes: Any) -> "psycopg.Connection[Any]":
    arguments: dict[str, Any] = {
        "host": facts.get("address") or facts["endpoint"],
        "hostaddr": facts["ip"],
        "port": facts["port"],
        "dbname": "app_db",
        "user": "db_admin",
        "password": "not-a-real-one",
        "sslmode": "verify-full",
        "sslrootcert": str(laptop_state(root) / "authority" / "ca.pem"),
        "autocommit": True,
        "connect_timeout": 5,
    }
    return psycopg.connect(**{**arguments, **changes})


def test_it_is_found_again_and_started_once(root: Path, supervisor: SupervisorClient) -> None:
    assert SupervisorClient.ensure(root).pid == supervisor.pid
    found = SupervisorClient.running(root)
    assert found is not None and found.pid == supervisor.pid


def test_nobody_without_its_token_controls_it(root: Path, supervisor: SupervisorClient) -> None:
    supervisor._token = "guessed"
    with pytest.raises(LaptopError, match="another checkout's supervisor"):
        supervisor.resources()
    assert (laptop_state(root) / "supervisor.json").stat().st_mode & 0o077 == 0


def test_an_instance_is_what_rds_makes_of_it(root: Path, supervisor: SupervisorClient) -> None:
    facts = supervisor.put("instance", "orders", INSTANCE)
    assert facts["address"].startswith("orders.") and facts["address"].endswith(".eu-west-1.rds.amazonaws.com")
    assert facts["maxConnections"] == 79
    with log_in(root, facts) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("79",)
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        assert {"rds_superuser", "rds_iam", "rdsadmin"} <= roles
    with pytest.raises(psycopg.OperationalError, match=r"no encryption|SSL off"):
        log_in(root, facts, sslmode="disable", sslrootcert=None)
    with pytest.raises(psycopg.OperationalError, match=r"does not match host name|certificate"):
        log_in(root, facts, host="another.name.example")


def test_a_parameter_group_decides_max_connections(supervisor: SupervisorClient) -> None:
    supervisor.put("parameter-group", "small", {"parameters": {"max_connections": "33", "rds.force_ssl": "1"}})
    assert supervisor.put("instance", "orders", {**INSTANCE, "parameterGroupName": "small"})["maxConnections"] == 33


def test_a_server_that_does_not_start_says_why_and_leaves_nothing_half_made(
    root: Path, supervisor: SupervisorClient
) -> None:
    supervisor.put("parameter-group", "broken", {"parameters": {"work_mem": "nonsense"}})
    with pytest.raises(LaptopError, match=r'PostgreSQL orders ended: .*invalid value for parameter "work_mem"'):
        supervisor.put("instance", "orders", {**INSTANCE, "parameterGroupName": "broken"})
    assert not (laptop_state(root) / "instances" / "orders").exists()
    assert supervisor.put("instance", "orders", INSTANCE)["maxConnections"] == 79


def test_an_occupied_address_is_named_with_the_way_out(root: Path, supervisor: SupervisorClient) -> None:
    with socket.socket() as taken:
        taken.bind((f"{subnet(root)}.10", 5432))
        taken.listen()
        with pytest.raises(
            LaptopError, match=rf"{subnet(root)}\.10:5432 is taken by process {os.getpid()} .*LAMBDA_RDS"
        ):
            supervisor.put("instance", "orders", INSTANCE)
    assert supervisor.put("instance", "orders", INSTANCE)["ip"] == f"{subnet(root)}.10"


def test_an_occupied_gateway_is_one_sentence(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind((f"{subnet(root)}.1", 4566))
        taken.listen()
        with pytest.raises(LaptopError, match=r"did not start: .*:4566 is taken by process"):
            SupervisorClient.ensure(root)


def test_a_second_put_adopts_what_exists(supervisor: SupervisorClient) -> None:
    assert supervisor.put("instance", "orders", INSTANCE) == supervisor.put("instance", "orders", INSTANCE)


def test_killed_at_any_moment_it_comes_back_with_everything_and_leaves_no_orphan(root: Path) -> None:
    client = SupervisorClient.ensure(root)
    facts = client.put("instance", "orders", INSTANCE)
    with log_in(root, facts) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    children = psutil.Process(client.pid).children(recursive=True)
    os.kill(client.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    again = SupervisorClient.ensure(root)
    assert again.pid != client.pid
    assert again.problems() == []
    with log_in(root, again.get("instance", "orders") or {}) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_the_last_resource_takes_the_supervisor_and_its_state_with_it(root: Path, supervisor: SupervisorClient) -> None:
    supervisor.put("instance", "orders", INSTANCE)
    supervisor.delete("instance", "orders")
    psutil.wait_procs([psutil.Process(supervisor.pid)] if psutil.pid_exists(supervisor.pid) else [], timeout=15)
    assert not laptop_state(root).exists()
    assert SupervisorClient.running(root) is None


def test_a_mysql_proxy_is_refused_with_the_reason(supervisor: SupervisorClient) -> None:
    with pytest.raises(LaptopError, match=r"a pooler for PostgreSQL only.*Debian packages none for MySQL"):
        supervisor.put("proxy", "orders", {"engineFamily": "MYSQL"})


def test_a_proxy_takes_one_target_that_exists(supervisor: SupervisorClient) -> None:
    supervisor.put("proxy", "orders", {"engineFamily": "POSTGRESQL", "requireTls": True})
    with pytest.raises(LaptopError, match="DBInstance orders not found"):
        supervisor.put("target", "orders/orders", {"proxyName": "orders", "dbInstanceIdentifier": "orders"})


def test_secrets_do_not_show_in_repr() -> None:

    shown = repr(
        PostgresSettings(
            name="n", address="a", port=1, database="d", username="u", password="not-a-real-one", max_connections=1
        )
    )
    assert "not-a-real-one" not in shown
