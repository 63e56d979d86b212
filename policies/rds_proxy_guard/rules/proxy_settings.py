"""A proxy asks for TLS, closes idle clients in time, and takes its credentials from Secrets Manager or IAM."""

from dataclasses import dataclass

from ..graph import Finding
from ..resources import provider_of
from ..values import UNKNOWN, Json, dig, number


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is asked of a proxy; seconds. AWS's own default for an idle client is 1800 s, so leaving it out is fine."""

    min_idle_client_timeout: float = 900.0
    max_idle_client_timeout: float = 1800.0
    require_iam: bool = False


DEFAULT_SETTINGS = Settings()


def by_value(urn: str, token: str, properties: Json, settings: Settings = DEFAULT_SETTINGS) -> list[Finding]:
    """Everything that is wrong with one proxy; what is unknown is not judged."""
    if not properties:
        return []  # AWS requires some: what shows none is not known yet
    provider = provider_of(token)
    texts = []
    if not _is_on(dig(properties, *provider.require_tls)):
        texts.append(
            "requireTls is not true, so that clients may log in over a connection that anyone on the way can read. "
            "Set requireTls to true."
        )
    stated = dig(properties, *provider.idle_client_timeout)
    timeout = number(stated)
    low, high = settings.min_idle_client_timeout, settings.max_idle_client_timeout
    if timeout is not None and not low <= timeout <= high:
        texts.append(
            f"idleClientTimeout is {timeout:g} s: {_consequence(timeout, low)}. Set idleClientTimeout to "
            f"{low:g}–{high:g} s, or leave it out (AWS's default is 1800 s)."
        )
    texts += _authentication(
        dig(properties, *provider.proxy_auth), dig(properties, *provider.default_auth_scheme), settings
    )
    return [Finding(urn, text) for text in texts]


def _consequence(timeout: float, low: float) -> str:
    if timeout < low:
        return "warm execution environments lose their connection between two invocations and log in again and again"
    return "connections of execution environments that are gone are kept for too long"


def _authentication(auths: Json, scheme: Json, settings: Settings) -> list[str]:
    if auths is UNKNOWN or scheme is UNKNOWN or _says(scheme, "IAM_AUTH"):
        return []
    if not isinstance(auths, list) or not auths:
        return [
            "It has neither a secret nor IAM to log in to the database with. Name the secret in its authentication "
            "(authScheme SECRETS, secretArn), or set defaultAuthScheme to IAM_AUTH."
        ]
    texts = []
    for index, auth in enumerate(auths):
        iam = dig(auth, "iamAuth")
        if dig(auth, "secretArn") in (None, ""):
            texts.append(
                f"Authentication {index} names no secret. Set secretArn, or the proxy's defaultAuthScheme to IAM_AUTH."
            )
        if settings.require_iam and iam is not UNKNOWN and not _says(iam, "REQUIRED"):
            texts.append(
                f"Authentication {index} does not require IAM, so that clients need the password. Set its iamAuth to "
                "REQUIRED."
            )
    return texts


def _is_on(value: Json) -> bool:
    return value is UNKNOWN or value is True or _says(value, "TRUE")


def _says(value: Json, text: str) -> bool:
    return isinstance(value, str) and value.upper() == text
