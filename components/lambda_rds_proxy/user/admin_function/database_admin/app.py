"""The private admin function: makes the application's user, and verifies the way through the proxy.

Only Pulumi invokes it. Its input names hosts and ARNs and holds no secret; what it answers and logs holds none either.
It stands alone in its zip, so it shares no code with the handler.
"""

import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import boto3
import botocore.exceptions

from .bootstrap_sql import TIMEOUTS, Timeouts
from .ownership import UserSecret
from .secret import LoginSecret, login_in
from .server import AdminError, DatabaseNotReadyError, DatabaseRefusedError, Login, Server, is_sendable, master_secret

_T = TypeVar("_T")
# How long a run keeps trying to reach secrets and database, in seconds: a new role's permissions and a new instance's
# name take up to a minute to be known everywhere. Verifying takes its own limit, for a new proxy takes minutes.
_CREATE_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
# What must be left of the invocation to answer in, in seconds.
_ANSWER_SECONDS = 3.0
# Roles that are RDS's or PostgreSQL's own: "DB cluster roles" and "Predefined Roles" of their manuals.
_RESERVED = re.compile(r"(?i)(rds|pg_|mysql\.).*")
# What errors usually mean behind RDS Proxy: RDS User Guide, "Troubleshooting RDS Proxy".
_CAUSES = (
    (("AWSPENDING",), "one that failed, if this goes on: end it with that command"),
    (("authentication method", "asks for the password as it is"), "this is not the server that it should be"),
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

    def session(self, server: Server, login: Login, seconds: float) -> AbstractContextManager["Session"]:
        """A session for a block; raises DatabaseNotReadyError and DatabaseRefusedError."""


class Session(Protocol):
    """What can be done in a session."""

    def ensure_user(self, user: str, secret: UserSecret | None, *, maker: str, adopt: bool, timeouts: Timeouts) -> bool:
        """Bring a user, its grants and its timeouts to their stated form; whether it had to be made."""

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

    Takes engine, host, port, database, masterSecretArn, user, rdsIam, userSecretArn unless rdsIam, and adopt for a user
    that somebody else made, and timeouts, of `TIMEOUTS` those that are to be stated, in milliseconds, null for the
    server's own. The master's login goes to the one server that this function was made for. The user may use the one
    database and own tables in it, nothing else; see `bootstrap_sql`.
    """
    engine = driver(str(event.get("engine", "postgresql")))
    (server, master_secret_arn), user = Server.made_for(event), str(event["user"])
    rds_iam = bool(event.get("rdsIam"))
    if _RESERVED.fullmatch(user):
        raise AdminError(f"the user {user} is RDS's or the server's own; choose another name")
    timeouts = _timeouts(event.get("timeouts") or {})

    def attempt(left: float) -> bool:
        master = login_in(master_secret_arn)
        if user == master.user:
            raise AdminError(f"the user {user} is the master user; choose another name")
        secret = None if rds_iam else LoginSecret(str(event["userSecretArn"]), server, engine.SECRET_ENGINE)
        with engine.session(server, master, left) as session:
            maker = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
            adopt = bool(event.get("adopt"))
            return session.ensure_user(user, secret, maker=maker, adopt=adopt, timeouts=timeouts)

    limit = min(seconds, _CREATE_SECONDS)
    made, _ = _until(attempt, limit, f"the user {user} could not be made at {server.host}")
    return {"user": user, "created": made, "rdsIam": rds_iam}


def _timeouts(told: dict[str, Any]) -> Timeouts:
    """What an event says of timeouts, and no other setting of a role: some of those run code as whoever logs in."""
    for name, milliseconds in told.items():
        if name not in TIMEOUTS:
            raise AdminError(f"timeouts has {name}; it may have {' and '.join(TIMEOUTS)}")
        if milliseconds is not None and (type(milliseconds) not in (int, float) or milliseconds % 1):
            raise AdminError(f"timeouts has {name} {milliseconds}; it must be whole milliseconds, or null")
    return {name: None if milliseconds is None else int(milliseconds) for name, milliseconds in told.items()}


def verify(event: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Connect through the proxy as the application's user, until it answers or time is up.

    Takes engine, host, port, database, user, auth (secret or iam), userSecretArn for secret, timeoutSeconds. Whoever
    invokes this says the host, so a password goes to names of RDS alone, and never the master's.
    """
    engine = driver(str(event.get("engine", "postgresql")))
    server, user = Server.of(event, "amazon-trust-services.pem"), str(event["user"])
    by_secret = event.get("auth") == "secret"
    if by_secret and not server.is_of_rds:
        raise AdminError(f"host is {server.host}, which is no name of RDS; a password is sent to a proxy of RDS alone")

    def attempt(left: float) -> tuple[str, str, str]:
        if by_secret:
            login = login_in(str(event["userSecretArn"]), never=master_secret())
            if login.user != user:
                raise AdminError(f"the secret {event['userSecretArn']} is not of the user {user}")
        else:
            client = boto3.client("rds")
            token = client.generate_db_auth_token(DBHostname=server.host, Port=server.port, DBUsername=user)
            login = Login(user=user, password=token, is_token=True)
        with engine.session(server, login, left) as session:
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
