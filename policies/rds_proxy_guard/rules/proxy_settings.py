"""A proxy asks for TLS, closes idle clients in time, and takes its credentials from Secrets Manager or IAM."""

from ..configuration import Configuration, flag_option, number_option
from ..graph import Finding, Node
from ..memory import Memory
from ..resources import Kind
from ..rule import ResourceRule
from ..values import UNKNOWN, Json, dig, is_on, number


def by_value(proxy: Node, config: Configuration, _: Memory) -> list[Finding]:
    """Everything that is wrong with one proxy; what is unknown is not judged."""
    properties, provider = proxy.inputs, proxy.provider
    if not properties:
        return []  # AWS requires some: what shows none is not known yet
    texts = []
    if (stated := dig(properties, *provider.require_tls)) is not UNKNOWN and not is_on(stated):
        texts.append(
            "requireTls is not true, so that clients may log in over a connection that anyone on the way can read. "
            "Set requireTls to true."
        )
    stated = dig(properties, *provider.idle_client_timeout)
    timeout = number(stated)
    low, high = config["minIdleClientTimeout"], config["maxIdleClientTimeout"]
    if timeout is not None and not low <= timeout <= high:
        texts.append(
            f"idleClientTimeout is {timeout:g} s: {_consequence(timeout, low)}. Set idleClientTimeout to "
            f"{low:g}–{high:g} s, or leave it out (AWS's default is 1800 s)."
        )
    auths, scheme = dig(properties, *provider.proxy_auth), dig(properties, *provider.default_auth_scheme)
    texts += _authentication(auths, scheme, require_iam=config["requireIam"])
    return [Finding(proxy.urn, text) for text in texts]


BY_VALUE = ResourceRule(
    name="rds-proxy-settings",
    display_name="RDS Proxy settings",
    description="An RDS Proxy must require TLS, close idle clients in time and log in with a secret or IAM.",
    severity="high",
    remediation_steps="Set requireTls to true, idleClientTimeout to 900–1800 s, and a secret or IAM.",
    tags=("rds-proxy", "encryption", "credentials"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html",
    # AWS's default for an idle client is 1800 s, so leaving it out is fine.
    options=(
        number_option(
            "minIdleClientTimeout", 900.0, "Shortest idleClientTimeout, in seconds.", minimum=1, maximum=28800
        ),
        number_option(
            "maxIdleClientTimeout", 1800.0, "Longest idleClientTimeout, in seconds.", minimum=1, maximum=28800
        ),
        flag_option("requireIam", False, "Whether clients must log in with IAM."),
    ),
    kinds=(Kind.PROXY,),
    judge=by_value,
)


def _consequence(timeout: float, low: float) -> str:
    if timeout < low:
        return "warm execution environments lose their connection between two invocations and log in again and again"
    return "connections of execution environments that are gone are kept for too long"


def _authentication(auths: Json, scheme: Json, *, require_iam: bool) -> list[str]:
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
        if require_iam and iam is not UNKNOWN and not _says(iam, "REQUIRED"):
            texts.append(
                f"Authentication {index} does not require IAM, so that clients need the password. Set its iamAuth to "
                "REQUIRED."
            )
    return texts


def _says(value: Json, text: str) -> bool:
    return isinstance(value, str) and value.upper() == text
