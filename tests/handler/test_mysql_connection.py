"""The pool on a real MariaDB: what is opened, reused, closed, refused, repeated and never repeated."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.cursors import DictCursor, SSCursor

import app
import rds_connection
from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.function.package import build_package, this_machine
from rds_connection import (
    NoConnectionError,
    OutOfTimeError,
    PoolExhaustedError,
    UnfinishedTransactionError,
    connect,
    connection,
    mysql,
    transaction,
)
from tests.mariadb import ADMINISTRATOR, PORT, MariaDB, until
from tests.waiting import LIMIT_SECONDS

from .cloud import APPLICATION, Context, free_address

pytestmark = pytest.mark.servers
# Typed as PostgreSQL's; in these tests it is MySQL's.
Conn = Any


@pytest.fixture
def cloud(mariadb: MariaDB) -> MariaDB:
    """The server, and an environment that points at it."""
    return mariadb


@pytest.fixture
def rows(cloud: MariaDB) -> Iterator[Callable[[], list[int]]]:
    """An empty table `ledger`, and what is in it."""
    cloud.kill_sessions()
    until(lambda: cloud.sessions() == [])
    cloud.execute("CREATE OR REPLACE TABLE ledger (n int PRIMARY KEY)")
    yield lambda: [row[0] for row in cloud.execute("SELECT n FROM ledger ORDER BY n")]


@pytest.fixture
def other() -> Iterator[ThreadPoolExecutor]:
    """A second thread, for an invocation that something happens to."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def warm() -> Conn:
    """Leave one warm connection behind."""
    with connection() as conn:
        conn.execute("SELECT 1")
    return conn


def resolving_to(*addresses: str) -> Callable[..., list[Any]]:
    """A name service that knows one answer for every name, and that an address is its own."""
    return lambda host, port, *_, **__: [
        (2, 1, 6, "", (address, port)) for address in ([host] if host[:1].isdigit() else addresses)
    ]


def statements(cloud: MariaDB) -> int:
    """How many statements the application's connections have sent."""
    ((count,),) = cloud.execute(
        "SELECT SUM(variable_value) FROM information_schema.global_status WHERE variable_name = 'Questions'"
    )
    return int(count)


def test_the_example_answers_from_a_real_query(cloud: MariaDB) -> None:
    answer = app.handler({}, Context(30))
    assert answer["ok"] is True
    assert answer["server"].startswith("MySQL 1")
    assert "database app_db as app" in answer["server"]
    assert answer["via"] == cloud.address


def test_a_function_that_returns_what_is_still_to_run_leaves_nothing(rows: Callable[[], list[int]]) -> None:
    @transaction
    def write(conn: Conn) -> Iterator[Any]:
        conn.execute("INSERT INTO ledger VALUES (1)")
        return (conn.execute("INSERT INTO ledger VALUES (%s)", [n]) for n in (2, 3))

    with pytest.raises(TypeError, match="write returned a generator"):
        write()
    with connection() as conn, pytest.raises(TypeError, match="put @transaction above warm"):
        conn.transaction()(warm)
    assert rows() == []


