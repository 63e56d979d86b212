"""What is told is what is there: no success without a commit, no end that comes after Lambda's, none that hangs."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from rds_connection import (
    Connection,
    OutOfTimeError,
    UnfinishedTransactionError,
    aconnection,
    connect,
    connection,
    invocation,
    transaction,
)

from .cloud import Cloud, Context

pytestmark = pytest.mark.servers
Rows = Callable[[], list[int]]
LONG = "SELECT n, repeat('x', 20) FROM generate_series(1, 6000000) n"


@pytest.fixture
def rows(cloud: Cloud) -> Rows:
    """An empty table, and what is in it."""
    cloud.terminate_backends()
    cloud.execute("DROP TABLE IF EXISTS told; CREATE TABLE told (n int); ALTER TABLE told OWNER TO app")
    return lambda: [row[0] for row in cloud.execute("SELECT n FROM told ORDER BY n")]


def lose(cloud: Cloud, conn: Connection) -> None:
    """Lose a connection, and pass over the error."""
    cloud.terminate_backends()
    with suppress(psycopg.Error):
        conn.execute("SELECT 1")


def test_a_loss_that_the_function_caught_cannot_pass_for_a_commit(cloud: Cloud, rows: Rows) -> None:
    runs = []

    @transaction
    def write(conn: Connection) -> None:
        runs.append(1)
        conn.execute("INSERT INTO told VALUES (1)")
        if len(runs) == 1:
            lose(cloud, conn)

    write()
    assert (len(runs), rows()) == (2, [1])


def test_nor_can_one_amid_a_batch_of_savepoints(cloud: Cloud, rows: Rows) -> None:
    failures: list[int] = []

    @transaction
    def batch(conn: Connection) -> None:
        failures.clear()
        for record in (1, 2, 3):
            try:
                with conn.transaction():
                    if record == 3:
                        cloud.terminate_backends()
                    conn.execute("INSERT INTO told VALUES (%s)", [record])
            except psycopg.Error:
                failures.append(record)

    with pytest.raises(psycopg.OperationalError):
        batch()
    assert rows() == []


@pytest.mark.parametrize("how", ["block", "autocommit"])
def test_nor_can_one_in_a_transaction_of_the_connection(cloud: Cloud, rows: Rows, how: str) -> None:
    error = psycopg.OperationalError if how == "block" else UnfinishedTransactionError
    with pytest.raises(error), connection() as conn:
        if how == "block":
            with conn.transaction():
                conn.execute("INSERT INTO told VALUES (1)")
                lose(cloud, conn)
        else:
            conn.autocommit = False
            conn.execute("INSERT INTO told VALUES (1)")
            lose(cloud, conn)
    assert rows() == []


def test_a_coroutine_is_told_the_same(cloud: Cloud, rows: Rows) -> None:
    runs = []

    @transaction
    async def write(conn: psycopg.AsyncConnection[Any]) -> None:
        runs.append(1)
        await conn.execute("INSERT INTO told VALUES (1)")
        if len(runs) == 1:
            await asyncio.to_thread(cloud.terminate_backends)
            with suppress(psycopg.Error):
                await conn.execute("SELECT 1")

    asyncio.run(write())
    assert (len(runs), rows()) == (2, [1])


def test_a_function_that_closed_its_connection_is_told_that_nothing_is_committed(rows: Rows) -> None:
    @transaction
    def write(conn: Connection) -> None:
        conn.execute("INSERT INTO told VALUES (1)")
        conn.close()

    with pytest.raises(psycopg.OperationalError, match="before COMMIT was sent: nothing is committed"):
        write()
    assert rows() == []


def test_a_pipeline_that_was_left_open_is_told(rows: Rows) -> None:
    kept: list[Any] = []

    @transaction
    def write(conn: Connection) -> None:
        kept.append(conn.pipeline())
        kept[-1].__enter__()
        conn.execute("INSERT INTO told VALUES (1)")

    with pytest.raises(UnfinishedTransactionError, match="a pipeline was left open"):
        write()
    assert rows() == []


def test_a_stream_or_copy_that_was_not_read_to_its_end_is_told_and_does_not_hang(rows: Rows) -> None:
    kept: list[Any] = []
    runs = []

    @transaction
    def write(conn: Connection, how: str) -> None:
        runs.append(1)
        conn.execute("INSERT INTO told VALUES (1)")
        if how == "stream":
            kept.append(conn.cursor().stream(LONG))
            next(kept[-1])
        else:
            conn.pgconn.exec_(b"COPY (SELECT 1) TO STDOUT")

    with pytest.raises(UnfinishedTransactionError, match="not read to its end"):
        write("stream")
    with pytest.raises((UnfinishedTransactionError, psycopg.Error)):
        write("copy")
    assert (len(runs), rows()) == (2, [])


@pytest.mark.parametrize("how", ["stream", "copy"])
def test_an_answer_that_goes_on_and_on_ends_with_the_invocation(cloud: Cloud, how: str) -> None:
    with connection():
        pass  # what is slow is not to be the connect
    limited = Context(2)
    with pytest.raises(OutOfTimeError), connection(limited) as conn:
        if how == "stream":
            for _ in conn.cursor().stream(LONG.replace("6000000", "60000000")):
                pass
        else:
            with conn.cursor().copy(f"COPY ({LONG.replace('6000000', '60000000')}) TO STDOUT") as copy:
                for _ in copy:
                    pass
    assert limited.get_remaining_time_in_millis() > 0


def test_out_of_time_that_was_caught_is_told_again_and_not_as_an_unknown_commit(cloud: Cloud, rows: Rows) -> None:
    @transaction
    def write(conn: Connection, context: Context) -> None:
        conn.execute("INSERT INTO told VALUES (1)")
        with suppress(OutOfTimeError):
            conn.execute("SELECT pg_sleep(5)")

    with connection():
        pass
    with pytest.raises(OutOfTimeError):
        write(Context(1.5))
    assert rows() == []


def test_a_cancelled_coroutine_does_not_wait_for_a_server_that_takes_no_cancel(cloud: Cloud) -> None:
    async def main(context: Context) -> None:
        async with aconnection(context) as conn:
            await conn.execute("SELECT 1")
            async with asyncio.timeout(0.5):
                await conn.execute("SELECT pg_sleep(30)")

    limited = Context(4)
    with pytest.raises(TimeoutError):
        asyncio.run(main(limited))
    assert limited.get_remaining_time_in_millis() > 1500


def test_each_transaction_of_an_invocation_is_repeated_once(cloud: Cloud, rows: Rows) -> None:
    runs: list[int] = []

    @transaction
    def write(conn: Connection, number: int) -> None:
        runs.append(number)
        conn.execute("INSERT INTO told VALUES (%s)", [number])
        if runs.count(number) == 1:
            cloud.terminate_backends()
        conn.execute("SELECT 1")

    with invocation(Context(30)):
        write(1)
        write(2)
    assert (runs, rows()) == ([1, 1, 2, 2], [1, 2])


def test_a_loss_behind_an_error_of_the_application_is_repeated(cloud: Cloud, rows: Rows) -> None:
    runs = []

    @transaction
    def write(conn: Connection) -> None:
        runs.append(1)
        conn.execute("INSERT INTO told VALUES (1)")
        try:
            if len(runs) == 1:
                cloud.terminate_backends()
            conn.execute("SELECT 1")
        except psycopg.Error as error:
            raise LookupError("no such order") from error

    write()
    assert (len(runs), rows()) == (2, [1])


def test_a_loss_in_a_group_of_tasks_is_repeated(cloud: Cloud, rows: Rows) -> None:
    runs = []

    @transaction
    async def write(conn: psycopg.AsyncConnection[Any]) -> None:
        runs.append(1)
        await conn.execute("INSERT INTO told VALUES (1)")
        if len(runs) == 1:
            await asyncio.to_thread(cloud.terminate_backends)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(conn.execute("SELECT 1"))

    asyncio.run(write())
    assert (len(runs), rows()) == (2, [1])


def test_an_error_of_the_application_with_a_sound_connection_is_not_repeated(rows: Rows) -> None:
    runs = []

    @transaction
    def write(conn: Connection) -> None:
        runs.append(1)
        with suppress(psycopg.Error), conn.transaction():
            conn.execute("bad")
        raise LookupError("no such order")

    with pytest.raises(LookupError):
        write()
    assert len(runs) == 1


def test_reading_beside_a_transaction_does_not_keep_it_from_being_repeated(
    cloud: Cloud, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_READER_HOST", cloud.postgres.settings.address)
    runs = []

    @transaction
    def write(conn: Connection) -> None:
        runs.append(1)
        with connection(read_only=True) as reading:
            reading.execute("SELECT 1")
        conn.execute("INSERT INTO told VALUES (1)")
        if len(runs) == 1:
            cloud.terminate_backends()
        conn.execute("SELECT 1")

    write()
    assert (len(runs), rows()) == (2, [1])


def test_a_second_connection_may_be_had_while_the_first_is_opened(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_POOL_MAX_OPEN", "2")
    answers: list[Any] = []

    def work() -> None:
        with connection() as conn:
            answers.append(conn.execute("SELECT 1").fetchone())

    for _ in range(10):
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert answers == [(1,)] * 20


def test_a_statement_that_came_too_late_spoils_no_later_invocation(cloud: Cloud, rows: Rows) -> None:
    with pytest.raises(OutOfTimeError), connection(Context(0.8)) as conn:
        conn.execute("SELECT 1")
        time.sleep(0.7)
        conn.execute("SELECT 1")

    @transaction
    def write(conn: Connection, context: Context) -> None:
        conn.execute("INSERT INTO told VALUES (1)")

    for number in range(3):
        write(Context(20, aws_request_id=f"{number}f0d7b6a-9d0e-4c2f-8ec6-fcbf4b6c5c12"))
    assert rows() == [1, 1, 1]


def test_an_error_of_the_application_is_told_though_its_rollback_comes_too_late(cloud: Cloud, rows: Rows) -> None:
    @transaction
    def write(conn: Connection, context: Context) -> None:
        conn.execute("INSERT INTO told VALUES (1)")
        time.sleep(0.8)
        raise LookupError("no such order")

    with connection():
        pass
    with pytest.raises(LookupError):
        write(Context(0.8))
    assert rows() == []


@pytest.mark.parametrize("left", ["late", "stream", "pipeline"])
def test_with_autocommit_off_what_cannot_be_committed_is_told(cloud: Cloud, rows: Rows, left: str) -> None:
    kept: list[Any] = []
    with connection():
        pass
    error = OutOfTimeError if left == "late" else UnfinishedTransactionError
    with pytest.raises(error), connection(Context(1.5 if left == "late" else 20)) as conn:
        conn.autocommit = False
        conn.execute("INSERT INTO told VALUES (1)")
        if left == "late":
            with suppress(OutOfTimeError):
                conn.execute("SELECT pg_sleep(5)")
        elif left == "stream":
            kept.append(conn.cursor().stream(LONG))
            next(kept[-1])
        else:
            kept.append(conn.pipeline())
            kept[-1].__enter__()
            conn.execute("INSERT INTO told VALUES (2)")
    assert rows() == []


def test_waiting_for_notifies_ends_with_the_invocation(cloud: Cloud) -> None:
    with connection():
        pass
    limited = Context(1.5)
    with pytest.raises(OutOfTimeError), connection(limited) as conn:
        list(conn.notifies(timeout=8))
    assert limited.get_remaining_time_in_millis() > 0


def test_a_connection_that_could_not_be_lent_leaves_its_place(cloud: Cloud) -> None:
    with connection():
        pass
    with pytest.raises(OutOfTimeError) as kept:
        connect(Context(0))
    with connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    assert kept.value is not None
