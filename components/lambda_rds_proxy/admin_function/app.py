"""The private admin function: makes the application's user, and verifies the way through the proxy.

Only Pulumi invokes it. Its input names hosts and ARNs and holds no secret; what it answers and logs holds none either.
It stands alone in its zip, so it shares no code with the handler.
"""

import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
import botocore.config
import botocore.exceptions
import psycopg
from psycopg import sql
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

_T = TypeVar("_T")
_CERTIFICATES = Path(__file__).parent / "certificates"
# How long a run keeps trying to reach secrets and database, in seconds: a new role's permissions and a new instance's
# name take up to a minute to be known everywhere. Verifying takes its own limit, for a new proxy takes minutes.
_CREATE_SECONDS = 60.0
_CONNECT_SECONDS = 10
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
# What must be left of the invocation to answer in, in seconds.
_ANSWER_SECONDS = 3.0
# Any number, the same for every run: roles and grants of one database are changed by one run at a time.
_LOCK = 20_231_110
# What errors usually mean behind RDS Proxy: RDS User Guide, "Troubleshooting RDS Proxy".
_CAUSES = (
    (("resolve host", "translate host", "Name or service not known"), "the name does not resolve in this VPC"),
    (("certificate", "SSL error"), "the server's certificate is of another authority, or not for this name"),
    (("AccessDenied",), "the function's role does not allow it, or not yet"),
    (("ConnectTimeout", "EndpointConnection", "ReadTimeout"), "there is no way to AWS's API: add an endpoint or NAT"),
    (
        ("password", "SASL", "IAM authentication", "no credentials for the role", "no such user"),
        "the secret, the database's user and the proxy's auth do not agree",
    ),
    (
        ("Timed-out waiting", "query_wait_timeout", "wait timeout expired"),
        "the proxy gets no database connection: look at the target's health, its security group, max_connections",
    ),
    (("timeout expired", "timed out"), "a security group or a route is missing on the way"),
    (("Connection refused",), "nothing listens there: it is still starting, or the port is wrong"),
    (("too many clients", "remaining connection slots"), "the database has no connection left"),
)


class AdminError(RuntimeError):
    """What went wrong, without any secret, and what to look at."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """`{"action": "create-user" | "verify", …}`; see `create_user` and `verify` for what else they take.

    Raises:
        AdminError: in one sentence, which Pulumi shows.
    """
    if event.get("engine", "postgresql") != "postgresql":
        raise AdminError(
            f'engine "{event["engine"]}" is not supported by this function yet; set bootstrap: false and make the user '
            "with the SQL that is printed"
        )
    action = {"create-user": create_user, "verify": verify}.get(str(event.get("action")))
    if action is None:
        raise AdminError(f'action "{event.get("action")}" is unknown; it must be create-user or verify')
    return action(event, context.get_remaining_time_in_millis() / 1000 - _ANSWER_SECONDS)


def create_user(event: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Make the application's user and its secret, or bring them to the stated form: run it as often as you like.

    Takes host, port, database, masterSecretArn, user, rdsIam, and userSecretArn unless rdsIam. The user may connect to
    the database and own tables in its schema `public`, nothing else; see `bootstrap_sql`.
    """
    server, user = _Server.of(event, "rds.pem"), str(event["user"])
    rds_iam = bool(event.get("rdsIam"))

    def attempt(left: float) -> bool:
        master = _secret(str(event["masterSecretArn"]))
        with server.connect(master["username"], master["password"], left) as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            password = None if rds_iam else _ensure_secret(str(event["userSecretArn"]), user, server)
            made = _ensure_role(connection, user, password)
            _ensure_grants(connection, user, server.database, rds_iam=rds_iam)
            return made

    limit = min(seconds, _CREATE_SECONDS)
    made, _ = _until(attempt, limit, f"the user {user} could not be made at {server.host}")
    return {"user": user, "created": made, "rdsIam": rds_iam}


