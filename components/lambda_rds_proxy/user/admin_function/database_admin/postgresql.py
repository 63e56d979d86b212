"""PostgreSQL: makes a user with its grants, and says as whom a connection got through."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import sql
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

from .bootstrap_sql import Timeouts
from .ownership import Account, UserSecret, check_ours, mark
from .server import CONNECT_SECONDS, AdminError, DatabaseNotReadyError, DatabaseRefusedError, Login, Server

# What AWS's rotation functions look for in a secret.
SECRET_ENGINE = "postgres"  # noqa: S105 - the name of an engine
# Any number, the same for every run: roles and grants of one database are changed by one run at a time.
_LOCK = 20_231_110
_T = TypeVar("_T")
_ACCOUNT = """
SELECT array_remove(ARRAY[
         CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
         CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolreplication THEN 'REPLICATION' END,
         CASE WHEN rolbypassrls THEN 'BYPASSRLS' END], NULL),
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid),
       shobj_description(r.oid, 'pg_authid'),
       ARRAY(SELECT a.privilege_type FROM pg_database d, aclexplode(d.datacl) a
             WHERE d.datname = current_database() AND a.grantee = r.oid),
       ARRAY(SELECT a.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) a
             WHERE n.nspname = 'public' AND a.grantee = r.oid)
FROM pg_roles r WHERE r.rolname = %(user)s
"""


@contextmanager
def session(server: Server, login: Login, seconds: float) -> Iterator["Session"]:
    """A session for a block, verified by TLS, which waits no longer than `seconds` from now.

    Raises:
        DatabaseNotReadyError: nobody answered, the login was refused, or the connection was lost.
        DatabaseRefusedError: any other error of a statement.
        AdminError: a value cannot be sent to a server.
    """
    try:
        with _connect(server, login, seconds) as connection:
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

    def ensure_user(self, user: str, secret: UserSecret | None, *, maker: str, adopt: bool, timeouts: Timeouts) -> bool:
        """Bring a user, its grants and its timeouts to their stated form; whether it had to be made.

        Args:
            user: its name.
            secret: holds its password; None for a user that logs in with a token.
            maker: what the role is marked with.
            adopt: whether a role may be taken that somebody else made.
            timeouts: those that are stated, in milliseconds; None goes back to the server's own.

        Raises:
            AdminError: the role is not ours to take, or the master user has not the right to.
            DatabaseNotReadyError: the secret is being rotated.
        """
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            there = self._account(user)
            if there is not None:
                check_ours(there, held=secret is not None and secret.holds(user), maker=maker, adopt=adopt)
            self._ensure_role(user, None if secret is None else secret.password(user), exists=there is not None)
            self._ensure_grants(user, rds_iam=secret is None)
            self._ensure_timeouts(user, timeouts)
            self._connection.execute(
                sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(user), sql.Literal(mark(maker)))
            )
            if secret is not None:
                # Until the commit a rotation's ALTER ROLE waits for this one, so that what is seen here still holds.
                secret.check_settled()
            return there is None

    def facts(self) -> tuple[str, str, str]:
        """User, database and server, as the server itself says."""
        row = self._connection.execute("SELECT current_user, current_database(), version()").fetchone()
        user, database, version = row or ("", "", "")
        return str(user), str(database), str(version)

    def _account(self, user: str) -> Account | None:
        """What there is of this name."""
        row = self._connection.execute(_ACCOUNT, {"user": user}).fetchone()
        if row is None:
            return None
        attributes, memberships, comment, of_database, of_schema = row
        return Account(
            user=user,
            rights=[*attributes, *(f"membership in {each}" for each in memberships if each != "rds_iam")],
            mark=comment,
            as_made=(set(of_database), set(of_schema)) == ({"CONNECT"}, {"USAGE", "CREATE"}),
        )

    def _ensure_role(self, user: str, password: str | None, *, exists: bool) -> None:
        """Make the role, or set its password."""
        # SCRAM on this side: the statement, which servers may log, then holds a verifier instead of the password.
        verifier = password and self._connection.pgconn.encrypt_password(
            password.encode(), user.encode(), b"scram-sha-256"
        ).decode("ascii")
        self._connection.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                sql.SQL("ALTER" if exists else "CREATE"), sql.Identifier(user), sql.Literal(verifier)
            )
        )

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

    def _ensure_timeouts(self, user: str, timeouts: Timeouts) -> None:
        """Of the role in every database; sessions that are there keep those that they began with."""
        for name, milliseconds in timeouts.items():
            value = sql.SQL("DEFAULT") if milliseconds is None else sql.Literal(f"{milliseconds}ms")
            self._connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(sql.Identifier(user), sql.Identifier(name), value)
            )

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


def _connect(server: Server, login: Login, seconds: float) -> _Connection:
    server.check_sendable(login)
    connection = _Connection.connect(
        host=server.host,
        port=server.port,
        dbname=server.database,
        user=login.user,
        password=login.password,
        # A server that asks for a password as it is gets none: it would have it, whoever it is.
        require_auth="password" if login.is_token else "scram-sha-256,md5",
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
    """One line without the statement, which a server quotes under its message, and in it where a statement is wrong."""
    if isinstance(error, psycopg.errors.SyntaxError):
        return "syntax error"
    lines = str(error).splitlines() or [""]
    return error.diag.message_primary or " ".join(lines[0].split())[:300] or type(error).__name__
