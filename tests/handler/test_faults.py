"""Faults at every moment, each on real servers: what is retried, what must not be, and what the caller hears.

Every case writes numbered rows: none may be lost that was reported as written, none may be there twice.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace

import boto3
import psycopg
import pytest
from moto import mock_aws

from rds_connection import Connection, NoConnectionError, OutOfTimeError, connection, transaction
from rds_connection.credentials import Credentials, Login
from rds_connection.invocations import Invocation
from tests.waiting import LIMIT_SECONDS

from .cloud import APPLICATION, Cloud, Context, until

pytestmark = pytest.mark.servers


@pytest.fixture
def rows(cloud: Cloud) -> Iterator[Callable[[], list[int]]]:
    """An empty table `numbered`, and what is in it."""
    cloud.terminate_backends()  # a statement of the last test may still hold the table
    cloud.execute("DROP TABLE IF EXISTS numbered; CREATE TABLE numbered (n int); ALTER TABLE numbered OWNER TO app")
    yield lambda: [row[0] for row in cloud.execute("SELECT n FROM numbered ORDER BY n")]


@pytest.fixture
def slow_commit(cloud: Cloud, rows: Callable[[], list[int]]) -> None:
    """Every COMMIT of a transaction that wrote to `numbered` takes a second and a half."""
    cloud.execute(
        "CREATE OR REPLACE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$"
    )
    cloud.execute(
        "CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON numbered DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION linger()"
    )


@pytest.fixture
def other() -> Iterator[ThreadPoolExecutor]:
    """A second thread, for an invocation that something happens to."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def proxy_is_back_at_the_retry(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler's pause lasts until the proxy answers: on a busy machine its restart takes longer than the pause."""

    def pause(_seconds: float) -> None:
        until(cloud.proxy.seen)

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=pause)
    for module in ("pool", "transactions"):
        monkeypatch.setattr(f"rds_connection.{module}.time", clock)


class Writer:
    """A handler that writes one numbered row in a transaction, and counts how often it ran."""

    def __init__(self, statement: str = "SELECT 1") -> None:
        self.runs = 0
        self._statement = statement
        self.write = transaction(self._write)

    def _write(self, conn: Connection, number: int) -> int:
        self.runs += 1
        conn.execute("INSERT INTO numbered VALUES (%s)", [number])
        if self.runs == 1:
            conn.execute(self._statement)
        return number


def warm() -> Connection:
    """Leave one warm connection behind."""
    with connection() as conn:
        conn.execute("SELECT 1")
    return conn


def test_a_server_that_went_while_frozen_is_replaced_without_a_retry(cloud: Cloud) -> None:
    dead = warm()
    cloud.kill_proxy()
    assert not dead.is_alive()
    with connection() as conn:
        assert conn is not dead
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_client_that_the_proxy_dropped_while_frozen_is_replaced(cloud: Cloud) -> None:
    with cloud.pooling(idle_client_timeout=1):
        dead = warm()
        until(lambda: not dead.is_alive())
        with connection() as conn:
            assert conn is not dead
            assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_block_whose_connection_is_lost_in_a_statement_is_not_repeated(
    cloud: Cloud, rows: Callable[[], list[int]], other: ThreadPoolExecutor
) -> None:
    def invoke() -> None:
        with connection() as conn:
            conn.execute("INSERT INTO numbered SELECT 1 FROM pg_sleep(10)")

    running = other.submit(invoke)
    cloud.until_running("INSERT INTO numbered")
    cloud.terminate_backends()
    with pytest.raises(psycopg.OperationalError):
        running.result(LIMIT_SECONDS)
    assert rows() == []
    with connection() as conn:
        conn.execute("INSERT INTO numbered VALUES (2)")
    assert rows() == [2]


@pytest.mark.usefixtures("proxy_is_back_at_the_retry")
@pytest.mark.parametrize("fault", ["backend", "proxy"])
def test_a_transaction_that_is_lost_before_commit_runs_once_more(
    cloud: Cloud, rows: Callable[[], list[int]], other: ThreadPoolExecutor, fault: str
) -> None:
    writer = Writer("SELECT pg_sleep(10)")
    running = other.submit(writer.write, 1)
    cloud.until_running("SELECT pg_sleep(10)")
    cloud.terminate_backends() if fault == "backend" else cloud.kill_proxy()
    assert running.result(LIMIT_SECONDS) == 1
    assert writer.runs == 2
    assert rows() == [1]


def test_a_transaction_that_is_lost_twice_is_told(cloud: Cloud, rows: Callable[[], list[int]]) -> None:
    runs = []

    @transaction
    def write(conn: Connection) -> None:
        runs.append(1)
        conn.execute("INSERT INTO numbered VALUES (1)")
        cloud.terminate_backends()
        conn.execute("SELECT 1")

    with pytest.raises(psycopg.OperationalError):
        write()
    assert len(runs) == 2
    assert rows() == []