def verify(event: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Connect through the proxy as the application's user, until it answers or time is up.

    Takes host, port, database, user, auth (secret or iam), userSecretArn for secret, timeoutSeconds.
    """
    server, user = _Server.of(event, "amazon-trust-services.pem"), str(event["user"])

    def attempt(left: float) -> dict[str, str]:
        if event.get("auth") == "secret":
            password = _secret(str(event["userSecretArn"]))["password"]
        else:
            client = boto3.client("rds")
            password = client.generate_db_auth_token(DBHostname=server.host, Port=server.port, DBUsername=user)
        with server.connect(user, password, left) as connection:
            row = connection.execute("SELECT current_user, current_database(), version()").fetchone()
        return dict(zip(("user", "database", "server"), row or (), strict=True))

    limit = min(seconds, float(event.get("timeoutSeconds", 300)))
    facts, attempts = _until(attempt, limit, f"no connection through the proxy {server.host} as {user}")
    return {**facts, "attempts": attempts}


def _until(attempt: Callable[[float], _T], seconds: float, problem: str) -> tuple[_T, int]:
    """What `attempt`, told the seconds that are left, gives, and how many it took; only what may pass is repeated."""
    began = time.monotonic()
    pause, attempts, reason = _FIRST_PAUSE_SECONDS, 0, ""
    while True:
        attempts += 1
        try:
            return attempt(seconds - (time.monotonic() - began)), attempts
        except (psycopg.OperationalError, botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            # An attempt that ran out of time says less than the one before it.
            if not (reason and isinstance(error, psycopg.errors._WaitTimeout)):
                reason = _reason(error)
        except psycopg.Error as error:
            raise AdminError(f"{problem}: {_reason(error)}") from None
        if seconds - (time.monotonic() - began) <= pause:
            raise AdminError(
                f"{problem} within {seconds:.0f} s ({attempts} attempts): {reason}; {_likely_cause(reason)}"
            )
        print(f"attempt {attempts}: {reason}")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _secret(arn: str) -> dict[str, str]:
    value = _secrets_manager().get_secret_value(SecretId=arn)["SecretString"]
    try:
        found: dict[str, str] = json.loads(value)
        return {"username": str(found["username"]), "password": str(found["password"])}
    except (ValueError, KeyError, TypeError):
        raise AdminError(f'the secret {arn} is not JSON with "username" and "password"') from None


def _ensure_secret(arn: str, user: str, server: "_Server") -> str:
    """The password in the user's secret; made here if there is none for this user yet."""
    client = _secrets_manager()
    try:
        current = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
    except (client.exceptions.ResourceNotFoundException, ValueError):
        current = {}  # no value yet, or not ours
    known = isinstance(current, dict) and current.get("username") == user and current.get("password")
    password = str(current["password"]) if known else secrets.token_urlsafe(32)
    # The proxy needs the first two; the rest is what AWS's rotation functions look for.
    value = {
        "username": user,
        "password": password,
        "engine": "postgres",
        "host": server.host,
        "port": server.port,
        "dbname": server.database,
    }
    if current != value:
        client.put_secret_value(SecretId=arn, SecretString=json.dumps(value))
    return password


def _secrets_manager() -> Any:  # noqa: ANN401 - boto3 has no types
    limits = botocore.config.Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 2})
    return boto3.client("secretsmanager", config=limits)


def _ensure_role(connection: "_Connection", user: str, password: str | None) -> bool:
    """Whether the role had to be made; its password is set in either case."""
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


def _ensure_grants(connection: "_Connection", user: str, database: str, *, rds_iam: bool) -> None:
    role = sql.Identifier(user)
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
            f"the master user may not grant on {database}, for it does not own it; run as its owner what is printed "
            "with bootstrap: false"
        )
    # A user with rds_iam cannot log in with a password, and one without it cannot with a token.
    if rds_iam != _has_rds_iam(connection, user):
        connection.execute(sql.SQL("GRANT rds_iam TO {}" if rds_iam else "REVOKE rds_iam FROM {}").format(role))
        if rds_iam != _has_rds_iam(connection, user):
            raise AdminError(f"rds_iam was granted to {user} by another role; revoke it there")


def _has_rds_iam(connection: "_Connection", user: str) -> bool:
    found = connection.execute(
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


@dataclass(frozen=True, kw_only=True)
class _Server:
    """Where to connect, and the bundle that verifies it."""

    host: str
    port: int
    database: str
    bundle: str

    @classmethod
    def of(cls, event: dict[str, Any], bundle: str) -> "_Server":
        return cls(
            host=str(event["host"]),
            port=int(event["port"]),
            database=str(event["database"]),
            bundle=os.environ.get("DB_SSL_ROOT_CERT") or str(_CERTIFICATES / bundle),
        )

    def connect(self, user: str, password: str, seconds: float) -> _Connection:
        connection = _Connection.connect(
            host=self.host,
            port=self.port,
            dbname=self.database,
            user=user,
            password=password,
            sslmode="verify-full",
            sslrootcert=self.bundle,
            # For each address of the name anew, of which a proxy's has two; psycopg's shortest is 2 s.
            connect_timeout=max(2, min(_CONNECT_SECONDS, int(seconds / 2))),
            autocommit=True,
            prepare_threshold=None,
        )
        connection.deadline = time.monotonic() + seconds
        return connection


def _reason(error: BaseException) -> str:
    """One line without the statement, which a server quotes under its message."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    if isinstance(error, botocore.exceptions.ClientError):
        return f"{error.operation_name}: {error.response['Error']['Code']}"
    if isinstance(error, botocore.exceptions.BotoCoreError):
        return type(error).__name__
    return " ".join(str(error).split())[:300] or type(error).__name__


def _likely_cause(reason: str) -> str:
    for words, cause in _CAUSES:
        if any(word in reason for word in words):
            return f"likely {cause}"
    return "see the proxy's target health and its log group"
