"""The pool on real servers: what is opened, reused, closed and refused."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import app
import rds_connection
from rds_connection import (
    Connection,
    NoConnectionError,
    OutOfTimeError,
    PoolExhaustedError,
    UnfinishedTransactionError,
    connection,
    transaction,
)
from tests.waiting import LIMIT_SECONDS

from .cloud import Cloud, Context, until

pytestmark = pytest.mark.servers


def number(conn: Connection) -> int:
    """Which connection this is."""
    return id(conn.pgconn)


def test_nothing_is_opened_before_the_first_block(cloud: Cloud) -> None:
    assert clients(cloud) == 0
    with connection():
        assert clients(cloud) == 1


@pytest.mark.parametrize("engine", ["postgresql", ""])
def test_the_example_answers_from_a_real_query(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    monkeypatch.setenv("DB_ENGINE", engine)
    answer = app.handler({}, Context(30))
    assert answer["ok"] is True
    assert answer["server"].startswith("PostgreSQL 1")
    assert "database app_db as app" in answer["server"]
    assert answer["via"] == cloud.proxy.settings.address


def test_a_warm_connection_is_reused_and_nothing_is_sent_to_check_it(cloud: Cloud) -> None:
    with connection() as conn:
        first = number(conn)
        conn.execute("SELECT 1")
    before = borrows(cloud)
    with connection() as conn:
        assert number(conn) == first
    assert borrows(cloud) == before
    assert clients(cloud) == 1


def test_max_idle_zero_closes_before_the_handler_returns(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_POOL_MAX_IDLE", "0")
    with connection() as conn:
        conn.execute("SELECT 1")
    assert conn.closed
    wait_for_clients(cloud, 0)


def test_a_connection_older_than_its_lifetime_is_replaced(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_POOL_MAX_LIFETIME", "1")
    with connection() as conn:
        first = conn
    time.sleep(1.05)
    with connection() as conn:
        assert conn is not first
    assert first.closed


def test_a_second_connection_at_once_is_refused_without_waiting(cloud: Cloud) -> None:
    limited = Context(60)
    with connection():
        with pytest.raises(PoolExhaustedError, match="1 in use and DB_POOL_MAX_OPEN is 1"), connection(limited):
            pass
        assert limited.get_remaining_time_in_millis() > 30_000
    with connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_blocks_nest_up_to_max_open_and_one_stays_idle(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_POOL_MAX_OPEN", "2")
    with connection() as outer, connection() as inner:
        assert number(outer) != number(inner)
        with pytest.raises(PoolExhaustedError), connection():
            pass
    assert inner.closed != outer.closed
    wait_for_clients(cloud, 1)


def test_a_slot_is_free_again_after_any_error(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), connection():
            raise ZeroDivisionError
    right = cloud.proxy.settings.address
    monkeypatch.setenv("DB_HOST", "127.0.0.1")
    monkeypatch.setenv("DB_PORT", "9")
    rds_connection.close()
    for _ in range(3):
        with pytest.raises(NoConnectionError), connection(Context(1)):
            pass
    monkeypatch.setenv("DB_HOST", right)


def test_each_statement_of_a_block_is_committed_by_itself(cloud: Cloud) -> None:
    cloud.execute("CREATE TABLE IF NOT EXISTS single (n int); ALTER TABLE single OWNER TO app; TRUNCATE single")
    with pytest.raises(ZeroDivisionError), connection() as conn:
        conn.execute("INSERT INTO single VALUES (1)")
        raise ZeroDivisionError
    assert cloud.execute("SELECT n FROM single") == [(1,)]


def test_a_transaction_of_a_block_is_rolled_back_with_its_error(cloud: Cloud) -> None:
    cloud.execute("CREATE TABLE IF NOT EXISTS undone (n int); ALTER TABLE undone OWNER TO app; TRUNCATE undone")
    with pytest.raises(ZeroDivisionError), connection() as conn, conn.transaction():
        conn.execute("INSERT INTO undone VALUES (1)")
        raise ZeroDivisionError
    assert cloud.execute("SELECT n FROM undone") == []


def test_a_transaction_left_open_is_rolled_back_and_told(cloud: Cloud) -> None:
    with pytest.raises(UnfinishedTransactionError, match=r"with conn\.transaction\(\)"), connection() as conn:
        conn.execute("BEGIN")
        conn.execute("SELECT 1")
    assert idle_in_transaction(cloud) == 0
    with connection() as again:
        assert again is conn


def test_with_autocommit_off_the_end_of_a_block_commits_as_in_psycopg(cloud: Cloud) -> None:
    cloud.execute("CREATE TABLE IF NOT EXISTS classic (n int); ALTER TABLE classic OWNER TO app; TRUNCATE classic")
    with connection() as conn:
        conn.autocommit = False
        conn.execute("INSERT INTO classic VALUES (1)")
    assert cloud.execute("SELECT n FROM classic") == [(1,)]
    with connection() as conn:
        assert conn.autocommit


def test_an_error_in_an_open_transaction_leaves_a_sound_connection(cloud: Cloud) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), connection() as conn:
        conn.execute("BEGIN")
        conn.execute("SELECT * FROM missing")
    with connection() as again:
        assert again is conn
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_what_a_block_sets_on_the_connection_does_not_outlive_it(cloud: Cloud) -> None:
    with connection() as conn:
        conn.row_factory = psycopg.rows.dict_row
        conn.prepare_threshold = 0
        conn.read_only = True
        conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    with connection() as again:
        assert again is conn
        assert again.execute("SELECT 1").fetchone() == (1,)
        assert (again.prepare_threshold, again.read_only, again.isolation_level) == (None, None, None)


@pytest.mark.parametrize("left", ["COPY", "pipeline", "closed"])
def test_a_connection_in_a_doubtful_state_is_never_reused(cloud: Cloud, left: str) -> None:
    with connection() as conn:
        if left == "COPY":
            conn.pgconn.exec_(b"COPY (SELECT 1) TO STDOUT")
        elif left == "pipeline":
            conn.pgconn.enter_pipeline_mode()
        else:
            conn.close()
    with connection() as again:
        assert again is not conn
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_nothing_is_ever_prepared(cloud: Cloud) -> None:
    with connection() as conn:
        for _ in range(12):
            conn.execute("SELECT %s::int", [1])
        assert conn.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_tls_is_verified_by_name_and_authority(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_HOST", "localhost")
    monkeypatch.setattr("socket.getaddrinfo", resolving_to(cloud.proxy.settings.address))
    with pytest.raises(NoConnectionError, match='does not match host name "localhost"'), connection(Context(30)):
        pass
    monkeypatch.setenv("DB_HOST", cloud.proxy.settings.name)
    rds_connection.close()
    with connection(Context(30)) as conn:
        assert conn.pgconn.ssl_in_use
    rds_connection.close()
    monkeypatch.delenv("DB_SSL_ROOT_CERT")  # the bundle of real proxies does not know this authority
    with pytest.raises(NoConnectionError, match="certificate verify failed") as raised, connection(Context(30)):
        pass
    assert raised.value.outcome == "refused"


def test_only_parameters_that_a_proxy_takes_are_sent(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    # libpq would send these from the environment; RDS Proxy, like the laptop's, refuses `options`.
    with connection() as conn:
        sent = {option.keyword.decode() for option in conn.pgconn.info if option.val and option.keyword != b"password"}
    startup = {"user", "dbname", "application_name", "client_encoding", "options", "replication"}
    assert sent & startup <= {"user", "dbname", "application_name", "client_encoding"}
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=5s")
    rds_connection.close()
    with connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setenv("DB_HOST", cloud.proxy.settings.name)
    monkeypatch.setattr("socket.getaddrinfo", resolving_to(silent, cloud.proxy.settings.address))
    began = time.monotonic()
    with connection(Context(5)) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    assert time.monotonic() - began > 1.0


def test_the_caller_hears_of_a_slow_connect_before_lambda_ends_it(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setenv("DB_HOST", silent)
    limited = Context(1.5)
    with pytest.raises(NoConnectionError, match=r"did not answer within \d\.\d s"), connection(limited):
        pass
    assert limited.get_remaining_time_in_millis() > 0


def test_the_caller_hears_of_a_slow_statement_before_lambda_ends_it(cloud: Cloud) -> None:
    with connection():
        pass  # what is slow is not to be the connect
    limited = Context(1.5)
    with pytest.raises(OutOfTimeError, match="may or may not"), connection(limited) as conn:
        conn.execute("SELECT pg_sleep(5)")
    assert limited.get_remaining_time_in_millis() > 0
    assert conn.closed


def test_the_caller_hears_of_a_slow_transaction_before_lambda_ends_it(cloud: Cloud) -> None:
    @transaction
    def sleep(conn: Connection, context: Context) -> None:
        conn.execute("SELECT pg_sleep(5)")

    with connection():
        pass  # what is slow is not to be the connect
    limited = Context(1.5)
    with pytest.raises(OutOfTimeError):
        sleep(limited)
    assert limited.get_remaining_time_in_millis() > 0


def test_no_time_left_is_told_without_an_attempt(cloud: Cloud) -> None:
    with pytest.raises(OutOfTimeError, match="to connect in"), connection(Context(0)):
        pass


def test_a_deadline_ends_with_its_invocation(cloud: Cloud) -> None:
    with connection(Context(30)) as conn:
        its = conn.invocation
        assert its.deadline < time.monotonic() + 30
    assert its.deadline == float("inf")
    with connection() as again:
        assert again is conn
        assert again.invocation is not its


def test_one_line_of_metrics_per_invocation(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev-api")
    monkeypatch.setenv("DB_POOL_MAX_OPEN", "2")
    with connection(Context(30)) as conn, connection():
        conn.execute("SELECT pg_sleep(0.05)")
    with pytest.raises(psycopg.errors.DivisionByZero), connection(Context(30)) as conn:
        conn.execute("SELECT 1/0")
    with pytest.raises(ZeroDivisionError), connection(Context(30)):
        raise ZeroDivisionError
    new, reused, failed = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (new["ConnectionsOpened"], new["ConnectionsReused"], new["Outcome"]) == (2, 0, "ok")
    assert new["RequestId"] == Context(0).aws_request_id
    assert new["FunctionName"] == "orders-dev-api"
    assert 50 <= new["QueryTime"] < 30_000  # milliseconds
    assert 0 < new["ConnectTime"] < 30_000
    assert (reused["ConnectionsOpened"], reused["ConnectionsReused"], reused["Outcome"]) == (0, 1, "statement")
    assert reused["ConnectTime"] == 0
    assert (failed["Outcome"], failed["Failures"]) == ("application", 1)


def test_outside_lambda_nothing_is_printed(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    with connection() as conn:
        conn.execute("SELECT 1")
    assert capsys.readouterr().out == ""


def test_the_function_is_named_in_the_database(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev-api")
    with connection() as conn:
        assert conn.execute("SELECT current_setting('application_name')").fetchone() == ("orders-dev-api",)


def test_threads_share_the_pool_without_waiting_for_each_other(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_POOL_MAX_OPEN", "2")
    results: list[Any] = []
    gate = threading.Barrier(2)

    def work() -> None:
        with connection() as conn:
            gate.wait(LIMIT_SECONDS)
            results.append(conn.execute("SELECT 1").fetchone())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_SECONDS)
    assert results == [(1,), (1,)]
    with connection() as conn:
        conn.execute("SELECT 1")


def test_nothing_survives_into_a_snapshot(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    hooks: list[Callable[[], None]] = []
    runtime = types.ModuleType("snapshot_restore_py")
    runtime.register_before_snapshot = hooks.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", runtime)
    rds_connection.environment.close_before_snapshot()
    assert hooks == []
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    rds_connection.environment.close_before_snapshot()
    with connection() as conn:
        conn.execute("SELECT 1")
    (hook,) = hooks
    hook()
    assert conn.closed
    with connection() as restored:
        assert restored.execute("SELECT 1").fetchone() == (1,)


def clients(cloud: Cloud) -> int:
    """The application's client connections at the proxy."""
    return cloud.proxy.seen().clients


def wait_for_clients(cloud: Cloud, count: int) -> None:
    until(lambda: clients(cloud) == count)


def borrows(cloud: Cloud) -> int:
    """How often the proxy has lent a database connection, as it does for each statement outside a transaction."""
    return cloud.proxy.seen().borrows


def idle_in_transaction(cloud: Cloud) -> int:
    found = cloud.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state LIKE 'idle in%%'")
    return int(found[0][0])


def resolving_to(*addresses: str) -> Callable[..., list[Any]]:
    """A name service that knows one answer."""
    return lambda _host, port, **_kwargs: [(2, 1, 6, "", (address, port)) for address in addresses]
