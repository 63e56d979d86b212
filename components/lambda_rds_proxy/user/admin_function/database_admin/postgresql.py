"""PostgreSQL: makes a user with its grants, and says as whom a connection got through."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import sql
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

from .server import CONNECT_SECONDS, AdminError, DatabaseNotReadyError, DatabaseRefusedError, Server

# What AWS's rotation functions look for in a secret.
SECRET_ENGINE = "postgres"  # noqa: S105 - the name of an engine
# Any number, the same for every run: roles and grants of one database are changed by one run at a time.
_LOCK = 20_231_110
_T = TypeVar("_T")


@contextmanager
def session(server: Server, user: str, password: str, seconds: float) -> Iterator["Session"]:
    """A session for a block, verified by TLS, which waits no longer than `seconds` from now.

    Raises:
        DatabaseNotReadyError: nobody answered, the login was refused, or the connection was lost.
        DatabaseRefusedError: any other error of a statement.
        AdminError: a value cannot be sent to a server.
    """
    try:
        with _connect(server, user, password, seconds) as connection:
            yield Session(connection, server.database)
    except psycopg.OperationalError as error:
        late = isinstance(error, psycopg.errors._WaitTimeout)
        raise DatabaseNotReadyError(reason(error), out_of_time=late) from None
    except psycopg.Error as error:
        raise DatabaseRefusedError(reason(error)) from None


class Session:
    """What the admin function does in one connection."""

    def __init__(self, connection: "_Connection", database: str) -> None:
        self._connection = connection
        self._database = database

    def ensure_user(self, user: str, password: Callable[[], str] | None) -> bool:
        """Bring a user and its grants to their stated form; whether it had to be made.

        Args:
            user: its name.
            password: gives its password, called once nobody else is at it; None for a user that logs in with a token.

        Raises:
            AdminError: the master user has not the right to.
        """
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            made = self._ensure_role(user, password and password())
            self._ensure_grants(user, rds_iam=password is None)
            return made

    def facts(self) -> tuple[str, str, str]:
        """User, database and server, as the server itself says."""
        row = self._connection.execute("SELECT current_user, current_database(), version()").fetchone()
        user, database, version = row or ("", "", "")
        return str(user), str(database), str(version)

    def _ensure_role(self, user: str, password: str | None) -> bool:
        """Whether the role had to be made; its password is set in either case."""
        connection = self._connection
        found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user]).fetchone()
        # SCRAM on this side: the statement, which servers may log, then holds a verifier instead of the password.
        verifier = password and connection.pgconn.encrypt_password(
            password.encode(), user.encode(), b"scram-sha-256"
        ).decode("ascii")
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                sql.SQL("ALTER" if found else "CREATE"), sql.Identifier(user), sql.Literal(verifier)
            )
        )
        return found is None

    def _ensure_grants(self, user: str, *, rds_iam: bool) -> None:
        connection, database, role = self._connection, self._database, sql.Identifier(user)
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), role))
        connection.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(role))
        # A grant by someone who may not grant is a warning only.
        may = connection.execute(
            "SELECT has_database_privilege(%(user)s, %(database)s, 'CONNECT')"
            " AND has_schema_privilege(%(user)s, 'public', 'CREATE')",
            {"user": user, "database": database},
        ).fetchone()
        if may != (True,):
            raise AdminError(
                f"the master user may not grant on {database}, for it does not own it; run as its owner what is "
                "printed with bootstrap: false"
            )
        # A user with rds_iam cannot log in with a password, and one without it cannot with a token.
        if rds_iam != self._has_rds_iam(user):
            connection.execute(sql.SQL("GRANT rds_iam TO {}" if rds_iam else "REVOKE rds_iam FROM {}").format(role))
            if rds_iam != self._has_rds_iam(user):
                raise AdminError(f"rds_iam was granted to {user} by another role; revoke it there")

    def _has_rds_iam(self, user: str) -> bool:
        found = self._connection.execute(
            "SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member "
            "WHERE r.rolname = 'rds_iam' AND u.rolname = %s",
            [user],
        ).fetchone()
        return found is not None


class _Connection(psycopg.Connection[TupleRow]):
    """psycopg's connection, whose statements wait no longer than until `deadline` on the monotonic clock."""

    deadline = float("inf")

    def wait(self, gen: PQGen[_T], interval: float = 0.1, timeout: float | None = None) -> _T:
        """Wait for the database; past the deadline psycopg's `OperationalError` says "wait timeout expired"."""
        left = max(self.deadline - time.monotonic(), 0.0)
        return super().wait(gen, interval, timeout if left == float("inf") else left)


def _connect(server: Server, user: str, password: str, seconds: float) -> _Connection:
    server.check_sendable(user, password)
    connection = _Connection.connect(
        host=server.host,
        port=server.port,
        dbname=server.database,
        user=user,
        password=password,
        # What libpq would otherwise take from PGGSSENCMODE, which goes before TLS, and from PGSSL….
        gssencmode="disable",
        sslmode="verify-full",
        sslrootcert=server.bundle,
        ssl_min_protocol_version="TLSv1.2",
        # For each address of the name anew, of which a proxy's has two; psycopg's shortest is 2 s.
        connect_timeout=max(2, min(CONNECT_SECONDS, int(seconds / 2))),
        autocommit=True,
        prepare_threshold=None,
    )
    connection.deadline = time.monotonic() + seconds
    return connection


def reason(error: psycopg.Error) -> str:
    """One line without the statement, which a server quotes under its message."""
    return error.diag.message_primary or " ".join(str(error).split())[:300] or type(error).__name__
