"""The private admin function: makes the application's user, and verifies the way through the proxy.

Only Pulumi invokes it. Its input names hosts and ARNs and holds no secret; what it answers and logs holds none either.
It stands alone in its zip, so it shares no code with the handler.
"""

import json
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import boto3
import botocore.config
import botocore.exceptions

from .server import AdminError, DatabaseNotReadyError, DatabaseRefusedError, Server, is_sendable

_T = TypeVar("_T")
# How long a run keeps trying to reach secrets and database, in seconds: a new role's permissions and a new instance's
# name take up to a minute to be known everywhere. Verifying takes its own limit, for a new proxy takes minutes.
_CREATE_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
# What must be left of the invocation to answer in, in seconds.
_ANSWER_SECONDS = 3.0
# What errors usually mean behind RDS Proxy: RDS User Guide, "Troubleshooting RDS Proxy".
_CAUSES = (
    (("resolve host", "translate host", "Name or service not known"), "the name does not resolve in this VPC"),
    (("certificate", "SSL error"), "the server's certificate is of another authority, or not for this name"),
    (("AccessDenied",), "the function's role does not allow it, or not yet"),
    (("ConnectTimeout", "EndpointConnection", "ReadTimeout"), "there is no way to AWS's API: add an endpoint or NAT"),
    (
        ("password", "SASL", "IAM authentication", "no credentials for the role", "no such user", "Access denied"),
        "the secret, the database's user and the proxy's auth do not agree",
    ),
    (
        ("Timed-out waiting", "query_wait_timeout", "wait timeout expired"),
        "the proxy gets no database connection: look at the target's health, its security group, max_connections",
    ),
    (("timeout expired", "timed out"), "a security group or a route is missing on the way"),
    (("Connection refused",), "nothing listens there: it is still starting, or the port is wrong"),
    (("too many clients", "remaining connection slots", "Too many connections"), "the database has no connection left"),
)


class Driver(Protocol):
    """What each engine's module has."""

    SECRET_ENGINE: str

    def session(self, server: Server, user: str, password: str, seconds: float) -> AbstractContextManager["Session"]:
        """A session for a block; raises DatabaseNotReadyError and DatabaseRefusedError."""


class Session(Protocol):
    """What can be done in a session."""

    def ensure_user(self, user: str, password: Callable[[], str] | None) -> bool:
        """Bring a user and its grants to their stated form; whether it had to be made."""

    def facts(self) -> tuple[str, str, str]:
        """User, database and server, as the server itself says."""


def driver(engine: str) -> Driver:
    """The module of an engine; the other one's driver is not in this engine's package.

    Raises:
        AdminError: there is none.
    """
    if engine == "postgresql":
        from . import postgresql

        return postgresql
    if engine == "mysql":
        from . import mysql

        return mysql
    raise AdminError(f'engine "{engine}" is unknown; it must be postgresql or mysql')


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """`{"action": "create-user" | "verify", …}`; see `create_user` and `verify` for what else they take.

    Raises:
        AdminError: in one sentence, which Pulumi shows.
    """
    action = {"create-user": create_user, "verify": verify}.get(str(event.get("action")))
    if action is None:
        raise AdminError(f'action "{event.get("action")}" is unknown; it must be create-user or verify')
    # Of a name with a NUL a server would see what stands before it: another name.
    for key, value in event.items():
        if isinstance(value, str) and not is_sendable(value):
            raise AdminError(f"{key} holds a NUL or half a character, which no driver can send; remove it")
    return action(event, context.get_remaining_time_in_millis() / 1000 - _ANSWER_SECONDS)


