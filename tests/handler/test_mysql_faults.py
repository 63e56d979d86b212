"""Faults that a failover of MySQL brings, on real MariaDBs: a server that writes nothing any more, another one at the
same name, a restart that everybody meets at once, and a function that ends while it holds a row.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

import rds_connection
from rds_connection import connection, transaction
from tests.mariadb import MariaDB, running
from tests.waiting import LIMIT_SECONDS

from .cloud import APPLICATION

pytestmark = pytest.mark.servers
# Typed as PostgreSQL's; in these tests it is MySQL's.
Conn = Any
# As their certificates call both servers.
NAME = "orders.c0ffee123456.eu-west-1.rds.amazonaws.com"
# An execution environment: it writes the rows whose numbers it is told, with a row that all want, and says what its
# caller is told. With row 0 it never gets further.
FUNCTION = """
import sys, time
from rds_connection import connection, transaction

class Context:
    aws_request_id = "8ec6fcbf-4c2f-4b6c-9d0e-2f0d7b6a5c11"
    ends = time.monotonic() + 240

    def get_remaining_time_in_millis(self):
        return int((self.ends - time.monotonic()) * 1000)

@transaction
def write(conn, number, context):
    conn.execute("UPDATE shared SET times = times + 1")
    conn.execute("INSERT INTO ledger VALUES (%s)", [number])
    if number == 0:
        print("held", flush=True)
        time.sleep(3600)

with connection() as conn:
    conn.execute("SELECT 1")