def test_the_package_of_a_mysql_function_holds_what_it_needs_and_answers(cloud: MariaDB, tmp_path: Path) -> None:
    source = Path(app.__file__).parent
    archive = build_package(source, target=this_machine(), engine=Engine.MYSQL)
    zipfile.ZipFile(archive).extractall(tmp_path)
    assert not list(tmp_path.glob("psycopg*"))
    program = "import app, json; print(json.dumps(app.handler({}, None)))"
    # Without site-packages: nothing but what is in the package.
    done = subprocess.run(
        [os.path.realpath(sys.executable), "-S", "-s", "-c", program],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name.startswith("DB_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["server"].startswith("MySQL 1")


def test_a_warm_connection_is_reused_and_nothing_is_sent_to_check_it(cloud: MariaDB) -> None:
    first = warm()
    before, mine = statements(cloud), statements(cloud)
    cost = mine - before
    with connection() as conn:
        assert conn is first
    assert statements(cloud) - mine == cost
    assert len(cloud.sessions()) == 1


def test_a_connection_that_was_killed_while_frozen_is_replaced_without_a_retry(
    cloud: MariaDB, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev-api")
    dead = warm()
    cloud.kill_sessions()
    until(lambda: not dead.is_alive())
    with connection() as conn:
        assert conn is not dead
        assert conn.execute("SELECT 1").fetchone() == (1,)
    assert dead.closed
    _, line = (json.loads(text) for text in capsys.readouterr().out.splitlines())
    assert (line["ConnectionsOpened"], line["Retries"], line["Outcome"]) == (1, 0, "ok")


def test_a_connection_older_than_its_lifetime_is_replaced(cloud: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_POOL_MAX_LIFETIME", "1")
    first = warm()
    time.sleep(1.05)
    with connection() as conn:
        assert conn is not first
    assert first.closed


def test_max_idle_zero_closes_before_the_handler_returns(cloud: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_POOL_MAX_IDLE", "0")
    assert warm().closed
    until(lambda: cloud.sessions() == [])


def test_a_second_connection_at_once_is_refused_without_waiting(cloud: MariaDB) -> None:
    with connection(), pytest.raises(PoolExhaustedError, match="1 in use"), connection():
        pass


def test_each_statement_of_a_block_is_committed_by_itself(rows: Callable[[], list[int]]) -> None:
    with pytest.raises(ZeroDivisionError), connection() as conn:
        conn.execute("INSERT INTO ledger VALUES (1)")
        raise ZeroDivisionError
    assert rows() == [1]


def test_a_transaction_left_open_is_rolled_back_and_told(rows: Callable[[], list[int]]) -> None:
    with pytest.raises(UnfinishedTransactionError), connection() as conn:
        conn.execute("BEGIN")
        conn.execute("INSERT INTO ledger VALUES (1)")
    assert rows() == []
    with connection() as again:
        assert again is conn


def test_a_transaction_block_is_rolled_back_with_its_error_and_an_inner_one_alone(
    rows: Callable[[], list[int]],
) -> None:
    block: Conn
    with connection() as block, block.transaction():
        block.execute("INSERT INTO ledger VALUES (1)")
        with pytest.raises(ZeroDivisionError), block.transaction():
            block.execute("INSERT INTO ledger VALUES (2)")
            raise ZeroDivisionError
        with block.transaction():
            block.execute("INSERT INTO ledger VALUES (3)")
    assert rows() == [1, 3]
    with pytest.raises(ZeroDivisionError), connection() as block, block.transaction():
        block.execute("INSERT INTO ledger VALUES (4)")
        raise ZeroDivisionError
    assert rows() == [1, 3]


def test_what_a_block_sets_on_the_connection_does_not_outlive_it(rows: Callable[[], list[int]]) -> None:
    conn: Conn
    with connection() as conn:
        conn.cursorclass = DictCursor
        conn.execute("SET autocommit = 0")
        conn.execute("INSERT INTO ledger VALUES (1)")
    assert rows() == [1]  # with autocommit off the end of a block commits, as for PostgreSQL
    with connection() as again:
        assert again is conn
        assert again.execute("SELECT @@autocommit").fetchone() == (1,)


@pytest.mark.parametrize("left", ["stream", "closed"])
def test_a_connection_in_a_doubtful_state_is_never_reused(cloud: MariaDB, left: str) -> None:
    conn: Conn
    with connection() as conn:
        if left == "stream":
            cursor = conn.cursor(SSCursor)
            cursor.execute("SELECT seq FROM seq_1_to_100000")
            cursor.fetchone()
        else:
            conn.close()
    with connection() as again:
        assert again is not conn
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_results_that_nobody_read_are_read_before_the_connection_is_reused(cloud: MariaDB) -> None:
    cloud.execute("CREATE OR REPLACE PROCEDURE twice() BEGIN SELECT 1; SELECT 2; END")
    with connection() as conn:
        conn.execute("CALL twice()")
    with connection() as again:
        assert again is conn
        assert again.execute("SELECT 3").fetchone() == (3,)


def test_a_transaction_that_a_procedure_left_open_is_rolled_back_and_told(
    rows: Callable[[], list[int]], cloud: MariaDB
) -> None:
    cloud.execute(
        "CREATE OR REPLACE PROCEDURE began() BEGIN START TRANSACTION; INSERT INTO ledger VALUES (1); SELECT 1; END"
    )
    with pytest.raises(UnfinishedTransactionError), connection() as conn:
        conn.execute("CALL began()")  # the state comes after the rows that nobody reads
    assert rows() == []


def test_a_procedure_that_failed_half_way_leaves_nothing_of_it_to_commit(
    rows: Callable[[], list[int]], cloud: MariaDB
) -> None:
    cloud.execute("CREATE OR REPLACE PROCEDURE half() BEGIN INSERT INTO ledger VALUES (1); SELECT * FROM missing; END")
    lent: Conn = connect()
    with pytest.raises(pymysql.ProgrammingError):
        lent.execute("CALL half()")
    lent.close()
    assert rows() == []
    with connection() as conn:
        assert conn is lent


def test_a_function_of_the_database_that_wrote_leaves_nothing_of_it_to_commit(
    rows: Callable[[], list[int]], cloud: MariaDB
) -> None:
    cloud.execute("CREATE OR REPLACE FUNCTION wrote() RETURNS int BEGIN INSERT INTO ledger VALUES (1); RETURN 1; END")
    lent: Conn = connect()
    assert lent.execute("SELECT wrote()").fetchone() == (1,)
    lent.close()
    assert rows() == []


def test_tls_is_verified_by_name_and_authority(cloud: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_HOST", "localhost")
    monkeypatch.setattr("socket.getaddrinfo", resolving_to(cloud.address))
    with pytest.raises(NoConnectionError, match="Hostname mismatch") as told, connection(Context(30)):
        pass
    assert told.value.outcome == "refused"
    monkeypatch.setenv("DB_HOST", "orders.c0ffee123456.eu-west-1.rds.amazonaws.com")
    rds_connection.close()
    with connection(Context(30)) as conn:
        assert "TLS" in str((conn.execute("SHOW STATUS LIKE 'Ssl_version'").fetchone() or ("", ""))[1])
    rds_connection.close()
    monkeypatch.delenv("DB_SSL_ROOT_CERT")  # the bundle of real databases does not know this authority
    with pytest.raises(NoConnectionError, match="certificate verify failed"), connection(Context(30)):
        pass


def test_a_refused_login_is_told_and_names_no_password(cloud: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hidden-word")
    with pytest.raises(NoConnectionError, match="Access denied for user 'app'") as told, connection(Context(30)):
        pass
    assert told.value.outcome == "authentication"
    assert "hidden" not in str(told.value)


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    cloud: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = free_address()
    with socket.create_server((silent, PORT)):
        monkeypatch.setenv("DB_HOST", "orders.c0ffee123456.eu-west-1.rds.amazonaws.com")
        monkeypatch.setattr("socket.getaddrinfo", resolving_to(silent, cloud.address))
        with connection(Context(10)) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        rds_connection.close()
        monkeypatch.setattr("socket.getaddrinfo", resolving_to(silent))
        with pytest.raises(NoConnectionError, match=r"did not answer within \d\.\d s"), connection(Context(1.5)):
            pass


def test_the_caller_hears_of_a_slow_statement_before_lambda_ends_it(cloud: MariaDB) -> None:
    warm()
    began = time.monotonic()
    with pytest.raises(OutOfTimeError, match="may or may not"), connection(Context(2)) as conn:
        conn.execute("SELECT SLEEP(60)")
    assert time.monotonic() - began < 30
    assert conn.closed
    with connection(Context(30)) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_deadline_ends_with_its_invocation(cloud: MariaDB) -> None:
    conn: Conn
    with connection(Context(30)) as conn:
        its = conn.invocation
        assert its.deadline < time.monotonic() + 30
    assert its.deadline == float("inf")
    with connection() as again:
        assert again is conn
        again.execute("SELECT SLEEP(0.1)")


def test_one_line_of_metrics_per_invocation(
    cloud: MariaDB, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev-api")
    with connection(Context(30)) as conn:
        conn.execute("SELECT SLEEP(0.5)")
    with pytest.raises(pymysql.ProgrammingError), connection(Context(30)) as conn:
        conn.execute("SELECT * FROM missing")
    new, failed = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (new["ConnectionsOpened"], new["ConnectionsReused"], new["Outcome"]) == (1, 0, "ok")
    assert new["QueryTime"] >= 100
    assert new["ConnectTime"] > 0
    assert (failed["ConnectionsReused"], failed["Outcome"]) == (1, "statement")


def test_a_function_is_named_in_the_database(cloud: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev-api")
    with connection() as conn:
        assert b"orders-dev-api" in conn._connect_attrs["program_name"].encode()  # type: ignore[attr-defined]


class Writer:
    """A handler that writes one numbered row in a transaction, and counts how often it ran."""

    def __init__(self, statement: str = "SELECT 1") -> None:
        self.runs = 0
        self._statement = statement
        self.write = transaction(self._write)

    def _write(self, conn: mysql.Connection, number: int) -> int:
        self.runs += 1
        conn.execute("INSERT INTO ledger VALUES (%s)", [number])
        if self.runs == 1:
            conn.execute(self._statement)
        return number


def test_a_transaction_is_committed_once(rows: Callable[[], list[int]]) -> None:
    assert Writer().write(1) == 1
    assert rows() == [1]


def test_a_function_that_fails_leaves_nothing(rows: Callable[[], list[int]]) -> None:
    with pytest.raises(pymysql.ProgrammingError):
        Writer("SELECT * FROM missing").write(1)
    assert rows() == []


def test_a_transaction_that_is_lost_before_commit_runs_once_more(
    cloud: MariaDB, rows: Callable[[], list[int]], other: ThreadPoolExecutor
) -> None:
    writer = Writer("SELECT SLEEP(60)")
    running = other.submit(writer.write, 1)
    cloud.until_running("SELECT SLEEP(60)")
    cloud.kill_sessions()
    assert running.result(30) == 1
    assert writer.runs == 2
    assert rows() == [1]


def test_a_block_whose_connection_is_lost_in_a_statement_is_not_repeated(
    cloud: MariaDB, rows: Callable[[], list[int]], other: ThreadPoolExecutor
) -> None:
    def invoke() -> None:
        with connection() as conn:
            conn.execute("INSERT INTO ledger SELECT 1 + SLEEP(60)")

    running = other.submit(invoke)
    cloud.until_running("INSERT INTO ledger")
    cloud.kill_sessions()
    with pytest.raises(pymysql.OperationalError):
        running.result(30)
    with connection() as conn:
        conn.execute("INSERT INTO ledger VALUES (2)")
    assert rows() == [2]


def test_a_borrow_timeout_of_the_proxy_ends_the_connection_and_a_transaction_runs_once_more(
    rows: Callable[[], list[int]],
) -> None:
    refusal = "SIGNAL SQLSTATE '08000' SET MYSQL_ERRNO = 9501, MESSAGE_TEXT = 'Timed-out waiting'"
    with pytest.raises(pymysql.Error, match="Timed-out waiting"), connection() as conn:
        conn.execute(refusal)
    assert conn.closed
    writer = Writer(refusal)
    assert writer.write(1) == 1
    assert writer.runs == 2
    assert rows() == [1]


def test_a_transaction_that_is_lost_twice_is_told(cloud: MariaDB, rows: Callable[[], list[int]]) -> None:
    runs = []

    @transaction
    def write(conn: mysql.Connection) -> None:
        runs.append(1)
        conn.execute("INSERT INTO ledger VALUES (1)")
        cloud.kill_sessions()
        conn.execute("SELECT 1")

    with pytest.raises(pymysql.OperationalError):
        write()
    assert len(runs) == 2
    assert rows() == []


def test_a_commit_whose_answer_is_lost_is_not_repeated(
    cloud: MariaDB, rows: Callable[[], list[int]], other: ThreadPoolExecutor
) -> None:
    writer = Writer()
    # Commits wait for this lock; the application's connection is ended while its own does.
    with cloud.log_in(ADMINISTRATOR, cloud.administrator_password) as holder, holder.cursor() as cursor:
        running_: Any = None
        with connection() as conn:
            conn.execute("SELECT 1")
        cursor.execute("BACKUP STAGE START")
        cursor.execute("BACKUP STAGE BLOCK_COMMIT")
        try:
            running_ = other.submit(writer.write, 1)
            cloud.until_running("COMMIT")
            cloud.kill_sessions()
            with pytest.raises(mysql.TransactionResolutionUnknown, match="may be committed or not"):
                running_.result(30)
        finally:
            cursor.execute("BACKUP STAGE END")
    assert writer.runs == 1
    assert rows() in ([], [1])


def test_a_function_that_committed_by_itself_is_not_repeated(cloud: MariaDB, rows: Callable[[], list[int]]) -> None:
    @transaction
    def write(conn: mysql.Connection) -> None:
        conn.execute("INSERT INTO ledger VALUES (1)")
        conn.execute("CREATE OR REPLACE TABLE by_the_way (n int)")  # in MySQL this commits
        cloud.kill_sessions()
        conn.execute("SELECT 1")

    with pytest.raises(pymysql.OperationalError):
        write()
    assert rows() == [1]


def test_a_function_whose_failed_statement_committed_is_not_repeated(
    cloud: MariaDB, rows: Callable[[], list[int]]
) -> None:
    cloud.execute("CREATE OR REPLACE TABLE there_already (n int)")

    @transaction
    def write(conn: mysql.Connection) -> None:
        conn.execute("INSERT INTO ledger VALUES (1)")
        with pytest.raises(pymysql.OperationalError, match="already exists"):
            conn.execute("CREATE TABLE there_already (n int)")
        cloud.kill_sessions()
        conn.execute("SELECT 1")

    with pytest.raises(pymysql.OperationalError):
        write()
    assert rows() == [1]


def test_an_error_that_left_the_transaction_whole_may_be_caught(rows: Callable[[], list[int]]) -> None:
    @transaction
    def write(conn: mysql.Connection) -> None:
        conn.execute("INSERT INTO ledger VALUES (1)")
        with pytest.raises(pymysql.IntegrityError):
            conn.execute("INSERT INTO ledger VALUES (1)")
        conn.execute("INSERT INTO ledger VALUES (2)")

    write()
    assert rows() == [1, 2]


def test_a_deadlock_that_was_caught_cannot_pass_for_a_commit(
    cloud: MariaDB, rows: Callable[[], list[int]], other: ThreadPoolExecutor
) -> None:
    cloud.execute("INSERT INTO ledger VALUES (1), (2)")
    cloud.execute("CREATE OR REPLACE TABLE ballast (n int)")
    ours = threading.Event()

    def cross() -> None:
        with cloud.log_in(APPLICATION, cloud.password) as conn, conn.cursor() as cursor:
            conn.begin()
            # InnoDB ends the transaction that wrote less.
            cursor.execute("INSERT INTO ballast SELECT seq FROM seq_1_to_100")
            cursor.execute("SELECT n FROM ledger WHERE n = 2 FOR UPDATE")
            ours.set()
            cursor.execute("SELECT n FROM ledger WHERE n = 1 FOR UPDATE")
            conn.rollback()

    @transaction
    def write(conn: mysql.Connection) -> None:
        conn.execute("SELECT n FROM ledger WHERE n = 1 FOR UPDATE")
        crossing.append(other.submit(cross))
        assert ours.wait(LIMIT_SECONDS)
        with pytest.raises(pymysql.OperationalError, match="Deadlock"):
            conn.execute("SELECT n FROM ledger WHERE n = 2 FOR UPDATE")

    crossing: list[Any] = []
    with pytest.raises(UnfinishedTransactionError, match="its error was caught"):
        write()
    crossing[0].result(LIMIT_SECONDS)
    with connection() as conn:
        conn.execute("INSERT INTO ledger VALUES (3)")
    assert rows() == [1, 2, 3]


def test_a_commit_in_the_middle_is_refused(rows: Callable[[], list[int]]) -> None:
    @transaction
    def write(conn: mysql.Connection) -> None:
        conn.execute("INSERT INTO ledger VALUES (1)")
        conn.commit()

    with pytest.raises(pymysql.ProgrammingError):
        write()
    assert rows() == []


def test_a_restarted_server_is_waited_for_once(cloud: MariaDB, rows: Callable[[], list[int]]) -> None:
    warm()
    cloud.stop()
    with pytest.raises(NoConnectionError, match="Connection refused"), connection(Context(30)):
        pass
    cloud.start()
    assert Writer().write(1) == 1
    assert rows() == [1]


def test_sqlalchemy_gives_the_connection_back_with_its_work_rolled_back(rows: Callable[[], list[int]]) -> None:
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    engine = create_engine("mysql+pymysql://", creator=connect, poolclass=NullPool)
    with engine.begin() as sqlalchemy:
        sqlalchemy.execute(text("INSERT INTO ledger VALUES (1)"))
    with engine.connect() as sqlalchemy:  # no commit
        sqlalchemy.execute(text("INSERT INTO ledger VALUES (2)"))
        with pytest.raises(PoolExhaustedError), connection():
            pass
    assert rows() == [1]
    with connection() as conn:
        assert conn.execute("SELECT @@autocommit").fetchone() == (1,)
