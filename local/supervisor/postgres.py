"""One PostgreSQL server that stands in for an RDS instance: TLS only, RDS's roles, a master without superuser."""

import secrets
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from toolchain.progress import reason
from toolchain.servers import OLDEST_POSTGRESQL, postgresql_folder

from .certificates import Authority
from .errors import LaptopError
from .libpq import regardless_of_the_environment
from .private_file import write_private
from .processes import Server, free_of_others, give_to_servers, keep_from_servers, run

_SUPERUSER = "rdsadmin"
# What sessions are called with which the laptop itself looks at the database, and which are no load.
SUPERVISOR = "supervisor"
# Roles that every RDS for PostgreSQL has: User Guide, "Understanding the rds_superuser role".
_RDS_ROLES = ("rds_superuser", "rds_iam", "rds_password", "rdsproxyadmin")
# Of RDS's parameters only those with a meaning outside RDS reach PostgreSQL; TLS is always forced here.
_OWN_PARAMETERS = frozenset({"rds.force_ssl", "max_connections"})
_ROLES_MAP = "roles"
_LOCAL_SETTINGS = {
    "unix_socket_directories": "",
    "ssl": "on",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",
    "log_connections": "off",
    "lc_messages": "C",
    "timezone": "UTC",
}


@dataclass(frozen=True, kw_only=True)
class PostgresSettings:
    """What an instance is asked to be; `name` is its host name, `address` its own loopback address."""

    name: str
    address: str
    port: int
    database: str
    username: str
    password: str = field(repr=False)
    max_connections: int
    parameters: Mapping[str, str] = field(default_factory=dict)
    iam_authentication: bool = False
    """Whether members of rds_iam are let in, by the certificate of a role that may connect as them."""


def binaries() -> Path:
    """The folder of `postgres` and `initdb`.

    Raises:
        LaptopError: PostgreSQL is not installed, or too old.
    """
    found = postgresql_folder()
    if found is None:
        raise LaptopError(
            f"PostgreSQL {OLDEST_POSTGRESQL} or later is not installed; run `make setup`, which installs it or says how"
        )
    return found


