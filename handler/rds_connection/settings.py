"""The `DB_*` environment, parsed once into a frozen dataclass; all problems are reported together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ConfigurationError

AMAZON_TRUST_SERVICES = Path(__file__).parent / "certificates" / "amazon-trust-services.pem"
_AUTHS = ("iam", "secret", "password")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where to connect, as whom, and how large the pool is. `max_lifetime` is seconds."""

    host: str
    port: int
    database: str
    user: str
    auth: str
    secret_arn: str | None = None
    password: str | None = field(default=None, repr=False)
    ssl_root_cert: str = str(AMAZON_TRUST_SERVICES)
    max_open: int = 1
    max_idle: int = 1
    max_lifetime: float = 300.0
    region: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_USER`, `DB_AUTH` and the rest.

        Raises:
            ConfigurationError: with every problem, by variable name; never with the password.
        """
        problems: list[str] = []
        engine = environment.get("DB_ENGINE", "postgresql")
        if engine != "postgresql":
            problems.append(f'DB_ENGINE is "{engine}"; this package speaks postgresql only')
        auth = environment.get("DB_AUTH") or ("password" if "DB_PASSWORD" in environment else "iam")
        if auth not in _AUTHS:
            problems.append(f'DB_AUTH is "{auth}"; it must be one of {", ".join(_AUTHS)}')
        required = ["DB_HOST", "DB_NAME", "DB_USER"]
        required += {"secret": ["DB_SECRET_ARN"], "password": ["DB_PASSWORD"]}.get(auth, [])
        problems += [f"{name} is not set" for name in required if not environment.get(name)]
        port = _number(environment, "DB_PORT", 5432, 1, 65_535, "a port", problems)
        max_open = _number(
            environment, "DB_POOL_MAX_OPEN", 1, 1, 2, "1 or 2: the proxy does the pooling, not the function", problems
        )
        max_idle = _number(
            environment, "DB_POOL_MAX_IDLE", 1, 0, 1, "0 or 1: idle connections of many environments pile up", problems
        )
        # A proxy drops a client after 24 h, and by default after 1800 s of silence: stay well below.
        lifetime = _number(
            environment, "DB_POOL_MAX_LIFETIME", 300, 1, 1700, "1 to 1700 seconds, below the proxy's 1800", problems
        )
        bundle = environment.get("DB_SSL_ROOT_CERT") or str(AMAZON_TRUST_SERVICES)
        if not Path(bundle).is_file():
            problems.append(f'DB_SSL_ROOT_CERT is "{bundle}", which is not a file')
        if problems:
            raise ConfigurationError("the database environment is wrong: " + "; ".join(problems))
        return cls(
            host=environment["DB_HOST"],
            port=port,
            database=environment["DB_NAME"],
            user=environment["DB_USER"],
            auth=auth,
            secret_arn=environment.get("DB_SECRET_ARN"),
            password=environment.get("DB_PASSWORD"),
            ssl_root_cert=bundle,
            max_open=max_open,
            max_idle=min(max_idle, max_open),
            max_lifetime=float(lifetime),
            region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
        )


def _number(
    environment: Mapping[str, str], name: str, default: int, low: int, high: int, allowed: str, problems: list[str]
) -> int:
    text = environment.get(name) or str(default)
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        problems.append(f'{name} is "{text}"; it must be {allowed}')
        return default
    return number
