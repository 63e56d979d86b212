"""Nothing of one invocation outlives it, whatever it leaves behind, and every error says what went wrong."""

import asyncio
import gc
import inspect
import json
import multiprocessing
import sys
from collections.abc import Callable, Generator
from typing import Any
from unittest.mock import MagicMock

import psycopg
import pytest
from psycopg.types.string import TextLoader
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

import rds_connection
from rds_connection import (
    Connection,
    NoConnectionError,
    OutOfTimeError,
    PoolExhaustedError,
    aconnection,
    connect,
    connection,
    invocation,
    transaction,
)

from .cloud import Cloud, Context

pytestmark = pytest.mark.servers
NEXT = "1f0d7b6a-9d0e-4c2f-8ec6-fcbf4b6c5c12"


class Shouting(TextLoader):
    """A loader that an invocation registers for itself."""

    def load(self, data: Any) -> str:
        return "shouted"


def test_handlers_adapters_and_factories_end_with_their_block(cloud: Cloud) -> None:
    heard: list[object] = []
    with connection() as conn:
        conn.add_notice_handler(heard.append)
        conn.add_notify_handler(heard.append)
        conn.adapters.register_loader("text", Shouting)
        conn.row_factory = psycopg.rows.dict_row
        conn.cursor_factory = psycopg.ClientCursor
        conn.server_cursor_factory = type("Own", (psycopg.ServerCursor,), {})
        row: object = conn.execute("SELECT 'said'::text AS word").fetchone()
        assert row == {"word": "shouted"}
    with connection() as again:
        assert again is conn
        again.execute("DO $$ BEGIN RAISE NOTICE 'one'; END $$")
        assert again.execute("SELECT 'said'::text").fetchone() == ("said",)
        assert (again.cursor_factory, again.server_cursor_factory) == (psycopg.Cursor, psycopg.ServerCursor)
    assert heard == []


def test_a_generator_that_is_resumed_has_the_time_of_the_invocation_under_way(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_POOL_MAX_OPEN", "2")

    def steps(context: Context) -> Generator[Any, None, None]:
        with connection(context) as conn:
            yield conn.execute("SELECT 1").fetchone()
            yield conn.execute("SELECT 2 FROM pg_sleep(0.8)").fetchone()

    suspended = steps(Context(0.9))
    assert next(suspended) == (1,)
    with invocation(Context(30, aws_request_id=NEXT)):
        assert next(suspended) == (2,)
        with connection() as other:
            assert other.execute("SELECT 3").fetchone() == (3,)
        suspended.close()


@pytest.mark.parametrize("pool", [QueuePool, StaticPool])
def test_what_another_pool_keeps_has_no_deadline_of_a_past_invocation(cloud: Cloud, pool: Any) -> None:
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=pool)
    for number, seconds in enumerate((0.8, 30)):
        with invocation(Context(seconds, aws_request_id=f"{number}{NEXT[1:]}")), engine.connect() as sqlalchemy:
            sleep = 0.0 if seconds < 1 else 1.0
            assert sqlalchemy.execute(text(f"SELECT 1 FROM pg_sleep({sleep})")).scalar() == 1
    with engine.connect() as sqlalchemy:
        assert sqlalchemy.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()


@pytest.mark.parametrize("how", ["invocation", "connect"])
def test_out_of_time_is_told_as_such_through_sqlalchemy(cloud: Cloud, how: str) -> None:
    with connection():
        pass  # what is slow is not to be the connect
    limited = Context(1.5)
    creator = connect if how == "invocation" else lambda: connect(limited)
    engine = create_engine("postgresql+psycopg://", creator=creator, poolclass=NullPool)
    with pytest.raises(OutOfTimeError):
        if how == "invocation":
            with invocation(limited), engine.begin() as sqlalchemy:
                sqlalchemy.execute(text("SELECT pg_sleep(5)"))
        else:
            with engine.begin() as sqlalchemy:
                sqlalchemy.execute(text("SELECT pg_sleep(5)"))
    assert limited.get_remaining_time_in_millis() > 0
    with engine.connect() as sqlalchemy, pytest.raises(PoolExhaustedError), connection():
        pass
    engine.dispose()


