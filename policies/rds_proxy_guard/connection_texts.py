"""Connection texts in a value: URLs of every scheme, JDBC's, Go's, libpq's `key=value` and .NET's `Key=value;`. Pure.

A text may hold a password, so nothing of it is ever shown but parameters' names that this pack knows.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote

from .hosts import strings
from .values import Json


class Form(Enum):
    """Who reads a connection text."""

    URL = "URL"
    DRIVER_URL = "URL that names its driver"  # SQLAlchemy's postgresql+psycopg://
    JDBC = "JDBC URL"
    GO = "Go's MySQL text"
    PAIRS = "libpq's key=value text"
    NET = ".NET's connection string"


@dataclass(frozen=True)
class ConnectionText:
    """One connection text; `mysql` is None where it does not say for which engine it is.

    Parameters are by name in lower case, .NET's without blanks; `where` holds its hosts, and no user or password.
    """

    form: Form
    mysql: bool | None
    where: str = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)


# A scheme begins a word; what follows ends where a text around it would go on.
_URL = re.compile(
    r"(?<![a-z0-9+.-])(?P<jdbc>jdbc:(?:aws-wrapper:|tracing:|p6spy:)?)?"
    r"(?P<scheme>postgres(?:ql)?|postgis|pgx5?|mysqlx?2?|mariadb)(?P<driver>\+[a-z0-9_]{1,32})?"
    r"(?::(?:aws|replication|loadbalance|failover|sequential))?://(?P<rest>[^\s\"<>]*)",
    re.IGNORECASE | re.ASCII,
)
# source: github.com/go-sql-driver/mysql, "DSN (Data Source Name)"
_GO = re.compile(r"@tcp\((?P<where>[^()\s]{1,1024})\)/[^\s?\"']{0,256}\?(?P<query>[^\s\"']*)", re.ASCII)
# source: PostgreSQL, "Connection Strings", keyword/value
_PAIR = re.compile(r"(?<!\S)(?P<key>[a-z_]{1,64})\s{0,8}=\s{0,8}(?P<value>'(?:[^'\\]|\\.)*'|[^\s']\S*)", re.IGNORECASE)
_NET_HOSTS = ("host", "server")
_ONE_PAIR = re.compile(r"\s*(?P<key>[A-Za-z][A-Za-z ]{0,63}?)\s*=(?P<value>.*)\Z", re.DOTALL)
_NPGSQL_ONLY = frozenset(
    {"noresetonclose", "searchpath", "includeerrordetail", "maxautoprepare", "multiplexing", "options"}
)
_MYSQL_PORT, _POSTGRESQL_PORT = "3306", "5432"
_LONGEST = 4096  # source: Lambda quotas: all variables of a function together


def connection_texts(value: Json) -> Iterator[ConnectionText]:
    """Every connection text in a nested value."""
    for whole in strings(value):
        text = whole[:_LONGEST]
        urls = [*_urls(text), *_go_texts(text)]
        yield from urls
        if not urls and "=" in text:
            yield from _net(text) if ";" in text else _pairs(text)


def _urls(text: str) -> Iterator[ConnectionText]:
    for match in _URL.finditer(text):
        before, _, query = match["rest"].partition("?")
        parameters = _query(query)
        mysql = match["scheme"].lower().startswith(("mysql", "maria"))
        form = Form.JDBC if match["jdbc"] else Form.DRIVER_URL if match["driver"] else Form.URL
        # libpq takes the host as a parameter too.
        where = f"{before.rpartition('@')[2].partition('/')[0]} {parameters.get('host', '')}"
        yield ConnectionText(form, mysql, where, parameters)


def _go_texts(text: str) -> Iterator[ConnectionText]:
    for match in _GO.finditer(text):
        yield ConnectionText(Form.GO, True, match["where"], _query(match["query"]))


def _query(query: str) -> dict[str, str]:
    parts = (part.partition("=") for part in query.partition("#")[0].split("&"))
    return {unquote(name).strip().lower(): unquote(value) for name, _, value in parts if name}


def _pairs(text: str) -> Iterator[ConnectionText]:
    found = {match["key"].lower(): match["value"].strip("'") for match in _PAIR.finditer(text)}
    if "host" in found or "hostaddr" in found:
        yield ConnectionText(Form.PAIRS, False, found.get("host", ""), found)


def _net(text: str) -> Iterator[ConnectionText]:
    pairs = [match for part in text.split(";") if (match := _ONE_PAIR.match(part))]
    found = {match["key"].replace(" ", "").lower(): match["value"].strip().strip("'\"") for match in pairs}
    where = next((found[name] for name in _NET_HOSTS if name in found), None)
    if where is None:
        return
    port = found.get("port")
    postgresql = port == _POSTGRESQL_PORT or not _NPGSQL_ONLY.isdisjoint(found)
    yield ConnectionText(Form.NET, False if postgresql else True if port == _MYSQL_PORT else None, where, found)
