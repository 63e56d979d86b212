"""No database password in a function's environment: anyone who may read its configuration could read it there."""

import json
import re
from collections.abc import Iterator, Mapping

from ..configuration import IGNORED_KEYS, Configuration
from ..environment import is_database_like, is_password_like, words
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
# Schemes of what RDS serves; a driver may follow ("postgresql+psycopg"), and jdbc: may stand before.
_URL = re.compile(
    r"\b(?:postgres(?:ql)?|mysql2?|mariadb|aurora|sqlserver|mssql|oracle|db2)(?:[+:][a-z0-9_]+)*://"
    r"[^\s/@:]*:(?P<password>[^\s/@]+)@",
    re.IGNORECASE | re.ASCII,
)
_PAIR = re.compile(
    r"(?:^|[\s;&?,])(?:password|passwd|pwd)\s*=\s*(?P<password>'[^']*'|\"[^\"]*\"|[^\s;&,]+)", re.IGNORECASE | re.ASCII
)
_SERVER_PAIR = re.compile(
    r"(?:^|[\s;&?,])(?:host|hostaddr|server|data source|dbname|database|initial catalog)\s*=|jdbc:(?!redshift)|"
    r"(?:postgres(?:ql)?|mysql2?|mariadb|sqlserver|mssql|oracle)(?:\+[a-z0-9_]+)?://",
    re.IGNORECASE | re.ASCII,
)
# Not the password itself but where it is: dynamic references, templates, ARNs, parameter paths, KMS ciphertexts. And
# flags: DB_BYPASS ends as DBPASS does.
_REFERENCE = re.compile(
    r"\{\{.*\}\}|\$\{?.*\}?|<[^>]*>|%\(?\w*\)?s|arn:.*|(?:aws-)?(?:ssm|secretsmanager|secrets?|vault|sm)[:/].*|"
    r"(?:/[\w.-]+){2,}|true|false|yes|no|[01]|A[QW]ICAH.*|AQECAH.*|\*+",
    re.IGNORECASE | re.DOTALL,
)
# A password of nothing but a user is the database's, in a function that has one.
_LOGINS = frozenset({"ADMIN", "APP", "MASTER", "ROOT", "USER"})
_DATABASE_KEYS = frozenset({"dbname", "database", "engine", "dbinstanceidentifier", "dbclusteridentifier"})


def by_value(function: Node, config: Configuration, _: Memory) -> list[Finding]:
    """Every variable of one function that holds a database's password, alone or within a URL, DSN or JSON."""
    variables = dig(function.inputs, *function.provider.environment)
    if not isinstance(variables, dict):
        return []
    serves_database = any(is_database_like(name) for name in variables)
    found = []
    for name in sorted(variables):
        if any(pattern.search(name) for pattern in config["ignoreKeyPatterns"]):
            continue
        how = _how(name, variables[name], serves_database=serves_database)
        if how is not None:
            text = f"Environment variable {name} holds a database's password{how}. {_WHY} {_FIX}"
            found.append(Finding(function.urn, text))
    return found


BY_VALUE = ResourceRule(
    name="lambda-database-credentials",
    display_name="No database password in Lambda's environment",
    description="A Lambda function's environment holds no database password.",
    severity="critical",
    remediation_steps="Log in with an IAM token, or read the secret by its ARN at run time.",
    tags=("lambda", "credentials"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-secrets-arns.html",
    options=(IGNORED_KEYS,),
    kinds=(Kind.FUNCTION,),
    judge=by_value,
)


def _how(name: str, value: Json, *, serves_database: bool) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    about_database = is_database_like(name) or (serves_database and _LOGINS.issuperset(words(name)[:-1]))
    if is_password_like(name) and about_database and not _is_reference(value):
        return ""
    if any(not _is_reference(match["password"]) for match in _URL.finditer(value)):
        return " in a URL"
    pairs = [match["password"].strip("'\"") for match in _PAIR.finditer(value)]
    if _SERVER_PAIR.search(value) and any(pair and not _is_reference(pair) for pair in pairs):
        return " in a connection string"
    if any(_holds_password(each, value, about_database=is_database_like(name)) for each in _objects(value)):
        return " in JSON"
    return None


def _is_reference(text: str) -> bool:
    return _REFERENCE.fullmatch(text.strip()) is not None


def _objects(text: str) -> Iterator[Mapping[str, Json]]:
    """Every object in a JSON text."""
    if not text.lstrip().startswith(("{", "[")):
        return
    try:
        todo = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            yield value
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)


def _holds_password(entry: Mapping[str, Json], text: str, *, about_database: bool) -> bool:
    about_database = about_database or bool(_DATABASE_KEYS & {key.lower() for key in entry}) or bool(endpoints(text))
    return about_database and any(
        is_password_like(key) and isinstance(value, str) and value and not _is_reference(value)
        for key, value in entry.items()
    )
