"""PgBouncer behind a proxy's gate: opens connections to the database, limits them, and resets them for the next client.

In session mode each of the gate's sessions owns a database connection until it ends. It listens at a socket in a folder
that nobody else may enter, and trusts who comes there.
"""

import contextlib
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg

from ..gate.short_path import short_path
from .certificates import Authority
from .errors import LaptopError
from .libpq import regardless_of_the_environment
from .private_file import write_private
from .processes import Server, give_to_servers, keep_from_servers
from .proxy_settings import ProxySettings

# The number in its socket's name.
PORT = 6432
# The folder of its socket, beside its files.
PRIVATE_FOLDER = "private"
ADMIN_USER = "laptop-supervisor"
CONSOLE = "pgbouncer"
# As the gate closes its sessions: what RDS Proxy does with connections that are idle, and old.
_IDLE_SECONDS = 300
_LIFETIME_SECONDS = 86_400
# Names that PgBouncer's file can hold; all that RDS takes for a first database are such.
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
# Sessions that own no database connection yet or no longer, and the console.
_MORE_SESSIONS = 200


class PgBouncer:
    """A pooler in `folder`."""

    def __init__(self, folder: Path, settings: ProxySettings, authority: Authority) -> None:
        self.settings = settings
        self._folder = folder
        self._authority = authority
        self._config = folder / "pgbouncer.ini"
        self._databases: list[str] = []
        self.server = Server(
            f"PgBouncer {settings.name.split('.')[0]}",
            [_binary(), str(self._config)],
            folder=folder,
            log=folder / "pgbouncer.log",
            ready=self._answers,
            stop_signal=signal.SIGINT,
        )

    def start(self) -> None:
        """Write the configuration and start.

        Raises:
            LaptopError: the pooler does not start; with the end of its log.
        """
        keep_from_servers(self._folder)
        private = self._folder / PRIVATE_FOLDER
        private.mkdir(mode=0o700, exist_ok=True)
        give_to_servers(private)
        bundle = self._folder / "ca.pem"
        shutil.copyfile(self._authority.bundle, bundle)
        give_to_servers(bundle)
        self._write()
        self.server.start()

    def change(self, settings: ProxySettings) -> None:
        """Take other settings; sessions stay, and those with another target end when the gate gives them up."""
        if settings == self.settings:
            return
        if settings.target != self.settings.target:
            self._name_databases()
        self.settings = settings
        self._apply()

    def stop(self) -> None:
        """End it."""
        self.server.stop()

    def show(self, what: str) -> list[dict[str, object]]:
        """Rows of PgBouncer's admin console, such as `show("POOLS")`.

        Raises:
            psycopg.OperationalError, OSError: it does not answer.
        """
        with self._console() as console:
            cursor = console.execute(f"SHOW {what}")  # our own words only
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def _name_databases(self) -> None:
        """Write down the databases that clients have asked for: no reload changes one that came in by `*`."""
        with contextlib.suppress(psycopg.OperationalError, OSError):  # one that is just restarted has none
            names = {str(row["name"]) for row in self.show("DATABASES")} - {CONSOLE}
            self._databases = sorted(filter(_NAME.fullmatch, names))
            self._apply()

    def _apply(self) -> None:
        """Write the configuration, and have it read before we go on."""
        self._write()
        try:
            with self._console() as console:
                console.execute("RELOAD")
        except (psycopg.OperationalError, OSError):
            self.server.signal(signal.SIGHUP)  # too busy to answer; one that is just restarted reads it anyway

    @contextlib.contextmanager
    def _console(self) -> "Iterator[psycopg.Connection[tuple[object, ...]]]":
        with short_path(self._folder / PRIVATE_FOLDER) as folder:
            parameters = regardless_of_the_environment(
                host=folder,
                port=PORT,
                dbname=CONSOLE,
                user=ADMIN_USER,
                requirepeer=Path(folder).owner(),
                connect_timeout=10,
            )
            with psycopg.connect(**parameters, autocommit=True, cursor_factory=psycopg.ClientCursor) as console:
                yield console

    def _write(self) -> None:
        settings = self.settings
        users = {**settings.users, ADMIN_USER: ""}
        files = {
            "userlist.txt": "".join(f"{_quoted(name)} {_quoted(word)}\n" for name, word in users.items()),
            "pgbouncer.ini": self._text(),
        }
        if settings.role is not None:
            give_to_servers(*self._authority.issue_client(self._folder, name=settings.role))
        for name, text in files.items():
            write_private(self._folder / name, text, of_servers=True)

    def _text(self) -> str:
        settings, target, folder = self.settings, self.settings.target, self._folder
        # Without a target: a port where nobody listens. PgBouncer would keep a `*` that is merely left out.
        where = f"host={target.address} port={target.port}" if target else f"host={settings.address} port=1"
        databases = "".join(f"{name} = {where}\n" for name in [*self._databases, "*"])
        values = {
            "listen_addr": "",
            # Relative to its folder, for a socket's path holds no more than 107 characters.
            "unix_socket_dir": PRIVATE_FOLDER,
            "unix_socket_mode": "0700",
            "listen_port": PORT,
            "auth_type": "trust",
            "auth_file": folder / "userlist.txt",
            "admin_users": ADMIN_USER,
            "pool_mode": "session",
            "server_reset_query": "DISCARD ALL",
            "max_db_connections": settings.ceiling,
            "default_pool_size": settings.ceiling,
            "max_client_conn": settings.ceiling + _MORE_SESSIONS,
            "server_idle_timeout": _IDLE_SECONDS,
            "server_lifetime": _LIFETIME_SECONDS,
            "query_wait_timeout": 0,  # how long a client waits is the gate's to say
            "server_tls_sslmode": "verify-full",
            "server_tls_ca_file": folder / "ca.pem",
            "server_tls_cert_file": folder / "client.pem" if settings.role else "",
            "server_tls_key_file": folder / "client.key" if settings.role else "",
            "server_login_retry": 1,
            "log_connections": 0,
            "log_disconnections": 0,
        }
        lines = "".join(f"{key} = {value}\n" for key, value in values.items())
        return f"[databases]\n{databases}\n[pgbouncer]\n{lines}"

    def _answers(self) -> bool:
        try:
            self.show("VERSION")
        except (psycopg.OperationalError, OSError):
            return False
        return True


def _binary() -> str:
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise LaptopError("PgBouncer is not installed; run `make setup`, which installs it or says how")
    return found


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
