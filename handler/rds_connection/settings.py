"""The `DB_*` environment, parsed once into a frozen dataclass; all problems are reported together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ConfigurationError

_CERTIFICATES = Path(__file__).parent / "certificates"
AMAZON_TRUST_SERVICES = _CERTIFICATES / "amazon-trust-services.pem"
RDS = _CERTIFICATES / "rds.pem"
_AUTHS = ("iam", "secret", "password")
_PORTS = {"postgresql": 5432, "mysql": 3306}
_LIFETIME_SECONDS = 300
# A proxy drops a client after 1800 s of silence unless told otherwise; a connection must not live to see that.
_LONGEST_LIFETIME_SECONDS = 1800


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where to connect, as whom, and how large the pool is. `max_lifetime` is in seconds."""

    engine: str = "postgresql"
    host: str
    port: int
    database: str
    user: str
    auth: str
    ssl_root_cert: str
    secret_arn: str = ""
    password: str = field(default="", repr=False)
    region: str = ""
    function_name: str = ""
    max_open: int = 1
    max_idle: int = 1
    max_lifetime: int = _LIFETIME_SECONDS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_USER`, `DB_AUTH` and the rest; an empty value is no value.

        Raises:
            ConfigurationError: with every problem, by variable name; never with the password.
        """
        given = {name: value for name, value in environment.items() if value}
        problems: list[str] = []
        engine = given.get("DB_ENGINE", "postgresql")
        if engine not in _PORTS:
            problems.append(f'DB_ENGINE is "{engine}"; it must be one of {", ".join(_PORTS)}')
        # The article's four names alone (DB_HOST, DB_NAME, DB_USER, DB_PASSWORD) must do.
        auth = given.get("DB_AUTH", "password" if "DB_PASSWORD" in given else "iam")
        if auth not in _AUTHS:
            problems.append(f'DB_AUTH is "{auth}"; it must be one of {", ".join(_AUTHS)}')
        region = given.get("AWS_REGION", given.get("AWS_DEFAULT_REGION", ""))
        needed = ["DB_HOST", "DB_NAME", "DB_USER"]
        needed += {"secret": ["DB_SECRET_ARN"], "password": ["DB_PASSWORD"]}.get(auth, [])
        problems += [f"{name} is not set" for name in needed if name not in given]
        if auth == "iam" and not region:
            problems.append("AWS_REGION is not set, and DB_AUTH iam signs its tokens for a region")
        host = given.get("DB_HOST", "")
        bundle = given.get("DB_SSL_ROOT_CERT", str(root_certificates(host)))
        if not Path(bundle).is_file():
            problems.append(f'DB_SSL_ROOT_CERT is "{bundle}", which is not a file')
        numbers = _Numbers(given, problems)
        settings = cls(
            engine=engine,
            host=host,
            port=numbers.read(
                "DB_PORT", default=_PORTS.get(engine, _PORTS["postgresql"]), low=1, high=65_535, reason="a port"
            ),
            database=given.get("DB_NAME", ""),
            user=given.get("DB_USER", ""),
            auth=auth,
            ssl_root_cert=bundle,
            secret_arn=given.get("DB_SECRET_ARN", ""),
            password=given.get("DB_PASSWORD", ""),
            region=region,
            function_name=given.get("AWS_LAMBDA_FUNCTION_NAME", ""),
            max_open=numbers.read(
                "DB_POOL_MAX_OPEN", default=1, low=1, high=2, reason="the proxy does the pooling, not the function"
            ),
            max_idle=numbers.read(
                "DB_POOL_MAX_IDLE", default=1, low=0, high=1, reason="idle connections of many environments pile up"
            ),
            max_lifetime=numbers.read(
                "DB_POOL_MAX_LIFETIME",
                default=_LIFETIME_SECONDS,
                low=1,
                high=_LONGEST_LIFETIME_SECONDS,
                reason="seconds, and no longer than a proxy keeps a silent client",
            ),
        )
        if problems:
            raise ConfigurationError("the database environment is wrong: " + "; ".join(problems))
        return settings


def root_certificates(host: str) -> Path:
    """The bundle that verifies `host`: a database has a certificate of RDS, a proxy one of Amazon Trust Services."""
    name = host.lower().rstrip(".")
    is_rds = name.endswith((".rds.amazonaws.com", ".rds.amazonaws.com.cn"))
    is_proxy = any(label.startswith("proxy-") for label in name.split(".")[1:])
    return RDS if is_rds and not is_proxy else AMAZON_TRUST_SERVICES


@dataclass(frozen=True)
class _Numbers:
    given: Mapping[str, str]
    problems: list[str]

    def read(self, name: str, *, default: int, low: int, high: int, reason: str) -> int:
        text = self.given.get(name, str(default))
        # int() would take "1_0", " 1" and "１" too.
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        if not low <= number <= high:
            self.problems.append(f'{name} is "{text}"; it must be {low} to {high} ({reason})')
            return default
        return number
