"""What RDS Proxy refuses at a start-up, and what pins a session for certain, by connection text and SQL. Pure.

What only may pin, by a driver's version or by what a program sends, is not told: docs/pinning.md has it.
"""

import re
from collections.abc import Iterator, Sequence

from .connection_texts import ConnectionText, Form


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


_ACCEPTED = "user, database, application_name, client_encoding, DateStyle, TimeZone, extra_float_digits and search_path"
# Parameters that drivers pass on as start-up parameters from a URL (pgx, lib/pq, asyncpg, node-postgres, postgres.js);
# by name, since a name that nobody knows may be a part of a password.
_REFUSED = _words(
    """
    statement_timeout lock_timeout transaction_timeout idle_in_transaction_session_timeout idle_session_timeout
    jit geqo work_mem maintenance_work_mem temp_buffers effective_cache_size random_page_cost
    default_transaction_isolation default_transaction_read_only default_transaction_deferrable
    session_replication_role role row_security synchronous_commit intervalstyle bytea_output
    client_min_messages log_statement log_min_duration_statement plan_cache_mode
    standard_conforming_strings xmloption replication
    """
)
_OPTION = re.compile(r"options\[[a-z_.]{1,64}\]", re.ASCII)  # sqlx: options[statement_timeout]=5s
NEWER_PROTOCOLS = frozenset({"latest", "3.2"})
"""Of the protocol of PostgreSQL 18: what its max_protocol_version asks for."""

# source: RDS User Guide, "Conditions that cause pinning for RDS for MySQL" and "… for MariaDB": tracked variables
_TRACKED = _words(
    """
    autocommit auto_increment_increment names character_set char_set charset
    character_set_client character_set_connection character_set_database character_set_filesystem
    character_set_results character_set_server collation_connection collation_database collation_server
    interactive_timeout net_write_timeout query_cache_type session_track_schema sql_mode time_zone
    transaction_isolation tx_isolation transaction_read_only tx_read_only wait_timeout
    """
)
# System variables that Go's driver sets for parameters it does not know itself; by name, as above.
_UNTRACKED = _words(
    """
    max_execution_time max_statement_time innodb_lock_wait_timeout lock_wait_timeout group_concat_max_len
    sql_select_limit foreign_key_checks unique_checks optimizer_switch sql_safe_updates net_read_timeout
    long_query_time sort_buffer_size join_buffer_size tmp_table_size max_heap_table_size sql_big_selects
    """
)
_SINCE_9 = re.compile(r"\s*(?:9|[1-9][0-9])", re.ASCII)  # a version of PostgreSQL: 9.0, 15
_TRUE = frozenset({"true", "yes", "on", "1"})
_NETS_POOL_OFF = frozenset({"false", "no", "off", "0"})

