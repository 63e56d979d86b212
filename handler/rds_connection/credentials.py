"""What a new connection logs in with: a fresh IAM token, what the secret holds, or DB_PASSWORD."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .addresses import is_host
from .errors import ConfigurationError, NoConnectionError
from .settings import Settings, is_name, is_sendable

# Secrets Manager answers in some 20 ms; a function without a way to it must learn that before Lambda ends it.
_SECRETS_MANAGER_SECONDS = 3.0
# What it answers when thousands of environments ask at once. Source: botocore's `retryhandler.py`, `_retry.json`.
_BUSY = (
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "InternalServiceError",
)


@dataclass(frozen=True)
class Login:
    """A user and its password of the moment."""

    user: str
    password: str = field(repr=False)


def check_sendable(settings: Settings, login: Login) -> None:
    """What each engine asks before it connects, wherever its values come from: none may displace a TLS option.

    Raises:
        ConfigurationError: a driver would read one of them as something else.
    """
    texts = {
        "database": settings.database,
        "certificates": settings.ssl_root_cert,
        "function's name": settings.function_name,
        "user": login.user,
        "password": login.password,
    }
    wrong = [name for name, text in texts.items() if not is_sendable(text)]
    del texts  # some tools show the variables of a traceback
    if wrong:
        raise ConfigurationError(f"the {wrong[0]} to connect with holds a NUL or bytes that are not UTF-8; remove them")
    if not is_host(settings.host):
        raise ConfigurationError("the host to connect to is not a host name alone; leave out port, path and password")
    if not (login.user and login.password and settings.ssl_root_cert):
        raise ConfigurationError("user, password and certificates to connect with must not be empty")


class SecretUnavailableError(NoConnectionError):
    """Secrets Manager did not answer, or asks for patience: another attempt may work."""


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
        # With alternating users a rotation changes the user too, so the secret's own one counts.
        found = _login(self._secret_string(seconds), default_user=self._settings.user)
        if found is None:
            raise NoConnectionError(
                f'{self._settings.secret} is not JSON with "username" and "password", two texts that a driver can send '
                "(no NUL, and the first no address)"
            )
        return found

    def _secret_string(self, seconds: float) -> str:
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
            return str(client.get_secret_value(SecretId=arn).get("SecretString", ""))
        except botocore.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            problem = f"({code}); check DB_SECRET_ARN and the function's role"
            if code in _BUSY:
                raise SecretUnavailableError(f"{self._settings.secret} cannot be read ({code})") from None
        except (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError) as error:
            raise SecretUnavailableError(
                f"{self._settings.secret} cannot be read ({type(error).__name__}); check the function's way to Secrets "
                "Manager (an interface endpoint or NAT)"
            ) from None
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            problem = (
                f"({type(error).__name__}); check the function's way to Secrets Manager (an interface endpoint or NAT)"
            )
        raise NoConnectionError(f"{self._settings.secret} cannot be read {problem}")


def _login(secret: str, *, default_user: str) -> Login | None:
    """The login in a secret's text; None instead of an error, which would carry the text along."""
    import json

    try:
        value = json.loads(secret)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    user, password = value.get("username") or default_user, value.get("password")
    if not (isinstance(user, str) and isinstance(password, str) and password):
        return None
    return Login(user, password) if is_name(user) and is_sendable(password) else None
