"""A proxy of the laptop without IAM: what clients see of PgBouncer when something changes, fails or is refused."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from local.gate.seen import Seen
from local.supervisor.client import SupervisorClient
from local.supervisor.pgbouncer import ADMIN_USER
from local.supervisor.proxy import seen
from tests.local.supervisor.conftest import INSTANCE, checkout, client_of, log_in, put_orders, until
from tests.processes import children, kill, program, wait_for_the_end
from toolchain.checkout import laptop_state

pytestmark = pytest.mark.servers
POOL = {"maxConnectionsPercent": 50, "connectionBorrowTimeout": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with checkout(tmp_path_factory.mktemp("proxies")) as folder:
        yield folder


@pytest.fixture(scope="module")
def made(root: Path) -> dict[str, Any]:
    """A proxy that checks passwords, in front of a database with the user `app`."""
    return put_orders(root, iam="DISABLED")


@pytest.fixture
def proxy(made: dict[str, Any], supervisor: SupervisorClient) -> dict[str, Any]:
    """The proxy with its pool as every test finds it."""
    supervisor.put("target-group", "orders", POOL)
    return made


def enter(root: Path, facts: dict[str, Any], **changes: Any) -> "psycopg.Connection[Any]":
    given = {"user": "app", "password": "of-the-secret", "prepare_threshold": None}
    return log_in(root, facts, **{**given, **changes})


def lets_in(root: Path, facts: dict[str, Any], **changes: Any) -> Callable[[], bool]:
    def attempt() -> bool:
        try:
            enter(root, facts, **changes).close()
        except psycopg.OperationalError:
            return False
        return True

    return attempt


def now(root: Path) -> Seen:
    """What the gate of the proxy has seen."""
    return seen(laptop_state(root), "orders")


def status(supervisor: SupervisorClient, kind: str) -> str:
    return next(str(each["status"]) for each in supervisor.resources() if each["kind"] == kind)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "guessed"}, "The password that was provided for the role app is wrong"),
        ({"user": "db_admin", "password": "not-a-real-one"}, "This RDS proxy has no credentials for the role db_admin"),
        ({"sslmode": "disable", "sslrootcert": None}, "This RDS Proxy requires TLS connections"),
        ({"host": "another.name.example"}, "does not match host name"),
        ({"options": "-c statement_timeout=1000"}, "RDS Proxy currently doesn't support command-line options"),
        ({"replication": "database"}, "RDS Proxy currently doesn't support the option replication"),
        ({"dbname": "missing"}, 'database "missing" does not exist'),
        ({"dbname": "pgbouncer", "user": ADMIN_USER}, 'database "pgbouncer" does not exist'),
        ({"dbname": "pgbouncer"}, 'database "pgbouncer" does not exist'),
    ],
    ids=["password", "user without a secret", "no TLS", "name", "options", "parameter", "database", "admin", "console"],
)
def test_a_login_is_refused_in_the_words_of_rds_proxy(
    root: Path, proxy: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match=words):
        enter(root, proxy, **changes)


def test_clients_share_the_pool_and_wait_no_longer_than_the_borrow_timeout(
    root: Path, proxy: dict[str, Any], supervisor: SupervisorClient
) -> None:
    supervisor.put("target-group", "orders", {**POOL, "maxConnectionsPercent": 2})
    with enter(root, proxy) as one, enter(root, proxy) as other:
        pids = {each.execute("SELECT pg_backend_pid()").fetchone() for each in (one, other)}
        assert len(pids) == 1
        with one.transaction(), pytest.raises(psycopg.Error, match="Timed-out waiting to acquire database connection"):
            one.execute("SELECT 1")
            other.execute("SELECT 1")


def test_a_borrow_timeout_of_0_errors_at_once_and_does_not_wait_for_ever(
    root: Path, proxy: dict[str, Any], supervisor: SupervisorClient
) -> None:
    patient = {"maxConnectionsPercent": 2, "connectionBorrowTimeout": 60}
    supervisor.put("target-group", "orders", patient)
    with enter(root, proxy) as one, enter(root, proxy) as other, one.transaction():
        one.execute("SELECT 1")  # it has the only database connection, whose opening takes a loaded machine its time
        supervisor.put("target-group", "orders", {**patient, "connectionBorrowTimeout": 0})
        with pytest.raises(psycopg.Error, match="Timed-out waiting to acquire database connection"):
            other.execute("SELECT 1")


def test_a_change_of_percent_reaches_the_proxy_while_a_client_stays_in(
    root: Path, proxy: dict[str, Any], supervisor: SupervisorClient
) -> None:
    with enter(root, proxy) as connection:
        assert now(root).ceiling == 79 * 50 // 100
        supervisor.put("target-group", "orders", {**POOL, "maxConnectionsPercent": 80})
        until(lambda: now(root).ceiling == 79 * 80 // 100)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert supervisor.get("proxy", "orders") == proxy


def test_an_init_query_runs_on_every_new_database_connection(
    root: Path, proxy: dict[str, Any], supervisor: SupervisorClient
) -> None:
    def search_path() -> object:
        with enter(root, proxy) as connection:
            (path,) = connection.execute("SHOW search_path").fetchone() or (None,)
            return path

    assert search_path() == '"$user", public'
    supervisor.put("target-group", "orders", {**POOL, "initQuery": "SET search_path =\n'a schema'"})
    until(lambda: search_path() == '"a schema"')
    supervisor.put("target-group", "orders", POOL)
    until(lambda: search_path() == '"$user", public')


def test_a_rotated_secret_reaches_the_pooler_and_the_target_tells_the_truth(
    root: Path, proxy: dict[str, Any], supervisor: SupervisorClient
) -> None:
    instance = supervisor.get("instance", "orders")
    assert instance is not None
    manager = client_of(root, "secretsmanager")
    assert status(supervisor, "target") == "AVAILABLE"
    for password in ("rotated", "of-the-secret"):
        value = json.dumps({"username": "app", "password": password})
        manager.put_secret_value(SecretId="app", SecretString=value)
        assert status(supervisor, "target") == "UNAVAILABLE: AUTH_FAILURE"
        with log_in(root, instance) as connection:
            connection.execute(f"ALTER ROLE app PASSWORD '{password}'")
        until(lets_in(root, proxy, password=password))
        assert status(supervisor, "target") == "AVAILABLE"
    assert not lets_in(root, proxy, password="rotated")()


def test_a_killed_pooler_and_a_killed_database_come_back(
    root: Path, proxy: dict[str, Any], supervisor: SupervisorClient
) -> None:
    for name in ("pgbouncer", "postgres"):
        (server,) = [each for each in children(supervisor.pid) if program(each) == name]
        kill(server)
        wait_for_the_end([server])
        until(lets_in(root, proxy))
    until(lambda: status(supervisor, "target") == "AVAILABLE")


def test_a_proxy_without_its_target_errors_after_the_borrow_timeout_and_keeps_its_endpoint(
    root: Path, proxy: dict[str, Any], supervisor: SupervisorClient
) -> None:
    enter(root, proxy).close()
    supervisor.delete("target", "orders/orders")
    with pytest.raises(psycopg.OperationalError, match="Timed-out waiting to acquire database connection"):
        enter(root, proxy)
    supervisor.put("target", "orders/orders", {"proxyName": "orders", "dbInstanceIdentifier": "orders"})
    until(lets_in(root, proxy))
    assert supervisor.get("proxy", "orders") == proxy


def test_another_target_is_reached_by_clients_that_are_in(
    root: Path, proxy: dict[str, Any], supervisor: SupervisorClient
) -> None:
    with enter(root, proxy) as client:
        client.execute("SELECT 1")
        other = supervisor.put("instance", "other", INSTANCE)
        with log_in(root, other) as connection:
            connection.execute("CREATE ROLE app LOGIN PASSWORD 'of-the-secret'")
        try:
            supervisor.put("target", "orders/orders", {"proxyName": "orders", "dbInstanceIdentifier": "other"})
            until(lambda: client.execute("SELECT host(inet_server_addr())").fetchone() == (other["ip"],))
        finally:
            supervisor.put("target", "orders/orders", {"proxyName": "orders", "dbInstanceIdentifier": "orders"})
            supervisor.delete("instance", "other")


def test_plain_text_is_let_in_only_where_tls_is_not_required(
    root: Path, proxy: dict[str, Any], supervisor: SupervisorClient
) -> None:
    spec = next(each["spec"] for each in supervisor.resources() if each["kind"] == "proxy")
    plain = lets_in(root, proxy, sslmode="disable", sslrootcert=None)
    supervisor.put("proxy", "orders", {**spec, "requireTls": False})
    until(plain)
    supervisor.put("proxy", "orders", {**spec, "requireTls": True})
    until(lambda: not plain())
    assert lets_in(root, proxy)()


@pytest.mark.usefixtures("proxy")
def test_pgbouncer_listens_at_no_port(supervisor: SupervisorClient) -> None:
    (pooler,) = [each for each in children(supervisor.pid) if program(each) == "pgbouncer"]
    assert [each for each in pooler.net_connections("inet") if each.status == psutil.CONN_LISTEN] == []
    assert any(str(each.laddr).endswith("/.s.PGSQL.6432") for each in pooler.net_connections("unix"))