_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`")
_BRACKETS = re.compile(r"\([^()]*\)")
# source: RDS User Guide, "Conditions that cause pinning for RDS for PostgreSQL". Whether SET LOCAL and SET TRANSACTION
# pin, AWS does not say.
_PINS_POSTGRESQL = re.compile(
    r"\s*(?:SET\b(?!\s+(?:LOCAL|TRANSACTION)\b)|RESET\b|PREPARE\b|EXECUTE\b|DEALLOCATE\b|DISCARD\b|DECLARE\b|LISTEN\b|LOAD\b|"
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:(?:LOCAL|GLOBAL)\s+)?TEMP(?:ORARY)?\b|"
    r"SELECT\s+(?:pg_catalog\.)?(?:set_config|pg_advisory_lock|pg_try_advisory_lock|nextval|setval)\s*\()",
    re.IGNORECASE,
)
_SET = re.compile(r"\s*SET\s+(?P<what>.*)", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"\s*(?:(?:@@)?SESSION(?:\s+|\.)|@@)?(?P<name>@?\w+)", re.IGNORECASE | re.ASCII)
# Scopes beyond the session, and LOCAL, of which AWS says that it does not pin.
_OTHER_SCOPES = frozenset({"global", "persist", "persist_only", "local"})


def refused(names: Sequence[str]) -> str:
    """What is wrong with start-up parameters of these names, and the way out; goes on after "… holds"."""
    it, them = ("it is", "it") if len(names) == 1 else ("they are", "them")
    return (
        f"{_listed(names)}. Where {it} sent at start-up, RDS Proxy refuses the connection (0A000): it takes "
        f"{_ACCEPTED}, nothing else. Leave {them} out; set once what sessions need with ALTER ROLE … SET, or in the "
        "proxy's initQuery"
    )


REFUSED_PROTOCOL = (
    "max_protocol_version, which RDS Proxy refuses (0A000): it supports only version 3.0 of the protocol. Leave it out"
)
PINNING_RESET = (
    "a pool of Npgsql that resets what it lends anew (DISCARD ALL), which pins every connection that is used again. "
    "Add No Reset On Close=true"
)
# source: pgjdbc, ConnectionFactoryImpl.runInitialQueries; pull request 4308 tells its history. Seen on the wire of
# 42.7.8 and 42.7.13; 42.7.4 and 42.7.5 may send neither.
PINNING_CONNECT = (
    "a JDBC URL without assumeMinServerVersion: pgjdbc then sends SET application_name at each connect (before 42.7.4 "
    "SET extra_float_digits too), which pins. Add assumeMinServerVersion=9.0, unless the code does: it is then sent at "
    "start-up"
)
PINNING_SCHEMA = (
    "a schema that Hikari sets on each connection (SET SESSION search_path), which pins it. Put currentSchema=… into "
    "the JDBC URL instead: it is sent at start-up, which RDS Proxy takes"
)
PINNING_SQL = (
    "SQL that a pool sends on each connection, and that pins it. Put it into the proxy's initQuery, which runs once "
    "for each connection to the database"
)
PINNING_PREPARES = (
    "useServerPrepStmts=true: RDS Proxy pins a session of MySQL that prepares statements on the server. Leave it out; "
    "the driver then puts the parameters in itself"
)


def found_in(text: ConnectionText, *, variables_ignored: bool = False) -> Iterator[str]:
    """What a connection text that leads to RDS Proxy holds that is refused or pins, and the way out.

    With `variables_ignored` the proxy may have EXCLUDE_VARIABLE_SETS among its filters.
    """
    if text.mysql:
        yield from _mysql(text, variables_ignored)
    elif text.mysql is False:
        yield from _postgresql(text)


def _postgresql(text: ConnectionText) -> Iterator[str]:
    stated = {name for name, value in text.parameters.items() if value.strip()}
    names = {"options"} if any(name == "options" or _OPTION.fullmatch(name) for name in stated) else set()
    # pgjdbc and Npgsql pass nothing on that they do not know; SQLAlchemy's drivers take arguments, not parameters.
    if text.form in (Form.URL, Form.PAIRS):
        names |= stated & _REFUSED
    if names:
        yield refused(sorted(names))
    if text.parameters.get("max_protocol_version", "").strip() in NEWER_PROTOCOLS:
        yield REFUSED_PROTOCOL
    if text.form is Form.JDBC and not _SINCE_9.match(text.parameters.get("assumeminserverversion", "")):
        yield PINNING_CONNECT
    if text.form is Form.NET and _resets(text):
        yield PINNING_RESET


def _resets(text: ConnectionText) -> bool:
    # source: Npgsql's documentation, "Performance: Pooled Connection Reset"; npgsql issue 3731
    said = {name: value.strip().lower() for name, value in text.parameters.items()}
    unpooled = said.get("pooling") in _NETS_POOL_OFF
    return not unpooled and said.get("noresetonclose") not in _TRUE and said.get("multiplexing") not in _TRUE


def _mysql(text: ConnectionText, variables_ignored: bool) -> Iterator[str]:
    said = text.parameters
    if text.form is Form.JDBC and said.get("useserverprepstmts", "").strip().lower() in _TRUE:
        yield PINNING_PREPARES
    if variables_ignored:
        return
    if text.form is Form.JDBC and _sets_untracked(f"SET {said.get('sessionvariables', '').replace(';', ',')}"):
        yield _sets("sessionVariables")
    if text.form is Form.GO and (names := sorted(said.keys() & _UNTRACKED)):
        yield _sets(_listed(names))
    if pins(said.get("init_command", ""), mysql=True):
        yield _sets("init_command")


def _sets(what: str) -> str:
    return (
        f"{what}: it sets a variable on each connection that RDS Proxy does not track, which pins it. Set it in the "
        "proxy's initQuery, or have the proxy ignore it (sessionPinningFilters: EXCLUDE_VARIABLE_SETS)"
    )


def pins(sql: str, *, mysql: bool) -> bool:
    """Whether SQL that a pool sends on each connection pins it for certain."""
    statements = _QUOTED.sub("''", sql).split(";")
    return any(_sets_untracked(each) if mysql else _PINS_POSTGRESQL.match(each) for each in statements)


def _sets_untracked(statement: str) -> bool:
    match = _SET.match(_QUOTED.sub("''", statement))
    return match is not None and any(map(_is_untracked, _BRACKETS.sub("", match["what"]).split(",")))


def _is_untracked(assignment: str) -> bool:
    match = _NAME.match(assignment)
    if match is None or "=" not in assignment:  # SET NAMES, SET CHARACTER SET, SET SESSION TRANSACTION: tracked
        return False
    return match["name"].lower() not in _TRACKED | _OTHER_SCOPES


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
