"""On MySQL, too, what is told is what is there."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pymysql
import pytest
from pymysql.cursors import SSCursor

from rds_connection import (
    NoConnectionError,
    OutOfTimeError,
    UnfinishedTransactionError,
    connection,
    mysql,
    transaction,
)
from tests.mariadb import MariaDB

from .cloud import Context

pytestmark = pytest.mark.servers
Conn = Any
Rows = Callable[[], list[int]]
LONG = "SELECT a.seq, REPEAT('x', 20) FROM seq_1_to_100000 a, seq_1_to_1000 b"


@pytest.fixture
def rows(mariadb: MariaDB) -> Rows:
    """An empty table, and what is in it."""
    mariadb.execute("CREATE OR REPLACE TABLE told (n int)")
    return lambda: [row[0] for row in mariadb.execute("SELECT n FROM told ORDER BY n")]


def test_a_loss_that_the_function_caught_cannot_pass_for_a_commit(mariadb: MariaDB, rows: Rows) -> None:
    runs = []

    @transaction
    def write(conn: Conn) -> None:
        runs.append(1)
        conn.execute("INSERT INTO told VALUES (1)")
        if len(runs) == 1:
            mariadb.kill_sessions()
            with suppress(pymysql.Error):
                conn.execute("SELECT 1")

    write()
    assert (len(runs), rows()) == (2, [1])


def test_a_function_that_closed_its_connection_is_told_that_nothing_is_committed(rows: Rows) -> None:
    @transaction
    def write(conn: Conn) -> None:
        conn.execute("INSERT INTO told VALUES (1)")
        conn.close()

    with pytest.raises(pymysql.OperationalError, match="nothing is committed") as raised:
        write()
    assert not isinstance(raised.value, mysql.TransactionResolutionUnknown)
    assert rows() == []


@pytest.mark.parametrize("how", ["begin", "BEGIN", "start transaction", "/* app */ BEGIN", "connect"])
def test_a_transaction_cannot_be_cut_in_two(rows: Rows, how: str) -> None:
    @transaction
    def write(conn: Conn) -> None:
        conn.execute("INSERT INTO told VALUES (1)")
        getattr(conn, how)() if how in ("begin", "connect") else conn.execute(how)

    with pytest.raises(pymysql.ProgrammingError, match="inside a transaction block"):
        write()
    assert rows() == []


def test_rows_that_nobody_could_read_after_the_commit_are_told(rows: Rows) -> None:
    @transaction
    def read(conn: Conn) -> Any:
        cursor = conn.cursor(SSCursor)
        cursor.execute("SELECT 1 UNION SELECT 2")
        return cursor

    with pytest.raises(UnfinishedTransactionError, match="SSCursor were not read to their end"):
        read()


def test_an_error_amid_a_long_result_does_not_read_the_rest_of_it(mariadb: MariaDB) -> None:
    @transaction
    def read(conn: Conn) -> None:
        cursor = conn.cursor(SSCursor)
        cursor.execute(LONG)
        cursor.fetchone()
        raise LookupError("no such order")

    began = time.monotonic()
    with pytest.raises(LookupError):
        read()
    assert time.monotonic() - began < 20  # all of it takes minutes


def test_an_answer_that_goes_on_and_on_ends_with_the_invocation(mariadb: MariaDB) -> None:
    with connection():
        pass  # what is slow is not to be the connect
    limited = Context(2)
    with pytest.raises(OutOfTimeError), connection(limited) as conn:
        any_conn: Conn = conn
        any_conn.execute(LONG)
    assert limited.get_remaining_time_in_millis() > 0


def test_a_commit_that_a_server_refused_because_it_only_reads_is_repeated(
    mariadb: MariaDB, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []

    @transaction
    def write(conn: Conn) -> None:
        runs.append(1)
        mariadb.execute("SET GLOBAL read_only = 0")
        conn.execute("INSERT INTO told VALUES (1)")
        mariadb.execute(f"SET GLOBAL read_only = {int(len(runs) == 1)}")

    try:
        write()
    finally:
        mariadb.execute("SET GLOBAL read_only = 0")
    assert (len(runs), rows()) == (2, [1])


@pytest.mark.parametrize(
    "setting",
    [
        "SET time_zone = '+05:00'",
        "SET @tenant = 7",
        "USE mysql_other",
        "LOCK TABLES told WRITE",
        "SELECT GET_LOCK('x', 1)",
        "/* app */ SET time_zone = '+05:00'",
        "SET\nsql_mode = 'ANSI'",
        "SET autocommit = 1, sql_mode = 'ANSI'",
        "CREATE OR REPLACE TEMPORARY TABLE beside (n int)",
        "SELECT IF(GET_LOCK('x', 1), 1, 0)",
    ],
)
def test_what_a_session_keeps_is_not_the_next_invocations(mariadb: MariaDB, rows: Rows, setting: str) -> None:
    mariadb.execute("CREATE DATABASE IF NOT EXISTS mysql_other")
    mariadb.execute("GRANT ALL ON mysql_other.* TO app")
    with connection() as any_conn:
        conn: Conn = any_conn
        conn.execute(setting)
    with connection() as again:
        assert again is not conn


@pytest.mark.parametrize("setting", ["SET autocommit = 0", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"])
def test_what_no_session_keeps_costs_no_connection(mariadb: MariaDB, setting: str) -> None:
    with connection() as any_conn:
        conn: Conn = any_conn
        conn.execute(setting)
    with connection() as again:
        assert again is conn
        assert again.is_autocommit()


def test_a_name_that_does_not_match_is_not_told_as_a_wrong_bundle(
    mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_HOST", "localhost")
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (mariadb.address, 3306))])
    with pytest.raises(NoConnectionError, match="Hostname mismatch") as raised, connection(Context(10)):
        pass
    assert "DB_SSL_ROOT_CERT" not in str(raised.value)


def test_a_savepoint_that_ddl_has_taken_away_is_told(rows: Rows) -> None:
    @transaction
    def write(conn: Conn) -> None:
        with conn.transaction():
            conn.execute("CREATE OR REPLACE TABLE beside (n int)")

    with pytest.raises(pymysql.OperationalError, match="such as DDL, has committed what came before"):
        write()
