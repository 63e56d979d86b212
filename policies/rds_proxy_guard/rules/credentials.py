"""No database password in a function's environment: anyone who may read its configuration could read it there."""

import json
import re
from collections.abc import Iterator, Mapping

from ..configuration import IGNORED_KEYS, Configuration
from ..environment import is_database_like, is_of_another_store, is_password_like, words
from ..graph import Finding, Node
from ..hosts import endpoints
from ..memory import Memory
from ..resources import Kind
from ..rule import ResourceRule
from ..values import Json, dig

_WHY = (
    "Everyone who may read the function's configuration reads it there, and it cannot be rotated without a deployment."
)
_FIX = "Log in with an IAM token, or hand over the secret's ARN (DB_SECRET_ARN) and read it at run time."
# Schemes of what RDS serves; a driver may follow ("postgresql+psycopg"), and jdbc: may stand before. A password may
# hold a slash; what begins as a port does is one.
_SCHEMES = r"(?:postgres(?:ql)?|postgis|pgx5?|mysqlx?2?|mariadb|aurora|sqlserver|mssql|oracle|db2|ecto|cockroachdb)"
_PORT = r"(?!\d{1,5}(?:[/?,]|\Z))"
_URL = re.compile(
    rf"\b{_SCHEMES}(?:[+:][a-z0-9_]+)*://[^\s/@:]*:{_PORT}(?P<password>[^\s@]{{1,512}})@", re.IGNORECASE | re.ASCII
)
_OTHER_FORMS = (
    # Go's: user:password@tcp(host:3306)/name
    re.compile(
        r"(?:^|[\s\"'=,;])(?!jdbc:)[^\s:@/\"'=,;]{1,128}:(?P<password>[^\s@]{1,512})@[a-z0-9]{0,16}\(", re.IGNORECASE
    ),
    # Oracle's: jdbc:oracle:thin:user/password@//host
    re.compile(r"\bjdbc:oracle:\w{1,16}:[^\s/@:]{1,128}/(?P<password>[^\s@]{1,512})@", re.IGNORECASE),
)
# Without any scheme it is a database's by the variable's name: user:password@host/name, or without a host @/name
_BARE = re.compile(
    r"(?!(?:arn|mailto):)[^\s:@/]{1,128}:(?!//)(?P<password>[^\s@]{1,512})@(?:[\w.-]+(?::\d+)?(?:/\S*)?|/(?!/)\S+)",
    re.ASCII,
)
# "password=x", and as an option of a program or of Java: "--password=x", "-Dspring.datasource.password=x".
_PAIR = re.compile(
    r"(?:^|[\s;&?,])(?:-{1,2}(?-i:D)?)?(?P<key>[\w.-]{0,64}?(?:password|passwd|pwd|pass))\s*=\s*"
    r"(?P<password>'[^']*'|\"[^\"]*\"|[^\s;&,]+)",
    re.IGNORECASE | re.ASCII,
)
_SERVER_PAIR = re.compile(
    r"(?:^|[\s;&?,])-{0,2}(?:host|hostaddr|server|data source|dbname|database|initial catalog)\s*=|jdbc:(?!redshift)|"
    rf"{_SCHEMES}(?:\+[a-z0-9_]+)?://",
    re.IGNORECASE | re.ASCII,
)
# Not the password itself but where it is: dynamic references, templates, ARNs, parameter paths, KMS ciphertexts. And
# flags: DB_BYPASS ends as DBPASS does.
_REFERENCE = re.compile(
    r"\{\{.*\}\}|(?:[$#]\{[^{}]*\}#?)+|__[A-Z_]\w*__|(?:env|file):.+|none|null|undefined|\$\(.*\)|\$(?-i:[A-Z_][A-Z0-9_]*|[a-z]+(?:_[a-z]+)+)|"
    r"\{[a-z_]\w*\}|<[a-z _-]*>|<%.*%>|"
    r"%\(?\w*\)?s|%[a-z_]\w*%|ENC\(.*\)|op://.*|rds!.*|arn:.*|"
    r"(?:aws-)?(?:ssm|secretsmanager|secrets?|vault|sm)[:/].*|(?:/[\w.-]+){2,}|true|false|yes|no|[01]|"
    r"A[QW]ICAH.*|AQECAH.*|\*+",
    re.IGNORECASE | re.DOTALL,
)
# A secret's name has parts, and one of them says what it is or of which stage.
_NAME = re.compile(r"[a-z][\w.@+-]*(?:/[\w.@+-]+)+", re.IGNORECASE | re.ASCII)
_NAME_WORDS = frozenset(
    {"DB", "RDS", "DATABASE", "POSTGRES", "POSTGRESQL", "MYSQL", "MARIADB", "AURORA", "PASSWORD", "SECRET", "SECRETS"}
    | {"CREDENTIAL", "CREDENTIALS", "CREDS", "PROD", "PRODUCTION", "STAGING", "STAGE", "DEV", "DEVELOPMENT"}
)
# A password of nothing but the master is the database's, in a function that has one; others may be the application's.
_LOGINS = frozenset({"MASTER"})
_PAIR_KEYS = frozenset(f"{of}{word}" for of in ("", "user") for word in ("password", "passwd", "pwd", "pass"))
_DATABASE_KEYS = frozenset({"dbname", "database", "engine", "dbinstanceidentifier", "dbclusteridentifier"})


