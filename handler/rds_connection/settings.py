"""The `DB_*` environment, parsed once into a frozen dataclass; all problems are reported together."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from .addresses import is_host
from .errors import ConfigurationError

_CERTIFICATES = Path(__file__).parent / "certificates"
AMAZON_TRUST_SERVICES = _CERTIFICATES / "amazon-trust-services.pem"
RDS = _CERTIFICATES / "rds.pem"
_AUTHS = ("iam", "secret", "password")
_PORTS = {"postgresql": 5432, "mysql": 3306}
ENGINES = tuple(_PORTS)
_LIFETIME_SECONDS = 300
# A proxy drops a client after 1800 s of silence unless told otherwise; a connection must not live to see that.
_LONGEST_LIFETIME_SECONDS = 1800
# Neither an address nor a connection string nor JSON can pass for a name: servers quote names in their errors.
_NAME = re.compile(r"(?! )[\w.@$#+~ -]{1,128}(?<! )")
_NAME_CHARACTERS = "which has letters, digits, spaces and . _ - @ $ # + ~ only"
# CreateSecret's names, and those that RDS gives to the secrets it manages ("rds!db-…").
_SECRET_NAME = r"[A-Za-z0-9/_+=.@!-]{1,512}"  # noqa: S105 - a pattern
_SECRET_ARN = re.compile(rf"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{{12}}:secret:{_SECRET_NAME}")
_SECRET = re.compile(f"{_SECRET_NAME}|{_SECRET_ARN.pattern}")
_REGION = re.compile("[a-z0-9-]+")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where to connect, as whom, and how large the pool is. `max_lifetime` is in seconds.

    `reader_fallback` is one of the texts "true" and "false": whether who only reads may use the writer instead.
    """

    engine: str = "postgresql"
    host: str
    port: int
    database: str
    user: str
    auth: str
    ssl_root_cert: str
    secret_arn: str = field(default="", repr=False)  # by mistake it may be the secret itself
    password: str = field(default="", repr=False)
    region: str = ""
    function_name: str = ""
    reader_host: str = ""
    reader_fallback: str = "false"
    max_open: int = 1
    max_idle: int = 1
    max_lifetime: int = _LIFETIME_SECONDS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_USER`, `DB_AUTH` and the rest; an empty value is no value.

        Raises:
            ConfigurationError: with every problem, by variable name; never with a value.
        """
        settings = _read(environment)
        problems = "; ".join(settings.problems())
        if problems:
            del environment, settings  # some tools show the variables of a traceback
            raise ConfigurationError(f"the database environment is wrong: {problems}")
        return settings

    @property
    def reader(self) -> "Settings":
        """The same for who only reads, at the reader endpoint."""
        has_own = self.ssl_root_cert not in (str(AMAZON_TRUST_SERVICES), str(RDS))
        bundle = self.ssl_root_cert if has_own else str(root_certificates(self.reader_host))
        return replace(self, host=self.reader_host, ssl_root_cert=bundle)

    @property
    def secret(self) -> str:
        """What messages call the secret: by its ARN if it is one, for a bare name may be a password by mistake."""
        return f"the secret {self.secret_arn}" if _SECRET_ARN.fullmatch(self.secret_arn) else "the secret DB_SECRET_ARN"

    def problems(self) -> Iterator[str]:
        """What is wrong, by variable name; never a value, for whatever stands in the wrong place may be a secret."""
        if self.engine not in ENGINES:
            yield f"DB_ENGINE is not one of {', '.join(ENGINES)}"
        if self.auth not in _AUTHS:
            yield f"DB_AUTH is not one of {', '.join(_AUTHS)}"
        needed = {"DB_HOST": self.host, "DB_NAME": self.database, "DB_USER": self.user}
        if self.auth == "secret":
            needed["DB_SECRET_ARN"] = self.secret_arn
        if self.auth == "password":
            needed["DB_PASSWORD"] = self.password
        yield from (f"{name} is not set" for name, value in needed.items() if not value)
        if self.auth == "iam" and not self.region:
            yield "AWS_REGION is not set, and DB_AUTH iam signs its tokens for a region"
        for name, host in (("DB_HOST", self.host), ("DB_READER_HOST", self.reader_host)):
            if host and not is_host(host):
                yield f"{name} is not a host name alone; leave out scheme, user, password, port, path, quotes, blanks"
        if self.reader_fallback not in ("true", "false"):
            yield "DB_READER_FALLBACK is not one of true, false"
        if self.database and not is_name(self.database):
            yield f"DB_NAME is not the name of a database, {_NAME_CHARACTERS}"
        if self.user and not is_name(self.user):
            yield f"DB_USER is not the name of a user, {_NAME_CHARACTERS}"
        if self.secret_arn and not _SECRET.fullmatch(self.secret_arn):
            yield "DB_SECRET_ARN is not the ARN or the name of a secret"
        if not is_sendable(self.password):
            yield "DB_PASSWORD holds a NUL, or bytes that are not UTF-8, which no driver can send"
        if self.region and not _REGION.fullmatch(self.region):
            yield "AWS_REGION is not a region such as eu-west-1"
        if not is_sendable(self.function_name):
            yield "AWS_LAMBDA_FUNCTION_NAME is not the name of a function"
        yield from _bundle_problems(self.ssl_root_cert)
        for name, number, low, high, reason in (
            ("DB_PORT", self.port, 1, 65_535, "a port"),
            ("DB_POOL_MAX_OPEN", self.max_open, 1, 2, "the proxy does the pooling, not the function"),
            ("DB_POOL_MAX_IDLE", self.max_idle, 0, 1, "idle connections of many environments pile up"),
            (
                "DB_POOL_MAX_LIFETIME",
                self.max_lifetime,
                1,
                _LONGEST_LIFETIME_SECONDS,
                "seconds, and no longer than a proxy keeps a silent client",
            ),
        ):
            if not low <= number <= high:
                yield f"{name} is not a whole number from {low} to {high} ({reason})"


def _read(environment: Mapping[str, str]) -> Settings:
    """What the environment says, right or wrong."""
    given = {name: value for name, value in environment.items() if value}
    engine = given.get("DB_ENGINE", "postgresql")
    host = _without_dot(given.get("DB_HOST", ""))
    bundle = given.get("DB_SSL_ROOT_CERT", str(root_certificates(host)))
    return Settings(
        engine=engine,
        host=host,
        port=_number(given.get("DB_PORT"), _PORTS.get(engine, _PORTS["postgresql"])),
        database=given.get("DB_NAME", ""),
        user=given.get("DB_USER", ""),
        # The article's four names alone (DB_HOST, DB_NAME, DB_USER, DB_PASSWORD) must do.
        auth=given.get("DB_AUTH", "password" if "DB_PASSWORD" in given else "iam"),
        # Whole, for libpq takes the word "system" for the machine's own authorities.
        ssl_root_cert=str(Path(bundle).absolute()),
        secret_arn=given.get("DB_SECRET_ARN", ""),
        password=given.get("DB_PASSWORD", ""),
        region=given.get("AWS_REGION", given.get("AWS_DEFAULT_REGION", "")),
        function_name=given.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        reader_host=_without_dot(given.get("DB_READER_HOST", "")),
        reader_fallback=given.get("DB_READER_FALLBACK", "false"),
        max_open=_number(given.get("DB_POOL_MAX_OPEN"), 1),
        max_idle=_number(given.get("DB_POOL_MAX_IDLE"), 1),
        max_lifetime=_number(given.get("DB_POOL_MAX_LIFETIME"), _LIFETIME_SECONDS),
    )


def is_sendable(text: str) -> bool:
    """Whether drivers send a text whole.

    A NUL ends it for libpq, and with it the connection string with the TLS options in it; for MySQL it ends a field of
    the login. Half of a surrogate pair, which JSON and `os.environ` may hold, has no UTF-8.
    """
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def is_name(text: str) -> bool:
    """Whether a text can be the name of a user or a database, and no address or password list by mistake."""
    return _NAME.fullmatch(text) is not None


def root_certificates(host: str) -> Path:
    """The bundle that verifies `host`: a database has a certificate of RDS, a proxy one of Amazon Trust Services."""
    name = host.lower().rstrip(".")
    is_rds = name.endswith((".rds.amazonaws.com", ".rds.amazonaws.com.cn"))
    is_proxy = any(label.startswith("proxy-") for label in name.split(".")[1:])
    return RDS if is_rds and not is_proxy else AMAZON_TRUST_SERVICES


def _without_dot(host: str) -> str:
    """A name without the dot that makes it absolute, which neither certificates nor tokens have."""
    return host[:-1] if host.endswith(".") and not host.endswith("..") else host


def _bundle_problems(path: str) -> Iterator[str]:
    """What is wrong with a certificate file, as the TLS library finds it: both drivers leave it to OpenSSL."""
    if path in (str(AMAZON_TRUST_SERVICES), str(RDS)):
        return  # the package's own are tested; reading 108 authorities would be a part of each cold start
    import ssl  # only here, for most functions have none of their own

    try:
        with Path(path).open("rb"):  # a reason that the TLS library does not tell apart: missing, a folder, not ours
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        yield "DB_SSL_ROOT_CERT is not a file with certificates in PEM format: it has none, or is cut off or damaged"
    except (OSError, ValueError) as error:  # a NUL in it
        yield f"DB_SSL_ROOT_CERT is not a file that can be read ({type(error).__name__})"


def _number(text: str | None, default: int) -> int:
    """A whole number, or -1, which is out of every range."""
    if text is None:
        return default
    # int() would take "1_0", " 1" and "１" too.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
