"""What a new connection logs in with: a fresh IAM token, the secret's password, or DB_PASSWORD."""

import json
from collections.abc import Mapping

from .errors import DatabaseConnectionError
from .iam_token import auth_token
from .settings import Settings


class Credentials:
    """Passwords for new connections. The secret is read once, and again when the server refused it (rotation)."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._secret_password: str | None = None

    def password(self) -> str:
        """The password for one new connection.

        Raises:
            DatabaseConnectionError: the secret cannot be read or has no password.
        """
        settings = self._settings
        if settings.auth == "iam":
            return auth_token(
                host=settings.host,
                port=settings.port,
                user=settings.user,
                region=settings.region or "",
                environment=self._environment,
            )
        if settings.auth == "password":
            return settings.password or ""
        if self._secret_password is None:
            self._secret_password = self._read_secret()
        return self._secret_password

    def refused(self) -> bool:
        """The server refused the last password: whether another attempt with a new one makes sense."""
        self._secret_password = None
        return self._settings.auth in ("secret", "iam")

    def _read_secret(self) -> str:
        import boto3  # only here: importing it costs a cold start more than everything else together
        import botocore.exceptions

        try:
            client = boto3.client("secretsmanager", region_name=self._settings.region)
            text = client.get_secret_value(SecretId=self._settings.secret_arn)["SecretString"]
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            raise DatabaseConnectionError(
                f"the secret {self._settings.secret_arn} cannot be read: {type(error).__name__}; check the function's "
                "role and its way to Secrets Manager (endpoint or NAT)"
            ) from None
        try:
            return str(json.loads(text)["password"])
        except (ValueError, KeyError, TypeError):
            raise DatabaseConnectionError(
                f'the secret {self._settings.secret_arn} is not JSON with "username" and "password"'
            ) from None
