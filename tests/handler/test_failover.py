"""Right after a failover: a server that only reads, one that is not up yet, a name with a dead address."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

import rds_connection
from rds_connection import Connection, NoConnectionError, connection, transaction

from .cloud import Cloud, Context, free_address, until

pytestmark = pytest.mark.servers


@contextmanager
def only_reading(cloud: Cloud) -> Iterator[Callable[[], None]]:
    """The database refuses to write, as a demoted one does, until the block's function is called."""

    def set_to(value: str) -> None:
        cloud.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        cloud.execute("SELECT pg_reload_conf()")
        until(lambda: cloud.execute("SHOW default_transaction_read_only") == [(value,)])

    set_to("on")
    try:
        yield lambda: set_to("off")
    finally:
        with cloud.postgres.superuser("postgres") as superuser:
            superuser.execute("SET default_transaction_read_only = off")
            superuser.autocommit = True
        set_to("off")


@pytest.fixture
def rows(cloud: Cloud) -> Callable[[], list[int]]:
    """An empty table, and what is in it."""
    cloud.terminate_backends()
    cloud.execute("DROP TABLE IF EXISTS moved; CREATE TABLE moved (n int); ALTER TABLE moved OWNER TO app")
    return lambda: [row[0] for row in cloud.execute("SELECT n FROM moved ORDER BY n")]


def test_a_connection_to_a_server_that_became_read_only_is_not_used_again(
    cloud: Cloud, rows: Callable[[], list[int]]
) -> None:
    with connection() as warm:
        warm.execute("SELECT 1")
    with only_reading(cloud), pytest.raises(psycopg.errors.ReadOnlySqlTransaction), connection() as conn:
        assert conn is warm
        conn.execute("INSERT INTO moved VALUES (1)")
    assert warm.closed
    with connection() as conn:
        conn.execute("INSERT INTO moved VALUES (2)")
    assert rows() == [2]


def test_nor_is_it_where_the_application_caught_the_error(cloud: Cloud, rows: Callable[[], list[int]]) -> None:
    with only_reading(cloud), connection() as conn, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        conn.execute("INSERT INTO moved VALUES (1)")
    assert conn.closed


def test_a_transaction_runs_once_more_on_a_connection_that_leads_to_the_new_writer(
    cloud: Cloud, rows: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Connection] = []

    @transaction
    def write(conn: Connection) -> None:
        used.append(conn)
        conn.execute("INSERT INTO moved VALUES (1)")

    with only_reading(cloud) as promoted:
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: promoted())
        monkeypatch.setattr("rds_connection.transactions.time", clock)
        write()
    assert len(set(map(id, used))) == len(used) == 2
    assert rows() == [1]


def test_a_transaction_at_a_server_that_stays_read_only_runs_twice_and_is_told(
    cloud: Cloud, rows: Callable[[], list[int]]
) -> None:
    runs = []

    @transaction
    def write(conn: Connection, context: Context) -> None:
        runs.append(1)
        conn.execute("INSERT INTO moved VALUES (1)")

    with only_reading(cloud), pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        write(Context(20))
    assert len(runs) == 2


@pytest.mark.parametrize("how", ["reader", "psycopg"])
def test_who_only_reads_on_purpose_runs_once_and_keeps_the_connection(
    cloud: Cloud, rows: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("DB_READER_HOST", cloud.proxy.settings.address)
    runs: list[Connection] = []

    def write(conn: Connection) -> None:
        runs.append(conn)
        conn.execute("INSERT INTO moved VALUES (1)")

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        if how == "reader":
            transaction(read_only=True)(write)()
        else:
            with connection() as conn:
                conn.read_only = True
                with conn.transaction():
                    write(conn)
    assert len(runs) == 1
    assert not runs[0].closed


def test_an_outage_of_seconds_is_waited_for_by_everyone(cloud: Cloud, rows: Callable[[], list[int]]) -> None:
    with connection() as conn:
        conn.execute("SELECT 1")
    cloud.postgres.stop()
    back = threading.Timer(2.5, cloud.postgres.start)
    back.start()
    try:

        @transaction
        def write(conn: Connection, context: Context) -> None:
            conn.execute("INSERT INTO moved VALUES (1)")

        write(Context(40))
    finally:
        back.join()
    assert rows() == [1]


def test_what_a_server_answers_counts_more_than_a_dead_address(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_HOST", cloud.proxy.settings.name)
    monkeypatch.setenv("DB_PASSWORD", "not-the-password")
    monkeypatch.setattr("socket.getaddrinfo", resolving_to(cloud.proxy.settings.address, free_address()))
    with pytest.raises(NoConnectionError, match="for the role app is wrong") as raised, connection(Context(5)):
        pass
    assert raised.value.outcome == "authentication"


def test_a_name_service_that_hangs_leaves_time_to_say_so(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    hung = threading.Event()
    monkeypatch.setenv("DB_HOST", cloud.proxy.settings.name)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: hung.wait(30))
    limited = Context(1.5)
    try:
        with pytest.raises(NoConnectionError, match="name service did not answer"), connection(limited):
            pass
        assert limited.get_remaining_time_in_millis() > 0
    finally:
        hung.set()


def test_a_wrong_bundle_is_told_with_the_one_that_is_needed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_SSL_ROOT_CERT", str(rds_connection.settings.RDS))
    rds_connection.close()
    with (
        pytest.raises(NoConnectionError, match=r"DB_SSL_ROOT_CERT must be .*a proxy needs Amazon.*a database RDS"),
        connection(Context(20)),
    ):
        pass


def resolving_to(*addresses: str) -> Callable[..., list[Any]]:
    """A name service that knows one answer."""
    return lambda _host, port, **_kwargs: [(2, 1, 6, "", (address, port)) for address in addresses]
