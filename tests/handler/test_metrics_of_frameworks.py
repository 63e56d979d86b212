"""What a framework turns into an answer of its own is still counted, and both styles share one place."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

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

from .cloud import Cloud, Context, free_address

pytestmark = pytest.mark.servers


@pytest.fixture
def outcome(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """What the one line of metrics says since the last call."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev-api")

    def last() -> Any:
        (line,) = capsys.readouterr().out.splitlines()
        return json.loads(line)

    return last


def test_an_error_that_a_framework_answered_is_counted(cloud: Cloud, outcome: Any) -> None:
    with invocation(Context(20)), suppress(psycopg.Error), connection() as conn:
        conn.execute("bad")
    assert outcome()["Outcome"] == "statement"


def test_so_is_one_of_a_transaction(cloud: Cloud, outcome: Any) -> None:
    @transaction
    def write(conn: Connection) -> None:
        conn.execute("bad")

    with invocation(Context(20)), suppress(psycopg.Error):
        write()
    assert outcome()["Failures"] == 1


def test_the_last_block_counts(cloud: Cloud, outcome: Any) -> None:
    with invocation(Context(20)):
        with suppress(psycopg.Error), connection() as conn:
            conn.execute("bad")
        with connection() as conn:
            conn.execute("SELECT 1")
    assert outcome()["Outcome"] == "ok"


def test_an_error_of_the_application_that_was_answered_is_none(cloud: Cloud, outcome: Any) -> None:
    with invocation(Context(20)), suppress(ZeroDivisionError), connection() as conn:
        conn.execute("SELECT 1")
        raise ZeroDivisionError
    assert outcome()["Outcome"] == "ok"


def test_no_connection_is_counted_behind_sqlalchemy_too(
    cloud: Cloud, outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_HOST", free_address())
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    with invocation(Context(1.5)), suppress(NoConnectionError), engine.connect():
        pass
    line = outcome()
    assert (line["Outcome"], line["NoConnection"]) == ("unavailable", 1)


def test_out_of_time_is_counted_behind_sqlalchemy_too(cloud: Cloud, outcome: Any) -> None:
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    with invocation(Context(1.5)), suppress(OutOfTimeError), engine.connect() as sqlalchemy:
        sqlalchemy.execute(text("SELECT pg_sleep(5)"))
    assert outcome()["Outcome"] == "out-of-time"


def test_both_styles_together_have_no_more_connections_than_was_said(cloud: Cloud) -> None:
    async def one() -> Any:
        async with aconnection() as conn:
            return await (await conn.execute("SELECT 1")).fetchone()

    async def two() -> None:
        with connection(), pytest.raises(PoolExhaustedError):
            await one()

    for _ in range(2):
        assert asyncio.run(one()) == (1,)
        with connection() as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        assert cloud.proxy.seen().clients == 1
    asyncio.run(two())