def test_a_full_pool_advises_only_what_is_not_set(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    with connection(), pytest.raises(PoolExhaustedError, match="or set it to 2"), connection():
        pass
    rds_connection.close()
    monkeypatch.setenv("DB_POOL_MAX_OPEN", "2")
    with connection(), connection(), pytest.raises(PoolExhaustedError) as raised, connection():
        pass
    assert "set it" not in str(raised.value)


def test_a_connection_that_nobody_has_any_more_leaves_its_place(cloud: Cloud) -> None:
    lost = connect()
    del lost
    gc.collect()
    with connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


class Broken:
    """A standard output that nobody reads any more."""

    def write(self, _: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("out", [Broken(), None], ids=["broken", "none"])
def test_a_broken_output_does_not_turn_what_is_committed_into_an_error(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, out: object
) -> None:
    cloud.execute("DROP TABLE IF EXISTS counted; CREATE TABLE counted (n int); ALTER TABLE counted OWNER TO app")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev-api")

    @transaction
    def write(conn: Connection) -> str:
        conn.execute("INSERT INTO counted VALUES (1)")
        return "written"

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        answer = write()
    assert (answer, cloud.execute("SELECT n FROM counted")) == ("written", [(1,)])


def test_a_lent_connection_and_one_in_use_are_closed_before_a_snapshot(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_POOL_MAX_OPEN", "2")
    lent = connect()
    with connection() as used:
        rds_connection.close()
        assert lent.closed
        assert used.closed
    lent.close()
    with connection() as conn, connection() as other:
        assert conn.execute("SELECT 1").fetchone() == other.execute("SELECT 1").fetchone() == (1,)


def test_a_copy_that_is_cut_off_is_repeated_like_any_other_statement(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.execute("DROP TABLE IF EXISTS copied; CREATE TABLE copied (n int); ALTER TABLE copied OWNER TO app")
    runs = []

    @transaction
    def load(conn: Connection) -> None:
        runs.append(1)
        with conn.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as copy:
            for number in range(200_000):
                copy.write_row([number])
                if number == 100_000 and len(runs) == 1:
                    cloud.terminate_backends()

    load()
    assert len(runs) == 2
    assert cloud.execute("SELECT count(*) FROM copied") == [(200_000,)]


def test_any_object_is_fine_as_a_context(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev-api")
    contexts: list[Any] = [{}, None, MagicMock(), "context", object()]
    for context in contexts:
        with connection(context) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        assert transaction(lambda conn, _: conn.execute("SELECT 2").fetchone())(context) == (2,)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["Outcome"] for line in lines] == ["ok"] * 2 * len(contexts)


def forked(child: Callable[[], object]) -> int:
    """The exit status of a child process that runs a function as multiprocessing's `fork` does."""
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def test_a_child_process_has_connections_of_its_own_and_leaves_its_parents_alone(cloud: Cloud) -> None:
    def child() -> None:
        with connection(Context(20)) as its:
            assert its.execute("SELECT 2").fetchone() == (2,)
        rds_connection.close()

    with connection() as warm:
        warm.execute("SELECT 1")
    assert forked(child) == 0
    with connection() as conn:
        assert conn is warm
        assert forked(child) == 0
        assert conn.execute("SELECT 3").fetchone() == (3,)


def test_a_block_that_is_entered_already_is_refused_and_leaves_nothing(cloud: Cloud) -> None:
    block = connection(Context(30))
    with block as conn:
        with pytest.raises(RuntimeError, match="is entered already"), block:
            pass
        assert conn.execute("SELECT 1").fetchone() == (1,)
    with block as again:
        assert again is conn


def test_a_task_that_outlives_its_invocation_is_no_part_of_it(cloud: Cloud) -> None:
    async def later(ended: asyncio.Event) -> float:
        await ended.wait()
        async with aconnection() as conn:
            assert not conn.invocation.ended
        async with aconnection(Context(20)) as conn:
            return conn.invocation.seconds_left()

    async def main() -> float:
        ended = asyncio.Event()
        with invocation(Context(5)):
            task = asyncio.create_task(later(ended))
            await asyncio.sleep(0)
        ended.set()
        return await task

    assert 10 < asyncio.run(main()) < 20  # neither the ended one's time nor no end at all


def test_what_a_framework_sees_of_a_decorated_function_is_without_the_connection() -> None:
    @transaction
    def write(conn: Connection, item: int, *, loud: bool = False) -> int:
        return item

    assert str(inspect.signature(write)) == "(item: int, *, loud: bool = False) -> int"


def test_a_name_without_an_address_is_told(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [])
    with pytest.raises(NoConnectionError, match="it has no address"), connection(Context(1)):
        pass