def test_a_commit_that_is_refused_is_not_repeated(
    cloud: Cloud, rows: Callable[[], list[int]], slow_commit: None, other: ThreadPoolExecutor
) -> None:
    writer = Writer()
    running = other.submit(writer.write, 1)
    cloud.until_running("COMMIT")
    cloud.terminate_backends()
    with pytest.raises(psycopg.errors.TransactionResolutionUnknown, match="may be committed or not"):
        running.result(LIMIT_SECONDS)
    assert writer.runs == 1
    assert rows() == []


def test_a_commit_that_the_database_refuses_keeps_the_database_s_own_error(
    cloud: Cloud, rows: Callable[[], list[int]]
) -> None:
    cloud.execute("ALTER TABLE numbered ADD UNIQUE (n) DEFERRABLE INITIALLY DEFERRED; INSERT INTO numbered VALUES (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        Writer().write(1)
    assert rows() == [1]


def test_a_commit_whose_answer_is_lost_is_not_repeated_though_it_took_effect(
    cloud: Cloud, rows: Callable[[], list[int]], slow_commit: None, other: ThreadPoolExecutor
) -> None:
    writer = Writer()
    running = other.submit(writer.write, 1)
    cloud.until_running("COMMIT")
    cloud.kill_proxy()
    with pytest.raises(psycopg.errors.TransactionResolutionUnknown, match="may be committed or not"):
        running.result(LIMIT_SECONDS)
    assert writer.runs == 1
    until(lambda: rows() == [1])


@pytest.mark.parametrize("where", ["inside", "thread"])
def test_a_function_that_used_another_connection_is_not_repeated(
    cloud: Cloud,
    rows: Callable[[], list[int]],
    other: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    monkeypatch.setenv("DB_POOL_MAX_OPEN", "2")

    def write_by_itself() -> None:
        with connection() as second:
            second.execute("INSERT INTO numbered VALUES (1)")

    @transaction
    def write(conn: Connection) -> None:
        write_by_itself() if where == "inside" else other.submit(write_by_itself).result(10)
        cloud.terminate_backends()
        conn.execute("SELECT 1")

    with pytest.raises(psycopg.OperationalError):
        write()
    assert rows() == [1]


def test_a_function_that_committed_by_itself_is_not_repeated(cloud: Cloud, rows: Callable[[], list[int]]) -> None:
    @transaction
    def write(conn: Connection) -> None:
        conn.execute("INSERT INTO numbered VALUES (1)")
        conn.execute("COMMIT")
        cloud.terminate_backends()
        conn.execute("SELECT 1")
        cloud.kill_proxy()
        conn.execute("SELECT 1")

    with pytest.raises(psycopg.OperationalError):
        write()
    assert rows() == [1]


def test_an_error_of_the_application_is_not_repeated(cloud: Cloud, rows: Callable[[], list[int]]) -> None:
    writer = Writer("SELECT 1/0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        writer.write(1)
    assert writer.runs == 1
    assert rows() == []


def test_a_restarted_proxy_is_waited_for(
    cloud: Cloud, rows: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    warm()
    cloud.proxy.stop()
    retry = Invocation.retry
    asked: list[str] = []

    def started_in_the_pause(self: Invocation, what: str, **how: bool) -> float | None:
        if not asked:
            cloud.proxy.start()  # however long that takes on a busy machine
        asked.append(what)
        return retry(self, what, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Invocation, "retry", started_in_the_pause)
        assert Writer().write(1) == 1
    assert (asked, rows()) == (["connect"], [1])


def test_a_refused_connect_is_tried_again_and_told_within_the_time(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.proxy.stop()
    try:
        limited = Context(3)
        with pytest.raises(NoConnectionError, match=r"Connection refused.*target health"), connection(limited):
            pass
        assert 0 < limited.get_remaining_time_in_millis() < 1500
        assert caplog.text.count("trying again") >= 2
    finally:
        cloud.proxy.start()


def test_a_transaction_that_got_no_database_connection_runs_once_more(
    cloud: Cloud, rows: Callable[[], list[int]]
) -> None:
    # One database connection, held until just after the borrow timeout of one second.
    with cloud.pooling(max_connections_percent=3), cloud.connect() as holder:
        holder.execute("SELECT 1")
        release = threading.Timer(1.1, holder.rollback)
        release.start()
        writer = Writer()
        assert writer.write(1) == 1
        release.join()
        assert rows() == [1]


def test_a_borrow_timeout_is_told_as_the_proxy_says_it(cloud: Cloud) -> None:
    with cloud.pooling(max_connections_percent=3), cloud.connect() as holder:
        holder.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="Timed-out waiting to acquire"), connection() as conn:
            conn.execute("SELECT 1")
        assert conn.closed


def test_no_client_connection_left_is_waited_for(cloud: Cloud) -> None:
    with cloud.pooling(client_limit=1), cloud.connect() as only:
        leaving = threading.Timer(0.1, only.close)
        leaving.start()
        with connection() as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        leaving.join()


def test_no_client_connection_left_is_told(cloud: Cloud) -> None:
    with (
        cloud.pooling(client_limit=1),
        cloud.connect(),
        pytest.raises(NoConnectionError, match="maximum number of client connections to the proxy exceeded 1"),
        connection(Context(2)),
    ):
        pass


@pytest.fixture
def secret(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """The environment of `auth: secret`; the function puts a password into the secret."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("DB_AUTH", "secret")
    monkeypatch.delenv("DB_PASSWORD")
    with mock_aws():
        manager = boto3.client("secretsmanager", region_name="eu-west-1")
        arn = manager.create_secret(Name="app")["ARN"]
        monkeypatch.setenv("DB_SECRET_ARN", arn)

        def put(password: str) -> None:
            value = {"username": APPLICATION, "password": password}
            manager.put_secret_value(SecretId=arn, SecretString=json.dumps(value))

        put(cloud.password)
        yield put


def test_a_slow_secrets_manager_leaves_no_time_to_connect_in(
    cloud: Cloud, secret: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_credentials: Credentials, seconds: float) -> Login:
        time.sleep(seconds)
        return Login(APPLICATION, cloud.password)

    monkeypatch.setattr(Credentials, "_read_secret", read)
    limited = Context(2)
    with pytest.raises(OutOfTimeError, match="to connect in"), connection(limited):
        pass
    assert limited.get_remaining_time_in_millis() > 0


def test_a_rotated_password_is_read_again(cloud: Cloud, secret: Callable[[str], None]) -> None:
    warm()
    with cloud.rotated("the-second-password"):
        secret("the-second-password")
        with connection(Context(30)) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_secret_that_the_proxy_has_not_read_yet_is_tried_again_after_a_pause(
    cloud: Cloud, secret: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as rotation:

        def pause(seconds: float) -> None:
            if seconds:  # now the proxy reads it
                rotation.enter_context(cloud.rotated("the-second-password"))

        clock = SimpleNamespace(monotonic=time.monotonic, sleep=pause)  # the servers' own waiting goes on
        monkeypatch.setattr("rds_connection.pool.time", clock)
        secret("the-second-password")
        with connection(Context(15)) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_secret_that_does_not_match_is_told_without_its_value(
    cloud: Cloud, secret: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    secret("hidden-password")
    with (
        pytest.raises(NoConnectionError, match="for the role app is wrong") as raised,
        connection(Context(30)),
    ):
        pass
    assert "trying again" in caplog.text
    assert "hidden" not in f"{raised.value!r} {raised.value.__context__!r} {caplog.text}"


def test_a_refused_token_is_replaced_once_and_never_shown(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # This proxy takes passwords, so it refuses every token.
    monkeypatch.setenv("DB_AUTH", "iam")
    for name, value in {"REGION": "eu-west-1", "ACCESS_KEY_ID": "AKIA", "SECRET_ACCESS_KEY": "hidden-key"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hidden-token" * 80)
    with (
        pytest.raises(NoConnectionError, match="for the role app is wrong") as raised,
        connection(Context(30)),
    ):
        pass
    assert raised.value.outcome == "authentication"
    assert caplog.text.count("trying again") == 1
    shown = f"{raised.value!r} {raised.value.__context__!r} {caplog.text}"
    assert "hidden" not in shown
    assert "X-Amz" not in shown


def test_a_wrong_password_is_told_without_it(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hidden-password")
    with (
        pytest.raises(NoConnectionError, match="for the role app is wrong") as raised,
        connection(),
    ):
        pass
    assert raised.value.outcome == "authentication"
    assert "hidden" not in f"{raised.value!r} {raised.value.__context__!r}"


def test_a_missing_database_is_told_at_once(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_NAME", "nowhere")
    limited = Context(60)
    with pytest.raises((NoConnectionError, psycopg.Error), match="nowhere"), connection(limited) as conn:
        conn.execute("SELECT 1")
    assert limited.get_remaining_time_in_millis() > 30_000


def test_warm_environments_survive_a_restart_of_the_database(cloud: Cloud, rows: Callable[[], list[int]]) -> None:
    written = []
    for number in range(6):
        if number == 3:
            cloud.postgres.stop()
            cloud.postgres.start()
        with connection(Context(30)) as conn:
            conn.execute("INSERT INTO numbered VALUES (%s)", [number])
        written.append(number)
    assert rows() == written
