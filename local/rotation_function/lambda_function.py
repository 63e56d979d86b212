"""The laptop's single-user rotation function: Secrets Manager's four steps, for a PostgreSQL user's own password.

It stands in for AWS's application SecretsManagerRDSPostgreSQLRotationSingleUser and does what that one documents (User
Guide, "Lambda rotation functions"): it logs in as the user itself, at the host that the secret names. It differs in
two things: it never falls back to plain text, and a server that cannot be reached is not taken for a wrong password.
"""

import contextlib
import json
import os
from typing import Any

import boto3
import psycopg
from psycopg import sql

_CONNECT_SECONDS = 5


class RotationError(RuntimeError):
    """Why a step cannot be done; holds no password."""


def lambda_handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401, ARG001 - Lambda's context
    """One step: `{"Step": …, "SecretId": …, "ClientRequestToken": …}`.

    Each may be run again: one that is done already does nothing.

    Raises:
        RotationError: the version is not staged for rotation, or the step cannot be done.
    """
    arn, token, name = str(event["SecretId"]), str(event["ClientRequestToken"]), str(event["Step"])
    step = _STEPS.get(name)
    if step is None:
        raise RotationError(f'step "{name}" is unknown; it must be one of {", ".join(_STEPS)}')
    client = boto3.client("secretsmanager")
    described = client.describe_secret(SecretId=arn)
    if not described.get("RotationEnabled", True):
        raise RotationError(f"the secret {arn} is not enabled for rotation; call RotateSecret with a function")
    stages = described["VersionIdsToStages"].get(token, [])
    if "AWSCURRENT" in stages:
        return
    if "AWSPENDING" not in stages:
        raise RotationError(f"version {token} of the secret {arn} is not AWSPENDING; RotateSecret stages it")
    step(client, arn, token)


def create_secret(client: Any, arn: str, token: str) -> None:  # noqa: ANN401 - boto3 has no types
    """Make the new password and keep it as AWSPENDING, unless an earlier attempt did."""
    current = _secret(client, arn, "AWSCURRENT")
    try:
        _secret(client, arn, "AWSPENDING", token)
    except client.exceptions.ResourceNotFoundException:
        excluded = os.environ.get("EXCLUDE_CHARACTERS", "/@\"'\\")
        password = client.get_random_password(PasswordLength=32, ExcludeCharacters=excluded)["RandomPassword"]
        client.put_secret_value(
            SecretId=arn,
            ClientRequestToken=token,
            SecretString=json.dumps({**current, "password": password}),
            VersionStages=["AWSPENDING"],
        )


def set_secret(client: Any, arn: str, token: str) -> None:  # noqa: ANN401
    """Give the user its new password; an attempt that ended after this step leaves nothing to do."""
    pending = _secret(client, arn, "AWSPENDING", token)
    done = _login(pending)
    if done is not None:
        done.close()
        return
    known = [_secret(client, arn, "AWSCURRENT")]
    with contextlib.suppress(client.exceptions.ResourceNotFoundException):  # it was never rotated
        known.append(_secret(client, arn, "AWSPREVIOUS"))
    for login in known:
        if (login["username"], login["host"]) != (pending["username"], pending["host"]):
            raise RotationError(
                f"the secret {arn} is to be for {pending['username']} at {pending['host']} and is for "
                f"{login['username']} at {login['host']}; a rotation changes nothing but the password"
            )
        connection = _login(login)
        if connection is not None:
            with connection:
                _set_password(connection, pending)
            return
    raise RotationError(
        f"{pending['host']} refuses {pending['username']} with the pending, the current and the previous password of "
        f"the secret {arn}; set the current one in the database"
    )


def test_secret(client: Any, arn: str, token: str) -> None:  # noqa: ANN401
    """Log in with the new password."""
    pending = _secret(client, arn, "AWSPENDING", token)
    connection = _login(pending)
    if connection is None:
        raise RotationError(f"{pending['host']} refuses {pending['username']} with the pending password of {arn}")
    with connection:
        connection.execute("SELECT now()")


def finish_secret(client: Any, arn: str, token: str) -> None:  # noqa: ANN401
    """Make the new version AWSCURRENT: from now on everybody reads it."""
    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    current = next(version for version, stages in versions.items() if "AWSCURRENT" in stages)
    client.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
    )


_STEPS = {
    "createSecret": create_secret,
    "setSecret": set_secret,
    "testSecret": test_secret,
    "finishSecret": finish_secret,
}


def _secret(client: Any, arn: str, stage: str, token: str | None = None) -> dict[str, Any]:  # noqa: ANN401
    version = {} if token is None else {"VersionId": token}
    text = client.get_secret_value(SecretId=arn, VersionStage=stage, **version)["SecretString"]
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RotationError(f"the {stage} value of the secret {arn} is not a JSON object")
    missing = [key for key in ("engine", "host", "username", "password") if key not in found]
    if missing:
        raise RotationError(f"the {stage} value of the secret {arn} lacks {', '.join(missing)}, which a rotation needs")
    if found["engine"] != "postgres":
        raise RotationError(f'the secret {arn} has engine "{found["engine"]}"; this function rotates postgres only')
    return found


def _login(login: dict[str, Any]) -> "psycopg.Connection[Any] | None":
    """A connection to the database itself, or None when it refuses the password."""
    try:
        return psycopg.connect(
            host=login["host"],
            port=int(login.get("port", 5432)),
            dbname=login.get("dbname", "postgres"),
            user=login["username"],
            password=login["password"],
            require_auth="scram-sha-256",
            sslmode="verify-full",
            sslrootcert=os.environ["DB_SSL_ROOT_CERT"],
            connect_timeout=_CONNECT_SECONDS,
            autocommit=True,
        )
    except psycopg.OperationalError as error:
        if "authentication failed" in str(error):
            return None
        raise RotationError(f"{login['host']} cannot be reached: {' '.join(str(error).split())}") from None


def _set_password(connection: "psycopg.Connection[Any]", login: dict[str, Any]) -> None:
    # SCRAM on this side: the statement, which servers may log, then holds a verifier instead of the password.
    verifier = connection.pgconn.encrypt_password(
        login["password"].encode(), login["username"].encode(), b"scram-sha-256"
    ).decode("ascii")
    connection.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(login["username"]), sql.Literal(verifier))
    )
