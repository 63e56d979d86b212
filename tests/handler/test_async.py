"""Coroutines: the rules of plain functions, on psycopg's AsyncConnection."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import rds_connection
from rds_connection import (
    ConfigurationError,
    NoConnectionError,
    OutOfTimeError,
    PoolExhaustedError,
    UnfinishedTransactionError,
    aconnect,
    aconnection,
    connection,
    invocation,
    transaction,
)

from .cloud import Cloud, Context

pytestmark = pytest.mark.servers
Conn = psycopg.AsyncConnection[Any]


@pytest.fixture
def rows(cloud: Cloud) -> Callable[[], list[int]]:
    """An empty table, and what is in it."""
    cloud.terminate_backends()
    cloud.execute("DROP TABLE IF EXISTS awaited; CREATE TABLE awaited (n int); ALTER TABLE awaited OWNER TO app")
    return lambda: [row[0] for row in cloud.execute("SELECT n FROM awaited ORDER BY n")]


async def one(context: object = None) -> tuple[int, Any]:
    """Which connection a block has, and an answer."""
    async with aconnection(context) as conn:
        return id(conn), await (await conn.execute("SELECT 1")).fetchone()


def test_a_warm_connection_is_kept_from_one_event_loop_to_the_next(cloud: Cloud) -> None:
    async def contended() -> int:
        async with aconnection() as conn:  # both wait for the connection's lock, which is of this loop
            await asyncio.gather(conn.execute("SELECT pg_sleep(0.05)"), conn.execute("SELECT pg_sleep(0.05)"))
            return id(conn)

    used = [asyncio.run(contended()) for _ in range(3)]
    assert len(set(used)) == 1
    assert cloud.proxy.seen().clients == 1


def test_a_dead_connection_is_replaced_before_it_is_used(cloud: Cloud) -> None:
    first, _ = asyncio.run(one())
    cloud.kill_proxy()
    second, answer = asyncio.run(one(Context(20)))
    assert (answer, first != second) == ((1,), True)


def test_what_a_block_sets_does_not_outlive_it(cloud: Cloud) -> None:
    async def main() -> None:
        async with aconnection() as conn:
            conn.row_factory = psycopg.rows.dict_row
            conn.add_notice_handler(print)
            await conn.set_autocommit(False)
            await conn.execute("SELECT 1")
        async with aconnection() as again:
            assert again is conn
            assert again.autocommit
            assert await (await again.execute("SELECT 1")).fetchone() == (1,)
            assert not again._notice_handlers

    asyncio.run(main())


def test_a_second_connection_at_once_is_refused_without_waiting(cloud: Cloud) -> None:
    async def main() -> None:
        async with aconnection():
            with pytest.raises(PoolExhaustedError):
                async with aconnection():
                    pass

    asyncio.run(main())


def test_a_transaction_left_open_is_rolled_back_and_told(cloud: Cloud) -> None:
    async def main() -> None:
        async with aconnection() as conn:
            await conn.execute("BEGIN")

    with pytest.raises(UnfinishedTransactionError):
        asyncio.run(main())
    assert cloud.execute("SELECT 1 FROM pg_stat_activity WHERE usename = 'app' AND state LIKE %s", "idle in%") == []


def test_a_slow_statement_is_told_before_lambda_ends_it(cloud: Cloud) -> None:
    async def main(context: Context) -> None:
        async with aconnection(context) as conn:
            await conn.execute("SELECT pg_sleep(5)")

    asyncio.run(one())
    limited = Context(1.5)
    with pytest.raises(OutOfTimeError):
        asyncio.run(main(limited))
    assert limited.get_remaining_time_in_millis() > 0
    assert asyncio.run(one())[1] == (1,)


def test_a_cancelled_task_leaves_no_slot_taken(cloud: Cloud) -> None:
    async def slow() -> None:
        async with aconnection() as conn:
            await conn.execute("SELECT pg_sleep(30)")

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow(), 0.3)
        assert (await one())[1] == (1,)

    asyncio.run(main())


def test_an_address_that_does_not_answer_leaves_time_to_say_so(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setenv("DB_HOST", silent)
    limited = Context(1.5)
    with pytest.raises(NoConnectionError, match="did not answer"):
        asyncio.run(one(limited))
    assert limited.get_remaining_time_in_millis() > 0


def test_a_name_service_that_hangs_leaves_time_to_say_so(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    hung = threading.Event()
    monkeypatch.setenv("DB_HOST", cloud.proxy.settings.name)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: hung.wait(30))
    limited = Context(1.5)
    try:
        with pytest.raises(NoConnectionError, match="name service did not answer"):
            asyncio.run(one(limited))
        assert limited.get_remaining_time_in_millis() > 0
    finally:
        hung.set()


def test_the_event_loop_goes_on_while_a_connect_waits(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setenv("DB_HOST", silent)

    async def main() -> int:
        ticks = 0
        connecting = asyncio.create_task(one(Context(1.5)))
        while not connecting.done():
            ticks += 1
            await asyncio.sleep(0.01)
        connecting.exception()
        return ticks

    assert asyncio.run(main()) > 10


def test_a_transaction_commits_what_its_coroutine_did(cloud: Cloud, rows: Callable[[], list[int]]) -> None:
    @transaction
    async def write(conn: Conn, number: int) -> str:
        await conn.execute("INSERT INTO awaited VALUES (%s)", [number])
        return "written"

    assert asyncio.run(write(1)) == "written"
    assert rows() == [1]


def test_a_coroutine_that_lost_its_connection_runs_once_more(cloud: Cloud, rows: Callable[[], list[int]]) -> None:
    runs = []

    @transaction
    async def write(conn: Conn, context: Context) -> None:
        runs.append(1)
        await conn.execute("INSERT INTO awaited VALUES (1)")
        if len(runs) == 1:
            await asyncio.to_thread(cloud.terminate_backends)
        await conn.execute("SELECT 1")

    asyncio.run(write(Context(20)))
    assert (len(runs), rows()) == (2, [1])


def test_a_commit_without_an_answer_is_never_repeated(cloud: Cloud, rows: Callable[[], list[int]]) -> None:
    cloud.execute(
        "CREATE OR REPLACE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$;"
        "CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON awaited DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION linger()"
    )
    runs = []

    @transaction
    async def write(conn: Conn) -> None:
        runs.append(1)
        await conn.execute("INSERT INTO awaited VALUES (1)")

    async def main() -> None:
        writing = asyncio.create_task(write())
        await asyncio.to_thread(cloud.until_running, "COMMIT")
        await asyncio.to_thread(cloud.terminate_backends)
        await writing

    with pytest.raises(psycopg.errors.TransactionResolutionUnknown):
        asyncio.run(main())
    assert (len(runs), rows()) == (1, [])


def test_a_coroutine_at_a_server_that_became_read_only_runs_once_more_on_another_connection(
    cloud: Cloud, rows: Callable[[], list[int]]
) -> None:
    used: list[int] = []

    @transaction
    async def write(conn: Conn, context: Context) -> None:
        used.append(id(conn))
        if len(used) == 1:
            await conn.execute("SET TRANSACTION READ ONLY")
        await conn.execute("INSERT INTO awaited VALUES (1)")

    asyncio.run(write(Context(20)))
    assert (len(used), rows()) == (2, [1])


def test_one_line_of_metrics_per_invocation(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev-api")

    async def main(context: Context) -> None:
        with invocation(context):
            await one()
            await one()

    asyncio.run(main(Context(20)))
    (line,) = (json.loads(each) for each in capsys.readouterr().out.splitlines())
    assert (line["ConnectionsOpened"], line["ConnectionsReused"], line["Outcome"]) == (1, 1, "ok")
    assert line["RequestId"] == Context(0).aws_request_id


def test_tasks_of_one_invocation_share_its_time(cloud: Cloud) -> None:
    async def child() -> float:
        async with aconnection() as conn:
            return conn.invocation.deadline - time.monotonic()

    async def main() -> float:
        with invocation(Context(20)):
            return await asyncio.create_task(child())

    assert 10 < asyncio.run(main()) < 20


def test_sqlalchemys_asyncio_engine_uses_the_warm_connection(cloud: Cloud, rows: Callable[[], list[int]]) -> None:
    async def main(number: int) -> int:
        engine = create_async_engine("postgresql+psycopg://", async_creator=aconnect, poolclass=NullPool)
        with invocation(Context(20)):
            async with engine.begin() as sqlalchemy:
                await sqlalchemy.execute(text("INSERT INTO awaited VALUES (:n)"), {"n": number})
                raw = await sqlalchemy.get_raw_connection()
                return id(raw.driver_connection)

    assert len({asyncio.run(main(number)) for number in range(3)}) == 1
    assert rows() == [0, 1, 2]


def test_out_of_time_is_told_as_such_through_sqlalchemys_asyncio(cloud: Cloud) -> None:
    async def main() -> None:
        engine = create_async_engine("postgresql+psycopg://", async_creator=aconnect, poolclass=NullPool)
        with invocation(Context(1.5)):
            async with engine.begin() as sqlalchemy:
                await sqlalchemy.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(OutOfTimeError):
        asyncio.run(main())


def test_both_styles_are_closed_before_a_snapshot(cloud: Cloud) -> None:
    asyncio.run(one())
    with connection() as conn:
        conn.execute("SELECT 1")
    rds_connection.close()
    assert conn.closed
    assert asyncio.run(one())[1] == (1,)


def test_mysql_says_that_it_has_no_connection_for_asyncio(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_ENGINE", "mysql")

    @transaction
    async def write(conn: Conn) -> None:
        pass

    for coroutine in (one, write):
        with pytest.raises(ConfigurationError, match=r"PyMySQL has no connection for asyncio.*asyncio\.to_thread"):
            asyncio.run(coroutine())
