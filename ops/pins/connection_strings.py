"""What a connection string makes a driver send, or RDS Proxy refuse. Pure."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

from ops.pinning import drivers, mysql
from ops.pinning.rule import Rule

_URL = re.compile(r"(?P<jdbc>jdbc:)?(?P<engine>postgres(?:ql)?|postgis|mysql|mariadb)(?:\+\w+)?://[^\s'\"<>`]+", re.I)
# Settings of the server that people give as parameters of a connection; the drivers send them at login.
_SETTINGS = {
    *("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "jit", "work_mem"),
    *("default_transaction_isolation", "default_transaction_read_only", "role", "session_replication_role"),
}
_OPTIONS = re.compile(r"\boptions[\"']?\s*[=:]\s*[\"']*\s*-c|\bPGOPTIONS[\"']?\s*[=:]\s*[\"']?\s*-", re.I)
_NPGSQL = re.compile(r"\b(?:Host|Server)=[^;]+;(?=.*\bDatabase=)(?=.*\bUser ?(?:name|id)=)", re.I)
_NPGSQL_QUIET = re.compile(r"\bNo Reset On Close\s*=\s*true|\bPooling\s*=\s*false", re.I)
# The same form is SQL Server's and MySQL's; these words or ports are only theirs.
_NOT_NPGSQL = re.compile(r"\bUid=|Port=3306|TrustServerCertificate|Initial Catalog|Integrated Security|1433", re.I)


def rules(text: str) -> Iterator[Rule]:
    """Each rule that the connection strings in a text meet, at most once."""
    found = dict.fromkeys(rule for url in _URL.finditer(text) for rule in _of_url(url))
    if _OPTIONS.search(text):
        found[drivers.STARTUP_OPTIONS] = None
    if _NPGSQL.search(text) and not _NPGSQL_QUIET.search(text) and not _NOT_NPGSQL.search(text):
        found[drivers.NPGSQL] = None
    yield from found


def _of_url(url: re.Match[str]) -> Iterator[Rule]:
    settings = {name.lower(): value for name, value in parse_qsl(url.group().partition("?")[2], keep_blank_values=True)}
    if url["engine"].lower() in {"mysql", "mariadb"}:
        for text in (settings.get("init_command", ""), "SET " + settings.get("sessionvariables", "NAMES utf8mb4")):
            if rule := mysql.pins(text):
                yield rule
        if settings.get("useserverprepstmts", "").lower() == "true":
            yield drivers.MYSQL_PREPARED
        return
    if settings.get("options"):
        yield drivers.STARTUP_OPTIONS
    if _SETTINGS & settings.keys():
        yield drivers.STARTUP_PARAMETER
    if url["jdbc"] and "assumeminserverversion" not in settings:
        yield drivers.JDBC


def engine_of(text: str) -> tuple[str, str]:
    """(engine, driver) of the first URL in a text: ("postgresql", "psycopg"); empty when there is none."""
    found = re.search(r"\b(postgres(?:ql)?|mysql|mariadb)(?:\+(\w+))?(?=:|$)", text)
    if not found:
        return "", ""
    return ("postgresql" if found[1].startswith("postgres") else "mysql"), found[2] or ""