class Postgres:
    """A server in `folder`; `start` brings it to its settings whatever state it is in."""

    def __init__(self, folder: Path, settings: PostgresSettings, authority: Authority) -> None:
        self.settings = settings
        self._folder = folder
        self._data = folder / "data"
        self._authority = authority
        # Beside the data, where the server's account writes nothing: see `keep_from_servers`.
        self._ident = folder / "pg_ident.conf"
        self._password_file = folder / "rdsadmin.password"
        self.server = Server(
            f"PostgreSQL {settings.name.split('.')[0]}",
            [str(binaries() / "postgres"), "-D", str(self._data), "-c", f"config_file={folder / 'postgresql.conf'}"],
            folder=folder,
            log=folder / "postgresql.log",
            ready=self._answers,
            stop_signal=signal.SIGINT,
        )

    @classmethod
    def running(cls, state: Path, identifier: str, facts: Mapping[str, Any]) -> "Postgres":
        """The server of an instance that the supervisor runs, for who logs in to it; `state` is the laptop cloud's."""
        settings = PostgresSettings(
            name=facts["address"],
            address=facts["ip"],
            port=facts["port"],
            database="postgres",
            username="",
            password="",
            max_connections=int(facts["maxConnections"]),
        )
        return cls(state / "instances" / identifier, settings, Authority(state / "authority"))

    def start(self) -> None:
        """Make the cluster if it is not there, start it, and bring roles and database to their stated form.

        Raises:
            LaptopError: the address is taken, or the server does not start; with the end of its log.
        """
        keep_from_servers(self._folder)
        free_of_others(self.settings.address, self.settings.port)
        if not (self._data / "PG_VERSION").exists():
            self._make_cluster()
        self._configure()
        (self._data / "postmaster.pid").unlink(missing_ok=True)  # of a server that was killed with its supervisor
        self.server.start()
        self._ensure_roles_and_database()

    def admit(self, roles: Mapping[str, frozenset[str]]) -> None:
        """Let roles, by the name of their certificate, log in as these members of rds_iam, and as no others."""
        lines = "".join(
            f'{_ROLES_MAP} "{role}" "{user}"\n' for role, users in sorted(roles.items()) for user in sorted(users)
        )
        if self._ident.read_text() != lines:
            write_private(self._ident, lines, of_servers=True)
            self.server.signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it; its data stays."""
        self.server.stop()

    def superuser(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        """A connection as the superuser, for the supervisor and for tests."""
        return self.log_in(_SUPERUSER, self._password_file.read_text(), database=database, seconds=10)

    def log_in(self, user: str, password: str, *, database: str, seconds: int) -> "psycopg.Connection[Any]":
        """A connection of a user; no other server that stands there is shown a password."""
        parameters = regardless_of_the_environment(
            host=self.settings.address,
            port=self.settings.port,
            dbname=database,
            user=user,
            password=password,
            require_auth="scram-sha-256",
            sslmode="verify-full",
            sslrootcert=str(self._authority.bundle),
            connect_timeout=seconds,
            application_name=SUPERVISOR,
        )
        return psycopg.connect(**parameters, autocommit=True)

    @property
    def version(self) -> str:
        """What runs, such as 15.18."""
        with self.superuser() as connection:
            return str(connection.info.parameter_status("server_version")).split()[0]

    def _make_cluster(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # of an initdb that was killed
        password = secrets.token_urlsafe(24)
        write_private(self._password_file, password, of_servers=True)
        self._data.mkdir(mode=0o700)
        give_to_servers(self._data)
        command = [str(binaries() / "initdb"), "--pgdata", str(self._data), "--username", _SUPERUSER]
        command += ["--pwfile", str(self._password_file), "--auth", "scram-sha-256", "--encoding", "UTF8"]
        command += ["--locale", "C.UTF-8", "--no-sync"]
        status, output = run(command, folder=self._folder, as_server=True, seconds=60)
        if status:
            shutil.rmtree(self._data, ignore_errors=True)
            raise LaptopError(f"initdb failed in {self._folder}: {reason(output) or 'no output'}")
        self._ident.unlink(missing_ok=True)

    def _configure(self) -> None:
        settings = self.settings
        certificate, key = self._authority.issue(self._folder, name=settings.name, address=settings.address)
        bundle = self._folder / "ca.pem"
        shutil.copyfile(self._authority.bundle, bundle)
        give_to_servers(certificate, key, bundle)
        lines = {
            "listen_addresses": settings.address,
            "port": str(settings.port),
            "max_connections": str(settings.max_connections),
            "ssl_cert_file": str(certificate),
            "ssl_key_file": str(key),
            "ssl_ca_file": str(bundle),
            "hba_file": str(self._folder / "pg_hba.conf"),
            "ident_file": str(self._ident),
            **{key: value for key, value in settings.parameters.items() if key not in _OWN_PARAMETERS},
            **_LOCAL_SETTINGS,
        }
        # RDS with rds.force_ssl: no plain text, no trust. Everything else has no line, so it is refused. There, too, a
        # member of rds_iam has no use for a password.
        iam = f"cert map={_ROLES_MAP}" if settings.iam_authentication else "reject"
        files = {
            "postgresql.conf": "".join(f"{key} = {_quoted(value)}\n" for key, value in lines.items()),
            "pg_hba.conf": f"hostssl all +rds_iam 127.0.0.0/8 {iam}\nhostssl all all 127.0.0.0/8 scram-sha-256\n",
        }
        if not self._ident.exists():
            files["pg_ident.conf"] = ""  # else `admit` has the say, also when the server is started again
        for name, text in files.items():
            write_private(self._folder / name, text, of_servers=True)

    def _answers(self) -> bool:
        try:
            with self.superuser() as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _ensure_roles_and_database(self) -> None:
        settings = self.settings
        master = sql.Identifier(settings.username)
        with self.superuser() as connection:
            existing = {str(row[0]) for row in connection.execute("SELECT rolname FROM pg_roles")}
            for role in _RDS_ROLES:
                if role not in existing:
                    connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
            if settings.username not in existing:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB").format(master))
                connection.execute(
                    sql.SQL(
                        "GRANT rds_superuser, rds_iam, rds_password, pg_monitor, pg_signal_backend TO {} "
                        "WITH ADMIN OPTION"
                    ).format(master)
                )
                # A member of rds_iam could not log in with a password on RDS: the master hands it on, no more.
                connection.execute(sql.SQL("REVOKE rds_iam FROM {}").format(master))
            # A verifier instead of the password: a parameter may have the server log every statement.
            verifier = settings.password and connection.pgconn.encrypt_password(
                settings.password.encode(), settings.username.encode(), b"scram-sha-256"
            ).decode("ascii")
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(master, sql.Literal(verifier)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [settings.database]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(settings.database), master)
                )
        with self.superuser(settings.database) as connection:
            # RDS: the database's owner may grant on its public schema.
            connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(master))


def _quoted(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
