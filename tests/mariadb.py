"""A real MariaDB server with TLS, which stands in for RDS for MySQL where tests speak its protocol.

What it cannot show is in docs/laptop.md.
"""

import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from local.supervisor.certificates import Authority
from local.supervisor.processes import Server, free_of_others, give_to_servers, start
from tests import waiting
from tests.handler.cloud import APPLICATION, DATABASE, free_address
from tests.waiting import LIMIT_SECONDS
from toolchain.servers import mariadbd

PORT = 3306
ADMINISTRATOR = "rdsadmin"
# RDS User Guide, "Master user account privileges", MySQL.
_MASTER_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, "
    "CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, "
    "CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER"
)
_SYSTEM_TABLES = ("mysql_system_tables.sql", "mysql_system_tables_data.sql")
_START_SECONDS = LIMIT_SECONDS


@dataclass
class MariaDB:
    """A server with an application's database; `password` is the application user's, `master_password` the master's."""

    folder: Path
    address: str
    server: Server = field(repr=False)
    administrator_password: str = field(repr=False)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    master_password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def bundle(self) -> str:
        """The certificate authority to trust."""
        return str(self.folder / "authority" / "ca.pem")

    def log_in(self, user: str, password: str, database: str = DATABASE) -> "pymysql.Connection[Any]":
        """A connection as another client has it, over verified TLS, in autocommit."""
        return pymysql.connect(
            host=self.address,
            user=user,
            password=password,
            database=database,
            ssl={"ca": self.bundle, "check_hostname": True, "verify_mode": True},
            autocommit=True,
            connect_timeout=60,
        )

    def execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a statement that the administrator runs in the application's database."""
        with (
            self.log_in(ADMINISTRATOR, self.administrator_password) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, parameters or None)
            return list(cursor.fetchall())

    def sessions(self, user: str = APPLICATION) -> list[int]:
        """Ids of a user's connections."""
        return [row[0] for row in self.execute("SELECT id FROM information_schema.processlist WHERE user = %s", user)]

    def kill_sessions(self) -> None:
        """What a failover or an administrator does: every connection of the application ends."""
        for number in self.sessions():
            with suppress(pymysql.err.OperationalError):  # it may have gone meanwhile
                self.execute(f"KILL CONNECTION {number}")

    def until_running(self, fragment: str) -> None:
        """Wait until a statement of the application that contains `fragment` runs."""
        query = "SELECT 1 FROM information_schema.processlist WHERE user = %s AND command = 'Query' AND info LIKE %s"
        until(lambda: bool(self.execute(query, APPLICATION, f"%{fragment}%")))

    def start(self) -> None:
        """Start it, also again after `stop`."""
        self.server.start(seconds=_START_SECONDS)

    def stop(self) -> None:
        """End it; its data stays."""
        self.server.stop()


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; errors of a server that is just starting count as not yet."""
    waiting.until(condition, not_yet=pymysql.err.OperationalError)


@contextmanager
def running() -> Iterator[MariaDB]:
    """The server, for the length of a block, with a master user that is no superuser and the application's user."""
    binary = mariadbd()
    assert binary is not None, "MariaDB is not installed; run `make setup-tests`"
    folder = Path(tempfile.mkdtemp(prefix="lambda-rds-proxy-mariadb-"))
    folder.chmod(0o755)  # the server runs as another account when the tests run as root
    address, administrator = free_address(), secrets.token_urlsafe(24)
    data = folder / "data"
    data.mkdir()
    give_to_servers(folder, data)
    authority = Authority(folder / "authority")
    certificate, key = authority.issue(folder, name="orders.c0ffee123456.eu-west-1.rds.amazonaws.com", address=address)
    give_to_servers(certificate, key)
    settings = [str(binary), "--no-defaults", f"--datadir={data}", "--basedir=/usr", "--innodb-buffer-pool-size=16M"]
    _make_system_tables([*settings, "--bootstrap"], folder, administrator)
    free_of_others(address, PORT)

    def answers() -> bool:
        with suppress(pymysql.err.OperationalError):
            return cloud.execute("SELECT 1") == [(1,)]
        return False

    server = Server(
        "MariaDB",
        [
            *settings,
            f"--bind-address={address}",
            f"--port={PORT}",
            "--socket=",
            f"--pid-file={folder / 'pid'}",
            "--skip-name-resolve",
            "--require-secure-transport=ON",
            f"--ssl-cert={certificate}",
            f"--ssl-key={key}",
            f"--general-log-file={folder / 'general.log'}",
            "--innodb-lock-wait-timeout=20",
        ],
        folder=folder,
        log=folder / "mariadb.log",
        ready=answers,
        stop_signal=signal.SIGTERM,
    )
    cloud = MariaDB(folder, address, server, administrator)
    try:
        cloud.start()
        cloud.execute(f"CREATE USER 'master'@'%' IDENTIFIED BY '{cloud.master_password}'")
        cloud.execute(f"GRANT {_MASTER_PRIVILEGES} ON *.* TO 'master'@'%' WITH GRANT OPTION")
        cloud.execute(f"CREATE USER '{APPLICATION}'@'%' IDENTIFIED BY '{cloud.password}' REQUIRE SSL")
        cloud.execute(f"GRANT ALL ON {DATABASE}.* TO '{APPLICATION}'@'%'")
        yield cloud
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _make_system_tables(command: list[str], folder: Path, password: str) -> None:
    """What `mariadb-install-db` does, which needs a client package as well."""
    scripts = [(Path("/usr/share/mysql") / name).read_text() for name in _SYSTEM_TABLES]
    own = [
        "DELETE FROM global_priv WHERE user = 'root';",
        "FLUSH PRIVILEGES;",
        f"CREATE USER {ADMINISTRATOR}@'%' IDENTIFIED BY '{password}';",
        f"CREATE DATABASE {DATABASE};",
        f"GRANT ALL ON *.* TO {ADMINISTRATOR}@'%' WITH GRANT OPTION;",
    ]
    script = "\n".join(["CREATE DATABASE mysql;", "USE mysql;", *scripts, *own, ""])
    path, log = folder / "bootstrap.sql", folder / "bootstrap.log"
    path.touch(mode=0o600)
    path.write_text(script)
    with path.open("rb") as given, log.open("wb") as output:
        process = start(command, environment={}, folder=folder, output=output, as_server=True, stdin=given.fileno())
        status = process.wait(_START_SECONDS)
    assert status == 0, log.read_text()[-2000:]
    path.unlink()
