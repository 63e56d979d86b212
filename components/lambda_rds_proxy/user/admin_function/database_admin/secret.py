"""Secrets that hold a login. What is read of one is in no message and no log."""

import json
import secrets
from typing import Any

import boto3
import botocore.config

from .server import AdminError, DatabaseNotReadyError, Login, Server, is_sendable

_CURRENT, _PENDING = "AWSCURRENT", "AWSPENDING"


def secrets_manager() -> Any:  # noqa: ANN401 - boto3 has no types
    """A client that gives up in time to be asked again."""
    limits = botocore.config.Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 2})
    return boto3.client("secretsmanager", config=limits)


def login_in(arn: str, *, never: str | None = None) -> Login:
    """The login that a secret holds.

    Args:
        arn: of the secret, or its name.
        never: a secret that this must not be, by its ARN, half its ARN or its name, whatever it is called by here.

    Raises:
        AdminError: it holds none, or it is the one that it must not be.
    """
    answer = secrets_manager().get_secret_value(SecretId=arn)
    full = str(answer.get("ARN"))
    if never in (full, full.rpartition("-")[0], answer.get("Name")):
        raise AdminError("userSecretArn is the secret of the master user, who never comes through a proxy")
    found = _json(answer.get("SecretString", ""))
    login = {key: found.get(key) for key in ("username", "password")}
    del answer, found  # some tools show the variables of a traceback
    if not all(isinstance(text, str) and text and is_sendable(text) for text in login.values()):
        del login
        raise AdminError(
            f'the secret {arn} is not JSON with "username" and "password", two texts that a driver can send (no NUL)'
        )
    return Login(user=str(login["username"]), password=str(login["password"]))


class LoginSecret:
    """The secret of an application's user, which this function writes; AWS's rotation function does too."""

    def __init__(self, arn: str, server: Server, engine: str) -> None:
        """`engine` is the word that AWS's rotation functions look for."""
        self._arn, self._server, self._engine = arn, server, engine
        self._client = secrets_manager()
        self._version: str | None = None

    def holds(self, user: str) -> bool:
        """Whether it has a password of this user already."""
        return _usable(self._read(), user) is not None

    def password(self, user: str) -> str:
        """The password of the user; made here if the secret holds none of this user's yet.

        Raises:
            DatabaseNotReadyError: a rotation is at it.
        """
        pending = self._check_rotation()
        current = self._read()
        password = _usable(current, user) or secrets.token_urlsafe(32)
        # The proxy needs the first two; the rest is what AWS's rotation functions look for.
        value = {
            "username": user,
            "password": password,
            "engine": self._engine,
            "host": self._server.host,
            "port": self._server.port,
            "dbname": self._server.database,
        }
        if current != value:
            # A label that stayed behind would be taken for a rotation that has not ended.
            stages = [_CURRENT, *([_PENDING] if pending else [])]
            put = self._client.put_secret_value(
                SecretId=self._arn, SecretString=json.dumps(value), VersionStages=stages
            )
            self._version = put["VersionId"]
        return password

    def check_settled(self) -> None:
        """See that the password which was handed out is still the secret's.

        Raises:
            DatabaseNotReadyError: a rotation has begun, or ended, since.
        """
        version = self._version  # of what was handed out; every reading takes its own
        self._check_rotation()
        self._read()
        if self._version != version:
            raise DatabaseNotReadyError(f"the secret {self._arn} was changed just now")

    def _check_rotation(self) -> bool:
        """See that none is at work, nor has failed half-way; whether there is a version that was pending.

        That is so when AWSPENDING is at another version than AWSCURRENT: Secrets Manager API Reference, "RotateSecret".
        """
        try:
            pending = self._client.get_secret_value(SecretId=self._arn, VersionStage=_PENDING)["VersionId"]
        except self._client.exceptions.ResourceNotFoundException:
            return False
        self._read()
        if pending != self._version:
            raise DatabaseNotReadyError(
                f"a rotation of the secret {self._arn} has not ended (AWSPENDING is not AWSCURRENT); one that failed "
                f"is ended by `aws secretsmanager update-secret-version-stage --secret-id {self._arn} --version-stage "
                f"{_PENDING} --remove-from-version-id {pending}`"
            )
        return True

    def _read(self) -> dict[str, Any]:
        try:
            answer = self._client.get_secret_value(SecretId=self._arn, VersionStage=_CURRENT)
        except self._client.exceptions.ResourceNotFoundException:  # no value yet
            self._version = None
            return {}
        self._version = answer["VersionId"]
        return _json(answer.get("SecretString", ""))


def _usable(value: dict[str, Any], user: str) -> str | None:
    """The password in it, unless it is another user's or no client can send it.

    Such a one is worth no more than none: the database would keep what stands before a NUL.
    """
    known = value.get("password") if value.get("username") == user else None
    return known if isinstance(known, str) and known and is_sendable(known) else None


def _json(text: str) -> dict[str, Any]:
    """The object in a secret's text; an empty one instead of an error, which would carry the text along."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