print("warm", flush=True)
for line in sys.stdin:
    try:
        write(int(line), Context())
        print("written", flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
"""


@dataclass
class Servers:
    """Two servers of one name, which leads to `current`."""

    first: MariaDB
    second: MariaDB
    current: MariaDB

    def resolve(self, host: str, port: int, *_: object, **__: object) -> list[Any]:
        """A name service that knows one name, and that an address is its own."""
        return [(2, 1, 6, "", (self.current.address if host == NAME else host, port))]

    def rows(self) -> list[int]:
        """The numbers that are in either of them."""
        return [row[0] for each in (self.first, self.second) for row in each.execute("SELECT n FROM ledger ORDER BY n")]


@pytest.fixture(scope="module")
def second(mariadb_server: MariaDB) -> Iterator[MariaDB]:
    """A server beside the one of all tests, with the same user."""
    with running() as server:
        server.execute(f"ALTER USER '{APPLICATION}'@'%' IDENTIFIED BY '{mariadb_server.password}'")
        yield server


@pytest.fixture
def servers(mariadb: MariaDB, second: MariaDB, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Servers:
    """Both servers with an empty `ledger`, and an environment in which the name leads to the first."""
    both = Servers(mariadb, second, current=mariadb)
    bundle = tmp_path / "bundle.pem"
    for each in (mariadb, second):
        with bundle.open("a") as file:
            file.write(Path(each.bundle).read_text())
        each.execute("CREATE OR REPLACE TABLE ledger (n int PRIMARY KEY)")
        each.execute("CREATE OR REPLACE TABLE shared (times int)")
        each.execute("INSERT INTO shared VALUES (0)")
    monkeypatch.setenv("DB_HOST", NAME)
    monkeypatch.setenv("DB_SSL_ROOT_CERT", str(bundle))
    monkeypatch.setattr("socket.getaddrinfo", both.resolve)
    return both


@contextmanager
def set_to(server: MariaDB, variable: str, value: int) -> Iterator[None]:
    """A server with another value of a global variable, for the length of a block."""
    ((before,),) = server.execute(f"SELECT @@GLOBAL.{variable}")
    server.execute(f"SET GLOBAL {variable} = {value}")
    try:
        yield
    finally:
        server.execute(f"SET GLOBAL {variable} = {before}")


def warm() -> Conn:
    """Leave one warm connection behind."""
    with connection() as conn:
        conn.execute("SELECT 1")
    return conn


class Writer:
    """A handler that writes one numbered row in a transaction, and counts how often it ran."""

    def __init__(self) -> None:
        self.runs = 0
        self.write = transaction(self._write)

    def _write(self, conn: Conn, number: int) -> None:
        self.runs += 1
        conn.execute("INSERT INTO ledger VALUES (%s)", [number])


def test_a_transaction_at_a_server_that_was_demoted_runs_once_more_where_the_name_leads_now(servers: Servers) -> None:
    demoted, writer = warm(), Writer()
    with set_to(servers.first, "read_only", 1):
        servers.current = servers.second
        writer.write(1)
        assert writer.runs == 2
        assert demoted.closed
        writer.write(2)
        assert writer.runs == 3
    assert servers.second.execute("SELECT n FROM ledger ORDER BY n") == [(1,), (2,)]
    assert servers.rows() == [1, 2]


def test_a_block_at_a_server_that_was_demoted_tells_so_once_and_the_next_one_writes(servers: Servers) -> None:
    warm()
    with set_to(servers.first, "read_only", 1):
        servers.current = servers.second
        with pytest.raises(pymysql.err.OperationalError, match="1290"), connection() as conn:
            conn.execute("INSERT INTO ledger VALUES (1)")
        with connection() as conn:
            conn.execute("INSERT INTO ledger VALUES (2)")
    assert servers.rows() == [2]


def test_a_server_that_is_gone_is_replaced_by_the_one_to_which_the_name_leads_now(servers: Servers) -> None:
    warm()
    servers.first.stop()
    try:
        servers.current = servers.second
        Writer().write(1)
    finally:
        servers.first.start()
    assert servers.second.execute("SELECT n FROM ledger") == [(1,)]


def test_a_connection_whose_session_writes_nothing_is_replaced_though_the_server_writes_again(
    servers: Servers,
) -> None:
    with set_to(servers.first, "tx_read_only", 1):
        warm()  # such a session it stays
    writer = Writer()
    writer.write(1)
    assert writer.runs == 2
    assert servers.rows() == [1]


def test_a_server_whose_storage_writes_nothing_is_parted_with(servers: Servers) -> None:
    # Only a server that is started for it says so by itself.
    refusal = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1836, MESSAGE_TEXT = 'Running in read-only mode'"
    with pytest.raises(pymysql.Error, match="1836"), connection() as conn:
        conn.execute(refusal)
    assert conn.closed


def test_a_server_that_writes_nothing_for_a_while_is_asked_twice_each_time_and_told(servers: Servers) -> None:
    writer = Writer()
    with set_to(servers.first, "read_only", 1):
        with pytest.raises(pymysql.err.OperationalError, match="1290"):
            writer.write(1)
        assert writer.runs == 2
    writer.write(1)
    assert writer.runs == 3
    assert servers.rows() == [1]


class Environment:
    """A process of its own with a warm connection, which writes what it is told."""

    def __init__(self, server: MariaDB) -> None:
        handler = Path(rds_connection.__file__).parents[1]
        self._process = subprocess.Popen(
            [sys.executable, "-c", FUNCTION],
            bufsize=0,
            env={**os.environ, "PYTHONPATH": str(handler), "DB_HOST": server.address},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.said() == "warm"

    def begin(self, number: int) -> None:
        """Begin to write a row."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n".encode())

    def has_said(self, seconds: float = 0) -> bool:
        """Whether there is something to read, within so many seconds."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], seconds)[0])

    def said(self) -> str:
        """Its next line."""
        assert self._process.stdout is not None
        assert self.has_said(LIMIT_SECONDS)
        return self._process.stdout.readline().decode().strip()

    def stop(self) -> None:
        """Freeze it, for ever."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it without a word of its own."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def environments(servers: Servers) -> Iterator[Callable[[], Environment]]:
    """Makes execution environments that use the first server."""
    with ExitStack() as stack:

        def make() -> Environment:
            made = Environment(servers.first)
            stack.callback(made.kill)
            return made

        yield make


def test_everybody_whom_a_restart_disconnects_at_once_waits_for_its_end(
    servers: Servers, environments: Callable[[], Environment]
) -> None:
    everybody = [environments() for _ in range(4)]
    servers.first.stop()
    try:
        for number, each in enumerate(everybody, start=1):
            each.begin(number)
        time.sleep(1.5)
        assert not any(each.has_said() for each in everybody)
    finally:
        servers.first.start()
    assert [each.said() for each in everybody] == ["written"] * 4
    assert servers.rows() == [1, 2, 3, 4]


@pytest.mark.parametrize("how", [Environment.kill, Environment.stop])
def test_what_a_function_held_that_was_killed_or_never_thawed_is_free_for_others(
    servers: Servers, environments: Callable[[], Environment], how: Callable[[Environment], None]
) -> None:
    # MySQL ends a transaction whose client is silent with its connection, and that after the same time as an idle one.
    with set_to(servers.first, "wait_timeout", 2):
        holder, other = environments(), environments()
        holder.begin(0)
        assert holder.said() == "held"
        other.begin(1)
        servers.first.until_running("UPDATE shared")
        how(holder)
        assert other.said() == "written"
    assert servers.rows() == [1]