def create_user(event: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Make the application's user and its secret, or bring them to the stated form: run it as often as you like.

    Takes engine, host, port, database, masterSecretArn, user, rdsIam, and userSecretArn unless rdsIam. The user may use
    the one database and own tables in it, nothing else; see `bootstrap_sql`.
    """
    engine = driver(str(event.get("engine", "postgresql")))
    server, user = Server.of(event, "rds.pem"), str(event["user"])
    rds_iam = bool(event.get("rdsIam"))

    def password() -> str:
        return _ensure_secret(str(event["userSecretArn"]), user, server, engine.SECRET_ENGINE)

    def attempt(left: float) -> bool:
        master = _secret(str(event["masterSecretArn"]))
        with engine.session(server, master["username"], master["password"], left) as session:
            return session.ensure_user(user, None if rds_iam else password)

    limit = min(seconds, _CREATE_SECONDS)
    made, _ = _until(attempt, limit, f"the user {user} could not be made at {server.host}")
    return {"user": user, "created": made, "rdsIam": rds_iam}


def verify(event: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Connect through the proxy as the application's user, until it answers or time is up.

    Takes engine, host, port, database, user, auth (secret or iam), userSecretArn for secret, timeoutSeconds.
    """
    engine = driver(str(event.get("engine", "postgresql")))
    server, user = Server.of(event, "amazon-trust-services.pem"), str(event["user"])

    def attempt(left: float) -> tuple[str, str, str]:
        if event.get("auth") == "secret":
            password = _secret(str(event["userSecretArn"]))["password"]
        else:
            client = boto3.client("rds")
            password = client.generate_db_auth_token(DBHostname=server.host, Port=server.port, DBUsername=user)
        with engine.session(server, user, password, left) as session:
            return session.facts()

    limit = min(seconds, float(event.get("timeoutSeconds", 300)))
    facts, attempts = _until(attempt, limit, f"no connection through the proxy {server.host} as {user}")
    return {**dict(zip(("user", "database", "server"), facts, strict=True)), "attempts": attempts}


def _until(attempt: Callable[[float], _T], seconds: float, problem: str) -> tuple[_T, int]:
    """What `attempt`, told the seconds that are left, gives, and how many it took; only what may pass is repeated."""
    began = time.monotonic()
    pause, attempts, reason = _FIRST_PAUSE_SECONDS, 0, ""
    while True:
        attempts += 1
        try:
            return attempt(seconds - (time.monotonic() - began)), attempts
        except DatabaseRefusedError as error:
            raise AdminError(f"{problem}: {error}") from None
        except DatabaseNotReadyError as error:
            # An attempt that ran out of time says less than the one before it.
            if not (reason and error.out_of_time):
                reason = str(error)
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            reason = _reason(error)
        if seconds - (time.monotonic() - began) <= pause:
            raise AdminError(
                f"{problem} within {seconds:.0f} s ({attempts} attempts): {reason}; {_likely_cause(reason)}"
            )
        print(f"attempt {attempts}: {reason}")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _secret(arn: str) -> dict[str, str]:
    found = _json(_secrets_manager().get_secret_value(SecretId=arn).get("SecretString", ""))
    login = {key: found.get(key) for key in ("username", "password")}
    del found  # some tools show the variables of a traceback
    if not all(isinstance(text, str) and text and is_sendable(text) for text in login.values()):
        del login
        raise AdminError(
            f'the secret {arn} is not JSON with "username" and "password", two texts that a driver can send (no NUL)'
        )
    return {key: str(text) for key, text in login.items()}


def _ensure_secret(arn: str, user: str, server: Server, engine: str) -> str:
    """The password in the user's secret; made here if there is none for this user yet."""
    client = _secrets_manager()
    try:
        current = _json(client.get_secret_value(SecretId=arn).get("SecretString", ""))
    except client.exceptions.ResourceNotFoundException:
        current = {}  # no value yet
    known = current.get("password") if current.get("username") == user else None
    # One that no client can send is worth no more than none: the database would keep what stands before the NUL.
    usable = isinstance(known, str) and known and is_sendable(known)
    password = str(known) if usable else secrets.token_urlsafe(32)
    # The proxy needs the first two; the rest is what AWS's rotation functions look for.
    value = {
        "username": user,
        "password": password,
        "engine": engine,
        "host": server.host,
        "port": server.port,
        "dbname": server.database,
    }
    if current != value:
        client.put_secret_value(SecretId=arn, SecretString=json.dumps(value))
    return password


def _json(text: str) -> dict[str, Any]:
    """The object in a secret's text; an empty one instead of an error, which would carry the text along."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _secrets_manager() -> Any:  # noqa: ANN401 - boto3 has no types
    limits = botocore.config.Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 2})
    return boto3.client("secretsmanager", config=limits)


def _reason(error: Exception) -> str:
    """An error of AWS's API in a word or two."""
    if isinstance(error, botocore.exceptions.ClientError):
        return f"{error.operation_name}: {error.response['Error']['Code']}"
    return type(error).__name__


def _likely_cause(reason: str) -> str:
    for words, cause in _CAUSES:
        if any(word in reason for word in words):
            return f"likely {cause}"
    return "see the proxy's target health and its log group"
