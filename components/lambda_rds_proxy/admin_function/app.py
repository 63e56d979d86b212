"""The private admin function: makes the application's user, and verifies the way through the proxy.

Only Pulumi invokes it. Its input names hosts and ARNs and holds no secret; what it answers and logs holds none either.
"""

import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

import boto3
import psycopg
from psycopg import sql

_CERTIFICATES = Path(__file__).parent / "certificates"
_CONNECT_SECONDS = 10
# The longest pause between two attempts to connect through a proxy that is still starting.
_LONGEST_PAUSE_SECONDS = 10.0
# What is left of the invocation for answering.
_ANSWER_SECONDS = 3.0


class AdminError(RuntimeError):
    """What went wrong, without any secret, and what to look at."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """`{"action": "create-user" | "verify", …}`; see `create_user` and `verify` for what else they take."""
    if event.get("engine", "postgresql") != "postgresql":
        raise AdminError(
            f'engine "{event["engine"]}" is not supported by this function yet; set bootstrap: false and make the user '
            "with the SQL that is printed"
        )
    actions = {"create-user": create_user, "verify": verify}
    action = actions.get(str(event.get("action")))
    if action is None:
        raise AdminError(f'action "{event.get("action")}" is unknown; use one of {", ".join(actions)}')
    return action(event, context)


def create_user(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001
    """Make the application's user and its secret, or bring them to the stated form: run it as often as you like.

    Takes host, port, database, masterSecretArn, user, rdsIam, and userSecretArn unless rdsIam.
    """
    user, database = str(event["user"]), str(event["database"])
    master = _secret(str(event["masterSecretArn"]))
    password = None if event.get("rdsIam") else _own_password(str(event["userSecretArn"]), user, event)
    with _connect(event, user=master["username"], password=master["password"], bundle="rds.pem") as connection:
        made = _ensure_role(connection, user, password)
        _grant(connection, user, database, rds_iam=bool(event.get("rdsIam")))
    return {"user": user, "created": made, "rdsIam": bool(event.get("rdsIam"))}


def _own_password(secret_arn: str, user: str, event: dict[str, Any]) -> str:
    """The password in the user's secret; made and stored here if there is none for this user yet."""
    client = boto3.client("secretsmanager")
    try:
        current = json.loads(client.get_secret_value(SecretId=secret_arn)["SecretString"])
        if current.get("username") == user and current.get("password"):
            return str(current["password"])
    except client.exceptions.ResourceNotFoundException:
        pass  # the secret has no value yet
    password = secrets.token_urlsafe(32)
    value = {"username": user, "password": password, "engine": "postgres", "dbname": event["database"]}
    client.put_secret_value(SecretId=secret_arn, SecretString=json.dumps(value))
    return password


def _ensure_role(connection: "psycopg.Connection[Any]", user: str, password: str | None) -> bool:
    """Whether the role had to be made; its password is set in either case."""
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user]).fetchone()
    verb = sql.SQL("ALTER" if found else "CREATE")
    # SCRAM on this side: the statement, which servers may log, then holds a verifier instead of the password.
    verifier = (
        None
        if password is None
        else connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
    )
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(user), sql.Literal(verifier))
    )
    return found is None


def _grant(connection: "psycopg.Connection[Any]", user: str, database: str, *, rds_iam: bool) -> None:
    role = sql.Identifier(user)
    grants = [
        sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(sql.Identifier(database), role),
        sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(role),
    ]
    # A user with rds_iam cannot log in with a password: only end-to-end IAM wants it.
    member = connection.execute(
        "SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member "
        "WHERE r.rolname = 'rds_iam' AND u.rolname = %s",
        [user],
    ).fetchone()
    if rds_iam and not member:
        grants.append(sql.SQL("GRANT rds_iam TO {}").format(role))
    if member and not rds_iam:
        grants.append(sql.SQL("REVOKE rds_iam FROM {}").format(role))
    for statement in grants:
        connection.execute(statement)


def verify(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401
    """Connect through the proxy as the application's user, until it answers or time is up.

    Takes host, port, database, user, auth (secret or iam), userSecretArn for secret, timeoutSeconds.

    Raises:
        AdminError: with the last reason and its likely cause.
    """
    started = time.monotonic()
    seconds = min(
        float(event.get("timeoutSeconds", 300)), context.get_remaining_time_in_millis() / 1000 - _ANSWER_SECONDS
    )
    pause, attempts = 0.5, 0
    while True:
        attempts += 1
        try:
            with _connect(
                event,
                user=str(event["user"]),
                password=_application_password(event),
                bundle="amazon-trust-services.pem",
            ) as connection:
                row = connection.execute("SELECT current_user, current_database(), version()").fetchone()
            assert row is not None  # noqa: S101 - a SELECT without FROM has a row
            return {"user": row[0], "database": row[1], "server": row[2], "attempts": attempts}
        except (psycopg.Error, OSError) as error:
            left = seconds - (time.monotonic() - started)
            if left <= pause:
                raise AdminError(
                    f"no connection through the proxy {event['host']} as {event['user']} within {seconds:.0f} s "
                    f"({attempts} attempts): {_reason(error)}; {_likely_cause(str(error))}"
                ) from None
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _application_password(event: dict[str, Any]) -> str:
    if event.get("auth") == "secret":
        return str(_secret(str(event["userSecretArn"]))["password"])
    client = boto3.client("rds")
    token = client.generate_db_auth_token(DBHostname=event["host"], Port=event["port"], DBUsername=event["user"])
    return str(token)


def _secret(arn: str) -> dict[str, str]:
    value = boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    found: dict[str, str] = json.loads(value)
    return found


def _connect(event: dict[str, Any], *, user: str, password: str, bundle: str) -> "psycopg.Connection[Any]":
    return psycopg.connect(
        host=str(event["host"]),
        port=int(event["port"]),
        dbname=str(event["database"]),
        user=user,
        password=password,
        sslmode="verify-full",
        sslrootcert=os.environ.get("DB_SSL_ROOT_CERT") or str(_CERTIFICATES / bundle),
        connect_timeout=_CONNECT_SECONDS,
        autocommit=True,
        prepare_threshold=None,
    )


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _likely_cause(text: str) -> str:
    """What such an error usually means behind RDS Proxy (User Guide, "Troubleshooting RDS Proxy")."""
    causes = [
        (("could not translate host", "Name or service not known"), "the proxy's name does not resolve in this VPC"),
        (
            ("certificate", "SSL error"),
            "the server's certificate is not one of Amazon Trust Services, or not for this name",
        ),
        (
            ("password", "SASL", "IAM authentication", "no credentials for the role", "no such user"),
            "the secret, the database user and the proxy's auth do not agree",
        ),
        (
            ("Timed-out waiting", "query_wait_timeout"),
            "the proxy got no database connection: target, security group, limit",
        ),
        (("timeout expired", "timed out"), "a security group or route is missing between function and proxy"),
        (("Connection refused",), "nothing listens there: the proxy is still starting, or the port is wrong"),
    ]
    for words, cause in causes:
        if any(word in text for word in words):
            return f"likely: {cause}"
    return "see the proxy's target health and its log group"
