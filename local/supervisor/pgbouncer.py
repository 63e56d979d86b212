"""One PgBouncer that stands in for an RDS Proxy.

What it does as RDS Proxy does: one shared pool per user and database, transaction pooling, a limit as a share of
max_connections, clients that wait up to the borrow timeout, TLS on both sides, logins checked against the secrets. What
it does not: it never pins a session.
"""

import contextlib
import re
import secrets
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from .certificates import Authority
from .errors import LaptopError
from .private_file import write_private
from .processes import Server, free_of_others, give_to_servers, keep_from_servers

PRIVATE_PORT = 6432
# The folder of its socket for the gate, beside its files: nobody else may enter it.
PRIVATE_FOLDER = "private"
ADMIN_USER = "laptop-supervisor"
# RDS Proxy closes database connections that were idle for 5 minutes, and lets no session live beyond 24 h.
_IDLE_SECONDS = 300
_LIFETIME_SECONDS = 86_400
# Names that PgBouncer's file can hold; all that RDS takes for a first database are such.
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_AT_ONCE_SECONDS = 0.001
# A gate that has thousands of clients to bring in finds the queue full otherwise.
_BACKLOG = 4096


@dataclass(frozen=True, kw_only=True)
class Target:
    """The database behind a proxy, by address (its certificate names that as well)."""

    address: str
    port: int
    max_connections: int


