"""A real PostgreSQL behind a real proxy of the laptop, both with TLS, and what tests do to them."""

import itertools
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from local.iam.tokens import TokenAudience
from local.supervisor.certificates import Authority
from local.supervisor.errors import LaptopError
from local.supervisor.postgres import Postgres, PostgresSettings
from local.supervisor.proxy import Proxy
from local.supervisor.proxy_settings import ProxySettings, Target
from tests import waiting

APPLICATION = "app"
DATABASE = "app_db"


@dataclass
class Cloud:
    """One database with one proxy in front of it; `password` is the application user's."""

    folder: Path
    postgres: Postgres
    proxy: Proxy
    password: str = field(repr=False)

    @property
    def bundle(self) -> str:
        """The certificate authority to trust."""
        return str(self.folder / "authority" / "ca.pem")

    def execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a statement that the superuser runs straight in the application's database."""
        with self.postgres.superuser(DATABASE) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def backends(self) -> list[int]:
        """Process ids of the application user's database connections."""
        found = self.execute("SELECT pid FROM pg_stat_activity WHERE usename = %s", APPLICATION)
        return [row[0] for row in found]

    def terminate_backends(self) -> None:
        """What a failover or an administrator does: every database connection of the application ends."""
        self.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", APPLICATION)

    def kill_proxy(self) -> None:
        """Kill the proxy as a crash would; it is started again by itself."""
        before = (self.proxy.gate.pid, self.proxy.pooler.server.pid)
        for pid in before:
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        until(lambda: self.proxy.gate.pid not in (None, before[0]) and self.proxy.seen())
        until(lambda: self.proxy.pooler.server.pid not in (None, before[1]) and self.proxy.pooler.show("VERSION"))

    def until_running(self, fragment: str) -> None:
        """Wait until a statement of the application that contains `fragment` runs."""
        until(
            lambda: bool(
                self.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE usename = %s AND state = 'active' AND query LIKE %s",
                    APPLICATION,
                    f"%{fragment}%",
                )
            )
        )

    def connect(self) -> "psycopg.Connection[Any]":
        """A connection through the proxy as the application's user, as another environment has it."""
        settings = self.proxy.settings
        return psycopg.connect(
            host=settings.address,
            port=settings.port,
            dbname=DATABASE,
            user=APPLICATION,
            password=self.password,
            sslmode="verify-full",
            sslrootcert=self.bundle,
        )

    @contextmanager
    def rotated(self, password: str) -> Iterator[None]:
        """Another password of the application's user, in the database and at the proxy, for the length of a block."""
        self.execute(f"ALTER ROLE {APPLICATION} PASSWORD '{password}'")
        try:
            with self.pooling(users={APPLICATION: password}):
                yield
        finally:
            self.execute(f"ALTER ROLE {APPLICATION} PASSWORD '{self.password}'")

    @contextmanager
    def pooling(self, **changed: Any) -> Iterator[None]:
        """The proxy with other settings for the length of a block."""
        before = self.proxy.settings
        self.proxy.stop()
        self.proxy.pooler.settings = replace(before, **changed)
        self.proxy.start()
        try:
            yield
        finally:
            self.proxy.stop()
            self.proxy.pooler.settings = before
            self.proxy.start()


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; errors of servers that are just starting count as not yet."""
    waiting.until(condition, not_yet=(psycopg.OperationalError, OSError, LaptopError))


_numbers = itertools.count(10)


def free_address() -> str:
    """An address of our own: below those that checkouts take, by process, and another one at each call."""
    number = os.getpid()
    return f"127.{32 + number % 32}.{number // 32 % 256}.{next(_numbers)}"


@contextmanager
def running() -> Iterator[Cloud]:
    """The servers, for the length of a block."""
    folder = Path(tempfile.mkdtemp(prefix="lambda-rds-proxy-handler-"))
    folder.chmod(0o755)  # the servers run as another account when the tests run as root
    database_address, proxy_address = free_address(), free_address()
    authority = Authority(folder / "authority")
    postgres = Postgres(
        folder / "postgres",
        PostgresSettings(
            name="orders.c0ffee123456.eu-west-1.rds.amazonaws.com",
            address=database_address,
            port=5432,
            database=DATABASE,
            username="master",
            password=secrets.token_urlsafe(24),
            max_connections=40,
        ),
        authority,
    )
    password = secrets.token_urlsafe(24)
    name = "orders.proxy-c0ffee123456.eu-west-1.rds.amazonaws.com"
    proxy = Proxy(
        folder,
        "orders",
        ProxySettings(
            name=name,
            address=proxy_address,
            port=5432,
            connection_borrow_timeout=1,
            max_connections_percent=50,
            target=Target(address=database_address, port=5432, max_connections=40),
            users={APPLICATION: password},
        ),
        authority,
        TokenAudience(host=name, port=5432, region="eu-west-1", arn_prefix="arn:aws:rds-db:"),
    )
    try:
        postgres.start()
        proxy.start()
        cloud = Cloud(folder, postgres, proxy, password)
        cloud.execute(f"CREATE ROLE {APPLICATION} LOGIN PASSWORD '{password}'")
        cloud.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {APPLICATION}")
        yield cloud
    finally:
        proxy.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Context:
    """Lambda's context for an invocation of so many seconds."""

    seconds: float
    aws_request_id: str = "8ec6fcbf-4c2f-4b6c-9d0e-2f0d7b6a5c11"
    began: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds left, as Lambda counts."""
        return max(0, int((self.began + self.seconds - time.monotonic()) * 1000))
