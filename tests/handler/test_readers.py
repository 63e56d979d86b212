"""Who only reads: another endpoint by the same rules, and whether the writer may stand in for it."""

import asyncio
from typing import Any

import psycopg
import pytest

from rds_connection import ConfigurationError, Connection, NoConnectionError, aconnection, connection, transaction

from .cloud import Cloud, Context, free_address

pytestmark = pytest.mark.servers


@pytest.fixture
def reader(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> str:
    """The reader endpoint: the database itself, which is another address than the proxy's."""
    address = cloud.postgres.settings.address
    monkeypatch.setenv("DB_READER_HOST", address)
    return address


def server(conn: Connection) -> Any:
    """The host that a connection was opened to."""
    return conn.info.host


def test_who_only_reads_is_at_the_reader_and_keeps_a_connection_of_its_own(cloud: Cloud, reader: str) -> None:
    with connection(read_only=True) as reading, connection() as writing:
        assert (server(reading), server(writing)) == (reader, cloud.proxy.settings.address)
        assert reading.execute("SELECT 1").fetchone() == (1,)
    with connection(read_only=True) as again, connection() as writing_again:
        assert (again, writing_again) == (reading, writing)


def test_a_transaction_at_the_reader_begins_read_only(reader: str) -> None:
    @transaction(read_only=True)
    def read(conn: Connection) -> Any:
        return server(conn), conn.execute("SHOW transaction_read_only").fetchone()

    assert read() == (reader, ("on",))


def test_coroutines_have_the_reader_too(reader: str) -> None:
    @transaction(read_only=True)
    async def read(conn: psycopg.AsyncConnection[Any]) -> Any:
        return conn.info.host, await (await conn.execute("SHOW transaction_read_only")).fetchone()

    async def main() -> Any:
        async with aconnection(read_only=True) as conn:
            return conn.info.host

    assert asyncio.run(read()) == (reader, ("on",))
    assert asyncio.run(main()) == reader


def test_without_a_reader_it_says_which_two_ways_there_are(cloud: Cloud) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"DB_READER_HOST is not set.*DB_READER_FALLBACK to true"),
        connection(read_only=True),
    ):
        pass


def test_the_writer_stands_in_only_where_it_may(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_READER_HOST", free_address())
    with pytest.raises(NoConnectionError, match="Connection refused"), connection(Context(1.5), read_only=True):
        pass


@pytest.mark.parametrize("host", ["", "dead"])
def test_the_writer_stands_in_where_there_is_no_reader_or_none_answers(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    monkeypatch.setenv("DB_READER_FALLBACK", "true")
    if host:
        monkeypatch.setenv("DB_READER_HOST", free_address())
    with connection(Context(10), read_only=True) as conn:
        assert server(conn) == cloud.proxy.settings.address
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), conn.transaction():
            conn.execute("CREATE TABLE not_here (n int)")
    with connection() as same:
        assert same is conn
        assert same.read_only is None
    assert ("the writer stands in" in caplog.text) == bool(host)


def test_a_silent_reader_leaves_time_for_the_writer(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    monkeypatch.setenv("DB_READER_FALLBACK", "true")
    monkeypatch.setenv("DB_READER_HOST", silent)
    with connection(Context(4), read_only=True) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_transaction_at_the_reader_does_not_hide_what_another_connection_wrote(cloud: Cloud, reader: str) -> None:
    cloud.execute("DROP TABLE IF EXISTS beside; CREATE TABLE beside (n int); ALTER TABLE beside OWNER TO app")

    @transaction(read_only=True)
    def read_and_write(conn: Connection) -> None:
        with connection() as writing:
            writing.execute("INSERT INTO beside VALUES (1)")
        cloud.terminate_backends()
        conn.execute("SELECT 1")

    with pytest.raises(psycopg.OperationalError):
        read_and_write()
    assert cloud.execute("SELECT n FROM beside") == [(1,)]
