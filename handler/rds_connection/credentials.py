"""What a new connection logs in with: a fresh IAM token, what the secret holds, or DB_PASSWORD."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import NoConnectionError
from .settings import Settings

# Secrets Manager answers in some 20 ms; a function without a way to it must learn that before Lambda ends it.
_SECRETS_MANAGER_SECONDS = 3.0


@dataclass(frozen=True)
class Login:
    """A user and its password of the moment."""

    user: str
    password: str = field(repr=False)


class Credentials:
    """Logins for new connections. The secret is read once, and again after the server refused it (rotation)."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._secret: Login | None = None

    def login(self, seconds: float) -> Login:
        """The login for one new connection, had within `seconds`.

        Raises:
            NoConnectionError: the secret cannot be read or holds no login, or there are no keys to sign a token with.
        """
        settings = self._settings
        if settings.auth == "iam":
            # Only here: hashing and quoting are a part of a cold start that the other kinds of login do not need.
            from .iam_token import auth_token, aws_credentials

            token = auth_token(
                host=settings.host,
                port=settings.port,
                user=settings.user,
                region=settings.region,
                credentials=aws_credentials(self._environment),
            )
            return Login(settings.user, token)
        if settings.auth == "password":
            return Login(settings.user, settings.password)
        if self._secret is None:
            self._secret = self._read_secret(min(seconds, _SECRETS_MANAGER_SECONDS))
        return self._secret

    def forget(self) -> None:
        """Read the secret again before the next connection."""
        self._secret = None

    def refused(self) -> bool:
        """The server refused the last login: whether the next one can be another."""
        self.forget()
        return self._settings.auth != "password"

    def _read_secret(self, seconds: float) -> Login:
        import json

        import boto3  # only here: importing it costs a cold start more than everything else together
        import botocore.config
        import botocore.exceptions

        arn = self._settings.secret_arn
        # arn:aws:secretsmanager:<region>:…; a bare name is in the function's own region.
        region = arn.split(":")[3] if arn.startswith("arn:") else self._settings.region or None
        limits = botocore.config.Config(
            connect_timeout=seconds / 2, read_timeout=seconds / 2, retries={"total_max_attempts": 1}
        )
        try:
            client = boto3.client("secretsmanager", region_name=region, config=limits)
            text = client.get_secret_value(SecretId=arn)["SecretString"]
        except botocore.exceptions.ClientError as error:
            raise NoConnectionError(
                f"the secret {arn} cannot be read ({error.response['Error']['Code']}); check DB_SECRET_ARN and the "
                "function's role"
            ) from None
        except (botocore.exceptions.BotoCoreError, ValueError, KeyError) as error:
            raise NoConnectionError(
                f"the secret {arn} cannot be read ({type(error).__name__}); check the function's way to Secrets "
                "Manager (an interface endpoint or NAT)"
            ) from None
        try:
            value = json.loads(text)
            # With alternating users a rotation changes the user too, so the secret's own one counts.
            return Login(str(value.get("username") or self._settings.user), str(value["password"]))
        except (ValueError, KeyError, AttributeError, TypeError):
            raise NoConnectionError(f'the secret {arn} is not JSON with "username" and "password"') from None
