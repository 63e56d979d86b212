"""What a function's environment asks of an RDS Proxy: nothing that the proxy refuses, nothing that pins for certain."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from ..configuration import IGNORED_KEYS, Configuration
from ..connection_texts import ConnectionText, connection_texts
from ..environment import is_database_like, is_host_like, words
from ..graph import Finding, Graph, Node
from ..hosts import endpoints_in
from ..origins import Origin, Origins
from ..proxied_sessions import (
    NEWER_PROTOCOLS,
    PINNING_SCHEMA,
    PINNING_SQL,
    REFUSED_PROTOCOL,
    found_in,
    pins,
    refused,
)
from ..resources import HOLDERS, Kind
from ..rule import StackRule
from ..values import UNKNOWN, Json, holds_unknown, texts

# What libpq, and drivers that follow it, read from the environment and send at start-up; PGTZ, PGDATESTYLE,
# PGCLIENTENCODING and PGAPPNAME are among what the proxy takes. source: PostgreSQL, "Environment Variables"
_SENT = {"PGOPTIONS": "options", "PGGEQO": "geqo"}
_PROTOCOL = "PGMAXPROTOCOLVERSION"
# SQL that a pool sends on each connection: Hikari, Tomcat's pool, DBCP, Quarkus.
_EACH_CONNECTION = re.compile(r"CONNECTION_?INIT_?SQLS?|(?:HIKARI|TOMCAT)_INIT_?SQL|NEW_CONNECTION_SQL")
_HIKARI_SCHEMA = re.compile(r"(?:^|_)HIKARI_SCHEMA")
_POSTGRESQL_WORDS = frozenset({"PG", "PGSQL", "POSTGRES", "POSTGRESQL", "NPGSQL"})
_MYSQL_WORDS = frozenset({"MYSQL", "MARIADB"})
# A port, an engine, a dialect, a driver's URL.
_MYSQL_BEGINNINGS = ("3306", "mysql", "mariadb", "aurora-mysql")
_POSTGRESQL_BEGINNINGS = ("5432", "postgres", "aurora-postgres")
_IGNORES_VARIABLES = "EXCLUDE_VARIABLE_SETS"


def by_graph(graph: Graph, config: Configuration) -> list[Finding]:
    """What the variables of each function hold that leads to a proxy, by host, by reference or by dependency."""
    judged = _Judged(graph, config)
    return [Finding(function.urn, text) for function in graph.of(Kind.FUNCTION) for text in judged.texts(function)]


BY_GRAPH = StackRule(
    name="lambda-proxy-pinning",
    display_name="Nothing that pins at RDS Proxy",
    description="What leads to RDS Proxy must hold nothing that the proxy refuses, and nothing that pins for certain.",
    severity="medium",
    remediation_steps="Leave the parameter out; set once what sessions need with ALTER ROLE … SET, or in initQuery.",
    tags=("lambda", "connections"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html",
    advisory=True,
    options=(IGNORED_KEYS,),
    judged=Kind.FUNCTION,
    read=(
        *(Kind.DATABASE, Kind.PROXY, Kind.PROXY_ENDPOINT, Kind.TARGET, Kind.TARGET_GROUP, Kind.DNS_ZONE),
        *HOLDERS,
    ),
    judge=by_graph,
)


class _Judged:
    """The functions of a stack, one by one; the graph is walked only for one that holds something to report."""

    def __init__(self, graph: Graph, config: Configuration) -> None:
        self._graph, self._ignored = graph, config["ignoreKeyPatterns"]

    def texts(self, function: Node) -> Iterator[str]:
        """The findings of one function."""
        variables = function.read(*function.provider.environment)
        if not isinstance(variables, dict):
            return
        known = {
            name: value
            for name, value in variables.items()
            if not holds_unknown(value) and not any(pattern.search(name) for pattern in self._ignored)
        }
        for name in sorted(known):
            yield from self._in_value(name, known[name])
        for name in sorted(known):
            yield from self._in_name(function, name, known[name], variables)

    def _in_value(self, name: str, value: Json) -> Iterator[str]:
        """What connection texts hold that lead to a proxy themselves."""
        said: dict[str, None] = {}
        for text in connection_texts(value):
            text = _with_engine(text, name)
            ignored = text.mysql is True and self._filters
            said |= {what: None for what in found_in(text, variables_ignored=ignored) if self._is_proxied(text.where)}
        yield from (f"Environment variable {name} holds {what}." for what in said)

    def _in_name(self, function: Node, name: str, value: Json, variables: dict[str, Json]) -> Iterator[str]:
        """What a variable does, by its name, to each connection that the function opens."""
        stated, own = " ".join(texts(value)).strip(), "_".join(words(name))
        if not stated:
            return
        what = ""
        if name in _SENT:
            what = f"sends the parameter {refused([_SENT[name]])}"
        elif name == _PROTOCOL and stated in NEWER_PROTOCOLS:
            what = f"sets {REFUSED_PROTOCOL}"
        elif _HIKARI_SCHEMA.search(own):
            what = f"names {PINNING_SCHEMA}"
        elif _EACH_CONNECTION.search(own):
            mysql = _engine(self._proxied_engines(function, variables), variables)
            if mysql is not None and pins(stated, mysql=mysql) and not (mysql and self._filters):
                yield f"Environment variable {name} holds {PINNING_SQL}."
        if what:
            engines = self._proxied_engines(function, variables)
            mysql = _engine(engines, variables)
            # What begins so is PostgreSQL's own, so of a proxy whose engine nothing tells it says the engine.
            if mysql is False or (engines and mysql is None and name.startswith("PG")):
                yield f"Environment variable {name} {what}."

    def _proxied_engines(self, function: Node, variables: dict[str, Json]) -> set[bool | None]:
        """The engines of the proxies to which a function's hosts lead, as `ConnectionText.mysql`; empty for none."""
        if "PGHOST" in variables:
            variables = {"PGHOST": variables["PGHOST"]}  # it goes before whatever else there is
        unknown = [
            name
            for name, value in variables.items()
            if holds_unknown(value) and is_host_like(name) and is_database_like(name)
        ]
        engines: set[bool | None] = set()
        if unknown and self._comes_from_proxy(function, unknown):
            engines.update(map(_named_engine, unknown))
        for name, value in variables.items():
            if not holds_unknown(value):
                inside = [_with_engine(each, name) for each in connection_texts(value)]
                engines.update(each.mysql for each in inside if self._is_proxied(each.where))
                if not inside and is_host_like(name) and self._is_proxied(value):
                    engines.add(_named_engine(name))
        return engines

    def _is_proxied(self, value: Json) -> bool:
        """Whether a host, or one in a text, is a proxy's: by itself, or as a DNS record or parameter leads to one."""
        if any(not each.direct for each in endpoints_in(value)):
            return True
        origins = [self._origins.of_holder(urn) for urn in self._origins.references.in_content(value)]
        return any(_is_proxys(origin) for origin in origins)

    def _comes_from_proxy(self, function: Node, hosts: list[str]) -> bool:
        """Whether hosts that are not known yet are a proxy's: as `lambda-uses-rds-proxy-graph` counts them."""
        fed = frozenset(function.fed_by(function.provider.environment[0]))
        return len(hosts) <= len(self._origins.of(fed).proxies)

    @cached_property
    def _origins(self) -> Origins:
        return Origins(self._graph)

    @cached_property
    def _filters(self) -> bool:
        """Whether some proxy of the stack may leave variables out of account, whichever it is."""
        for group in self._graph.of(Kind.TARGET_GROUP):
            stated = group.read(group.provider.pool[0], "sessionPinningFilters")
            if stated is UNKNOWN or holds_unknown(stated) or _IGNORES_VARIABLES in texts(stated):
                return True
        return False


def _is_proxys(origin: Origin) -> bool:
    return bool(origin.proxies) and not origin.databases and not origin.unsure


def _named_engine(name: str) -> bool | None:
    own = set(words(name))
    if own & _MYSQL_WORDS:
        return True
    return False if own & _POSTGRESQL_WORDS or name.startswith("PG") else None


def _with_engine(text: ConnectionText, name: str) -> ConnectionText:
    return replace(text, mysql=_named_engine(name)) if text.mysql is None else text


def _engine(engines: set[bool | None], variables: dict[str, Json]) -> bool | None:
    """Whether the proxies that a function leads to are MySQL's; None where that is not known or there is none."""
    stated = engines - {None}
    if engines and not stated:
        beside = [str(value).lower() for value in variables.values()]
        stated = {True} if any(each.startswith(_MYSQL_BEGINNINGS) for each in beside) else set()
        stated |= {False} if any(each.startswith(_POSTGRESQL_BEGINNINGS) for each in beside) else set()
    return next(iter(stated)) if len(stated) == 1 else None