@dataclass(frozen=True, kw_only=True)
class PgBouncerSettings:
    """What a proxy is asked to be; percents are of max_connections, timeouts in seconds.

    `users` is name → password at the database, which is empty for who has none there (IAM on both sides).
    """

    name: str
    address: str
    port: int
    require_tls: bool = True
    idle_client_timeout: int = 1800
    max_connections_percent: int = 100
    connection_borrow_timeout: int = 120
    init_query: str | None = None
    target: Target | None = None
    users: dict[str, str] = field(default_factory=dict, repr=False)
    gated: bool = False
    """Whether an IAM gate stands in front of it: it ends TLS and checks tokens, and PgBouncer has a private port."""
    token_users: frozenset[str] = frozenset()
    """Those of its users whom the gate lets in with a token, and with nothing else."""
    role: str | None = None
    """The role it logs in to the database as, with a certificate of that name; none with secrets alone."""
    client_limit: int = 10_000
    """How many client connections it takes: more than any storm here. RDS's own limit is not published."""

    @property
    def own_port(self) -> int:
        """The port PgBouncer itself listens on."""
        return PRIVATE_PORT if self.gated else self.port

    @property
    def ceiling(self) -> int:
        """Database connections at most: floor(max_connections × percent), and at least one."""
        if self.target is None:
            return 1
        return max(1, self.target.max_connections * self.max_connections_percent // 100)


class PgBouncer:
    """A pooler in `folder`."""

    def __init__(self, folder: Path, settings: PgBouncerSettings, authority: Authority) -> None:
        self.settings = settings
        self._folder = folder
        self._authority = authority
        self._config = folder / "pgbouncer.ini"
        self._admin_password_file = folder / "admin.password"
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
            LaptopError: the address is taken, or the pooler does not start; with the end of its log.
        """
        keep_from_servers(self._folder)
        free_of_others(self.settings.address, self.settings.own_port)
        if not self._admin_password_file.exists():
            write_private(self._admin_password_file, secrets.token_urlsafe(24))
        private = self._folder / PRIVATE_FOLDER
        private.mkdir(mode=0o700, exist_ok=True)
        give_to_servers(private)
        bundle = self._folder / "ca.pem"
        shutil.copyfile(self._authority.bundle, bundle)
        give_to_servers(bundle)
        if not self.settings.gated:  # else the gate is who shows the proxy's certificate, and nobody else has it
            name, address = self.settings.name, self.settings.address
            give_to_servers(*self._authority.issue(self._folder, name=name, address=address))
        self._write()
        self.server.start()

    def change(self, settings: PgBouncerSettings) -> None:
        """Take other settings without losing the endpoint or a client connection; name, address and port must stay."""
        if settings == self.settings:
            return
        if settings.target != self.settings.target or settings.init_query != self.settings.init_query:
            self._name_databases()
        self.settings = settings
        self._apply()

    def stop(self) -> None:
        """End it."""
        self.server.stop()

    def show(self, what: str) -> list[dict[str, object]]:
        """Rows of PgBouncer's admin console, such as `show("POOLS")`."""
        with self._console() as console:
            cursor = console.execute(f"SHOW {what}")  # our own words only
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def _name_databases(self) -> None:
        """Write down the databases that clients have asked for: no reload changes one that came in by `*`."""
        with contextlib.suppress(psycopg.OperationalError):  # one that is just restarted has none
            names = {str(row["name"]) for row in self.show("DATABASES")} - {"pgbouncer"}
            self._databases = sorted(filter(_NAME.fullmatch, names))
            self._apply()

    def _apply(self) -> None:
        """Write the configuration, and have it read before we go on."""
        self._write()
        try:
            with self._console() as console:
                console.execute("RELOAD")
        except psycopg.OperationalError:
            self.server.signal(signal.SIGHUP)  # too busy to answer; one that is just restarted reads it anyway

    def _console(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host=self.settings.address,
            port=self.settings.own_port,
            dbname="pgbouncer",
            user=ADMIN_USER,
            password=self._admin_password_file.read_text(),
            require_auth="scram-sha-256",
            sslmode="disable" if self.settings.gated else "verify-full",
            sslrootcert=str(self._authority.bundle),
            connect_timeout=10,
            autocommit=True,
            cursor_factory=psycopg.ClientCursor,
        )

    def _write(self) -> None:
        settings = self.settings
        users = {**settings.users, ADMIN_USER: self._admin_password_file.read_text()}
        files = {
            "userlist.txt": "".join(f"{_quoted(name)} {_quoted(word)}\n" for name, word in users.items()),
            "hba.conf": self._logins(),
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
        if settings.init_query:
            one_line = re.sub(r"[\r\n]+", " ", settings.init_query).replace("'", "''")
            where += f" connect_query='{one_line}'"
        databases = "".join(f"{name} = {where}\n" for name in [*self._databases, "*"])
        client_tls = {
            "client_tls_sslmode": "require" if settings.require_tls else "allow",
            "client_tls_cert_file": folder / "server.pem",
            "client_tls_key_file": folder / "server.key",
        }
        values = {
            "listen_addr": settings.address,
            "listen_port": settings.own_port,
            # Relative to its folder, for a socket's path holds no more than 107 characters.
            "unix_socket_dir": PRIVATE_FOLDER if settings.gated else "",
            "unix_socket_mode": "0700",
            "listen_backlog": _BACKLOG,
            "auth_type": "hba",
            "auth_hba_file": folder / "hba.conf",
            "auth_file": folder / "userlist.txt",
            "admin_users": ADMIN_USER,
            "pool_mode": "transaction",
            "max_db_connections": settings.ceiling,
            "default_pool_size": settings.ceiling,
            "server_idle_timeout": _IDLE_SECONDS,
            "server_lifetime": _LIFETIME_SECONDS,
            "client_idle_timeout": settings.idle_client_timeout,
            # 0 means "at once" to RDS and "for ever" to PgBouncer: the shortest time it can tell from that.
            "query_wait_timeout": settings.connection_borrow_timeout or _AT_ONCE_SECONDS,
            "max_client_conn": settings.client_limit,
            **({} if settings.gated else client_tls),
            "server_tls_sslmode": "verify-full",
            "server_tls_ca_file": folder / "ca.pem",
            "server_tls_cert_file": folder / "client.pem" if settings.role else "",
            "server_tls_key_file": folder / "client.key" if settings.role else "",
            "server_login_retry": 1,
            "tcp_keepalive": 1,
            "log_connections": 0,
            "log_disconnections": 0,
        }
        lines = "".join(f"{key} = {value}\n" for key, value in values.items())
        return f"[databases]\n{databases}\n[pgbouncer]\n{lines}"

    def _logins(self) -> str:
        """Who may log in how. Whoever comes by the socket was let in by the gate."""
        lines = ["local all all trust"]
        lines += [
            f"host all {_quoted(name)} 127.0.0.0/8 reject" for name, word in self.settings.users.items() if not word
        ]
        lines += ["host all all 127.0.0.0/8 scram-sha-256"]
        return "".join(f"{line}\n" for line in lines)

    def _answers(self) -> bool:
        try:
            self.show("VERSION")
        except psycopg.OperationalError:
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