def by_value(function: Node, config: Configuration, _: Memory) -> list[Finding]:
    """Every variable of one function that holds a database's password, alone or within a URL, DSN or JSON."""
    variables = dig(function.inputs, *function.provider.environment)
    if not isinstance(variables, dict):
        return []
    serves_database = any(is_database_like(name) for name in variables)
    logins = _LOGINS | _users(variables)
    found = []
    for name in sorted(variables):
        if any(pattern.search(name) for pattern in config["ignoreKeyPatterns"]):
            continue
        how = _how(name, variables[name], logins if serves_database else None)
        if how is not None:
            text = f"Environment variable {name} holds a database's password{how}. {_WHY} {_FIX}"
            found.append(Finding(function.urn, text))
    return found


BY_VALUE = ResourceRule(
    name="lambda-database-credentials",
    display_name="No database password in Lambda's environment",
    description="A Lambda function's environment must hold no database password.",
    severity="critical",
    remediation_steps="Log in with an IAM token, or read the secret by its ARN at run time.",
    tags=("lambda", "credentials"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-secrets-arns.html",
    options=(IGNORED_KEYS,),
    kinds=(Kind.FUNCTION,),
    judge=by_value,
)


def _users(variables: Mapping[str, Json]) -> frozenset[str]:
    """The database's users that the environment names: with DB_USER=admin, ADMIN_PASSWORD is the database's."""
    return frozenset(
        value.upper()
        for name, value in variables.items()
        if isinstance(value, str) and is_database_like(name) and words(name)[-1] in ("USER", "USERNAME", "LOGIN")
    )


def _how(name: str, value: Json, logins: frozenset[str] | None) -> str | None:
    """Where a password stands in a value; `logins` are None in a function that has no database."""
    if not isinstance(value, str) or not value.strip():
        return None
    named = is_database_like(name)
    own = [word for word in words(name)[:-1] if word != "USER" or "MASTER" not in words(name)]
    about_database = named or (logins is not None and logins.issuperset(own))
    if is_password_like(name) and about_database and not _is_reference(value):
        return ""
    urls = [match for form in (_URL, *_OTHER_FORMS) for match in form.finditer(value)]
    if named and (bare := _BARE.fullmatch(value.strip())):
        urls.append(bare)
    if any(not _is_reference(match["password"]) for match in urls):
        return " in a URL"
    of_server = _SERVER_PAIR.search(value) is not None
    for match in _PAIR.finditer(value):
        key, password = match["key"], match["password"].strip("'\"")
        about = (of_server and key.lower() in _PAIR_KEYS) or is_database_like(key)
        if about and password and not _is_reference(password):
            return " in a connection string"
    if any(_holds_password(each, value, about_database=about) for each, about in _objects(value, named)):
        return " in JSON"
    return None


def _is_reference(text: str) -> bool:
    text = text.strip()
    if _REFERENCE.fullmatch(text):
        return True
    return _NAME.fullmatch(text) is not None and not _NAME_WORDS.isdisjoint(
        word for part in text.split("/") for word in words(part)
    )


def _objects(text: str, about_database: bool) -> Iterator[tuple[Mapping[str, Json], bool]]:
    """Every object in a JSON text, and whether it is about a database by the names above it."""
    if not text.lstrip().startswith(("{", "[")):
        return
    try:
        todo = [(json.loads(text), about_database)]
    except (ValueError, RecursionError):
        return
    while todo:
        value, about = todo.pop()
        if isinstance(value, dict):
            yield value, about
            todo += [
                (item, is_database_like(key) or (about and not is_of_another_store(key))) for key, item in value.items()
            ]
        elif isinstance(value, list):
            todo += [(item, about) for item in value]


def _holds_password(entry: Mapping[str, Json], text: str, *, about_database: bool) -> bool:
    about_database = about_database or bool(_DATABASE_KEYS & {key.lower() for key in entry}) or bool(endpoints(text))
    return any(
        is_password_like(key)
        and (is_database_like(key) or (about_database and not is_of_another_store(key)))
        and isinstance(value, str)
        and value
        and not _is_reference(value)
        for key, value in entry.items()
    )
