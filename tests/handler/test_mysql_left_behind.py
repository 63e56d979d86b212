"""On MySQL, too, nothing of one invocation outlives it, and every error says what went wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool, QueuePool

import rds_connection
from rds_connection import NoConnectionError, OutOfTimeError, connect, connection, invocation, transaction
from tests.mariadb import MariaDB

from .cloud import Context, free_address

pytestmark = pytest.mark.servers
NEXT = "1f0d7b6a-9d0e-4c2f-8ec6-fcbf4b6c5c12"
Conn = Any


@contextmanager
def only_reading(server: MariaDB) -> Iterator[Callable[[], None]]:
    """The server refuses to write, as a demoted one does, until the block's function is called."""

    def set_to(value: int) -> None:
        server.execute(f"SET GLOBAL read_only = {value}")

    set_to(1)
    try:
        yield lambda: set_to(0)
    finally:
        set_to(0)


@pytest.fixture
def rows(mariadb: MariaDB) -> Callable[[], list[int]]:
    """An empty table `moved`, and what is in it."""
    mariadb.execute("CREATE OR REPLACE TABLE moved (n int)")
    return lambda: [row[0] for row in mariadb.execute("SELECT n FROM moved ORDER BY n")]


def test_converters_and_cursors_end_with_their_block(mariadb: MariaDB) -> None:
    with connection() as any_conn:
        conn: Conn = any_conn
        conn.decoders[pymysql.constants.FIELD_TYPE.LONGLONG] = lambda _: "shouted"
        conn.encoders[str] = lambda *_: "'shouted'"
        conn.cursorclass = pymysql.cursors.DictCursor
    with connection() as again:
        assert again is conn
        assert again.execute("SELECT 1, %s", ["said"]).fetchone() == (1, "said")


def test_what_another_pool_keeps_has_no_deadline_of_a_past_invocation(mariadb: MariaDB) -> None:
    engine = create_engine("mysql+pymysql://", creator=connect, poolclass=QueuePool)
    for number, seconds in enumerate((0.8, 30)):
        with invocation(Context(seconds, aws_request_id=f"{number}{NEXT[1:]}")), engine.connect() as sqlalchemy:
            sleep = 0.0 if seconds < 1 else 1.0
            assert sqlalchemy.execute(text(f"SELECT SLEEP({sleep})")).scalar() == 0
    engine.dispose()


def test_out_of_time_is_told_as_such_through_sqlalchemy(mariadb: MariaDB) -> None:
    with connection():
        pass  # what is slow is not to be the connect
    limited = Context(1.5)
    engine = create_engine("mysql+pymysql://", creator=connect, poolclass=NullPool)
    with pytest.raises(OutOfTimeError), invocation(limited), engine.begin() as sqlalchemy:
        sqlalchemy.execute(text("SELECT SLEEP(5)"))
    assert limited.get_remaining_time_in_millis() > 0
    engine.dispose()


def test_a_connection_to_a_server_that_became_read_only_is_not_used_again(
    mariadb: MariaDB, rows: Callable[[], list[int]]
) -> None:
    with only_reading(mariadb), pytest.raises(pymysql.Error, match="1290"), connection() as conn:
        conn.execute("INSERT INTO moved VALUES (1)")
    with connection() as again:
        assert again is not conn
        again.execute("INSERT INTO moved VALUES (2)")
    assert rows() == [2]


def test_a_transaction_runs_once_more_on_another_connection(mariadb: MariaDB, rows: Callable[[], list[int]]) -> None:
    used: list[Conn] = []

    with only_reading(mariadb) as promoted:

        @transaction
        def write(conn: Conn) -> None:
            used.append(conn)
            if len(used) == 2:
                promoted()
            conn.execute("INSERT INTO moved VALUES (1)")

        write()
    assert (len(used), used[0] is used[1], rows()) == (2, False, [1])


def test_a_procedure_that_may_have_committed_before_it_was_refused_is_not_called_again(
    mariadb: MariaDB, rows: Callable[[], list[int]]
) -> None:
    mariadb.execute(
        "CREATE OR REPLACE PROCEDURE half() BEGIN INSERT INTO moved VALUES (2); COMMIT; "
        "START TRANSACTION READ ONLY; INSERT INTO moved VALUES (3); END"
    )
    runs = []

    @transaction
    def write(conn: Conn) -> None:
        runs.append(1)
        conn.execute("CALL half()")

    with pytest.raises(pymysql.Error, match="1792"):
        write()
    assert (len(runs), rows()) == (1, [2])


def test_who_only_reads_on_purpose_runs_once_and_keeps_the_connection(
    mariadb: MariaDB, rows: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_READER_HOST", mariadb.address)
    used: list[Conn] = []

    @transaction(read_only=True)
    def write(conn: Conn) -> None:
        used.append(conn)
        conn.execute("INSERT INTO moved VALUES (1)")

    with pytest.raises(pymysql.Error, match="1792"):
        write()
    with connection(read_only=True) as again:
        assert used == [again]


def test_what_a_server_answers_counts_more_than_a_dead_address(
    mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_HOST", "localhost")
    monkeypatch.setenv("DB_NAME", "nowhere")
    found = [(2, 1, 6, "", (address, 3306)) for address in (mariadb.address, free_address())]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    with pytest.raises(NoConnectionError) as raised, connection(Context(5)):
        pass
    assert raised.value.outcome == "refused"


def test_a_wrong_bundle_is_told_with_the_one_that_is_needed(mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_SSL_ROOT_CERT", str(rds_connection.settings.RDS))
    with (
        pytest.raises(NoConnectionError, match=r"DB_SSL_ROOT_CERT must be .*a proxy needs Amazon.*a database RDS"),
        connection(Context(20)),
    ):
        pass
