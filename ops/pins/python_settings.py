"""What settings of drivers and ORMs in Python make them send. Pure."""

import ast
from collections.abc import Callable, Iterator

from ops.pinning import drivers, mysql, postgresql
from ops.pinning.rule import Rule

from .connection_strings import engine_of
from .python_names import Names, argument, entries, is_none, is_true, takes_more

Rules = Iterator[Rule]
_ENGINES = {"create_engine", "create_async_engine", "async_engine_from_config"}
_PSYCOPG_POOLS = {"ConnectionPool", "AsyncConnectionPool", "NullConnectionPool", "AsyncNullConnectionPool"}
MYSQL_DRIVERS = {"pymysql", "MySQLdb", "mysql", "aiomysql", "asyncmy", "mariadb"}
_OUR_BACKEND = "rds_connection.django"  # without cursors of the server, whatever its settings say
_UTC = {"UTC", "Etc/UTC"}


def of_call(call: ast.Call, names: Names) -> Rules:
    """What a call makes a driver send beside what it says itself, or what RDS Proxy refuses of it."""
    name = names.dotted(call.func)
    module, _, function = name.partition(".")
    last = call.func.attr if isinstance(call.func, ast.Attribute) else name.rpartition(".")[2]
    if module in _BY_MODULE:
        yield from _BY_MODULE[module](call, function, names)
    if last in _ENGINES:
        yield from _engine(call, names)
    if last in _BY_METHOD:
        yield from _BY_METHOD[last](call, names)
    if ".func." in f".{name}" and (rule := postgresql.pins(f"SELECT {last}()")):
        yield rule


def _asyncpg(call: ast.Call, function: str, names: Names) -> Rules:
    if function not in {"create_pool", "pool.create_pool", "Pool", "pool.Pool", "connect", "connection.connect"}:
        return
    if function not in {"connect", "connection.connect"} and not takes_more(call):
        reset = argument(call, "reset")
        if (reset is None or is_none(reset)) and argument(call, "connection_class") is None:
            yield drivers.ASYNCPG_POOL
    yield from _server_settings(argument(call, "server_settings"), names)


def _server_settings(node: ast.expr | None, names: Names) -> Rules:
    known, _ = entries(names.value(node) if node else None)
    if any(name.lower() not in drivers.STARTUP_PARAMETERS for name in known):
        yield drivers.STARTUP_PARAMETER


def _psycopg(call: ast.Call, function: str, names: Names) -> Rules:
    if function in {"ServerCursor", "AsyncServerCursor"}:
        yield drivers.SERVER_SIDE_CURSOR
    if function not in {"connect", "Connection.connect", "AsyncConnection.connect"}:
        return
    yield from _options(argument(call, "options"), names)
    if not takes_more(call) and _prepares(argument(call, "prepare_threshold"), names):
        yield drivers.PSYCOPG_DEALLOCATE


def _prepares(threshold: ast.expr | None, names: Names) -> bool:
    """Whether psycopg 3 prepares for certain: the threshold is given nowhere, or is a number."""
    if threshold is None:
        return "prepare_threshold" not in names.set_later
    return isinstance(getattr(names.value(threshold), "value", None), int)


def _psycopg_pool(call: ast.Call, function: str, names: Names) -> Rules:
    if function in _PSYCOPG_POOLS and not takes_more(call):
        given = argument(call, "kwargs")
        known, more = entries(names.value(given) if given else None)
        yield from _options(known.get("options"), names)
        if not more and _prepares(known.get("prepare_threshold"), names):
            yield drivers.PSYCOPG_DEALLOCATE


def _psycopg2(call: ast.Call, _: str, names: Names) -> Rules:
    yield from _options(argument(call, "options"), names)


def _options(node: ast.expr | None, names: Names) -> Rules:
    if node is not None and "-c" in names.text(node):
        yield drivers.STARTUP_OPTIONS


def _mysql(call: ast.Call, function: str, names: Names) -> Rules:
    if function.rpartition(".")[2] in {"connect", "Connect", "Connection", "create_pool"}:
        yield from _init_command(argument(call, "init_command"), names)


def _init_command(node: ast.expr | None, names: Names) -> Rules:
    if node is not None and (rule := mysql.pins(names.text(node))):
        yield rule


def _engine(call: ast.Call, names: Names) -> Rules:
    url = argument(call, "url", 0)
    engine, driver = _address(url, names) if url is not None else ("", "")
    given = argument(call, "connect_args")
    known, more = entries(names.value(given) if given else None)
    yield from _options(known.get("options"), names)
    yield from _server_settings(known.get("server_settings"), names)
    yield from _init_command(known.get("init_command"), names)
    connects_itself = argument(call, "creator") or argument(call, "async_creator")
    sees_all = not more and not takes_more(call) and not connects_itself
    if driver in {"psycopg", "psycopg_async"} and sees_all and _prepares(known.get("prepare_threshold"), names):
        yield drivers.PSYCOPG_DEALLOCATE
    if driver == "pg8000" and argument(call, "isolation_level") is not None:
        yield drivers.SQLALCHEMY_ISOLATION
    if engine == "postgresql" and driver in {"", "psycopg2"} and argument(call, "client_encoding") is not None:
        yield drivers.PSYCOPG2_SESSION
    options, _ = entries(argument(call, "execution_options"))
    if is_true(options.get("stream_results")):
        yield drivers.STREAM_RESULTS


def _address(url: ast.expr, names: Names) -> tuple[str, str]:
    url = names.value(url)
    if isinstance(url, ast.Call) and names.dotted(url.func).endswith("URL.create"):
        drivername = argument(url, "drivername", 0)
        return engine_of(names.text(drivername)) if drivername is not None else ("", "")
    return engine_of(names.text(url))


def _url(call: ast.Call, names: Names) -> Rules:
    if names.dotted(call.func).endswith("URL.create"):
        query = argument(call, "query")
        known, _ = entries(names.value(query) if query else None)
        yield from _options(known.get("options"), names)


def _cursor(call: ast.Call, names: Names) -> Rules:
    if is_true(argument(call, "prepared")):
        yield drivers.MYSQL_PREPARED
    if names.modules & MYSQL_DRIVERS:
        return
    named = argument(call, "name")
    if named is None and call.args and "asyncpg" not in names.modules:  # asyncpg's takes a query, and opens a portal
        first = names.value(call.args[0])
        named = first if isinstance(first, ast.JoinedStr) or names.text(first).isidentifier() else None
        named = named if named is None or isinstance(first, ast.JoinedStr | ast.Constant) else None
    if named is not None and not is_none(named):
        yield drivers.SERVER_SIDE_CURSOR


def _set_session(call: ast.Call, _names: Names) -> Rules:
    autocommit = argument(call, "autocommit", 4)
    if is_true(autocommit) and len(call.args) + len(call.keywords) > 1:
        yield drivers.PSYCOPG2_SESSION


def _set_client_encoding(_: ast.Call, _names: Names) -> Rules:
    yield drivers.PSYCOPG2_SESSION


def _execution_options(call: ast.Call, _names: Names) -> Rules:
    if is_true(argument(call, "stream_results")) or argument(call, "yield_per") is not None:
        yield drivers.STREAM_RESULTS


def _yield_per(_: ast.Call, names: Names) -> Rules:
    if "sqlalchemy" in names.modules or "sqlmodel" in names.modules:
        yield drivers.STREAM_RESULTS


def _add_listener(call: ast.Call, names: Names) -> Rules:
    if "asyncpg" in names.modules and len(call.args) == 2:
        yield postgresql.LISTEN


def _sequence(call: ast.Call, names: Names) -> Rules:
    if names.dotted(call.func) in {"sqlalchemy.Sequence", "sqlalchemy.schema.Sequence"}:
        yield drivers.SEQUENCE


def _table(call: ast.Call, names: Names) -> Rules:
    prefixes = argument(call, "prefixes")
    given = prefixes.elts if isinstance(prefixes, ast.List | ast.Tuple) else []
    if any("temp" in names.text(each).lower() for each in given):
        yield postgresql.TEMPORARY


def _chunked_cursor(_: ast.Call, _names: Names) -> Rules:
    yield drivers.DJANGO_CURSORS


_BY_MODULE: dict[str, Callable[[ast.Call, str, Names], Rules]] = {
    "asyncpg": _asyncpg,
    "psycopg": _psycopg,
    "psycopg_pool": _psycopg_pool,
    "psycopg2": _psycopg2,
    **dict.fromkeys(MYSQL_DRIVERS, _mysql),
}
_BY_METHOD: dict[str, Callable[[ast.Call, Names], Rules]] = {
    "Sequence": _sequence,
    "Table": _table,
    "add_listener": _add_listener,
    "chunked_cursor": _chunked_cursor,
    "create": _url,
    "cursor": _cursor,
    "execution_options": _execution_options,
    "set_client_encoding": _set_client_encoding,
    "set_session": _set_session,
    "yield_per": _yield_per,
}


def of_dict(node: ast.Dict, names: Names) -> Rules:
    """What a database of Django's `DATABASES` makes it send; and options for the server in an environment."""
    known, more = entries(node)
    yield from _options(known.get("PGOPTIONS"), names)
    engine = names.text(known["ENGINE"]) if "ENGINE" in known else ""
    options, more_options = entries(names.value(known["OPTIONS"]) if "OPTIONS" in known else None)
    if engine.endswith("mysql"):
        yield from _init_command(options.get("init_command"), names)
    if not engine.endswith(("postgresql", "postgresql_psycopg2", "postgis", _OUR_BACKEND)):
        return
    cursors = known.get("DISABLE_SERVER_SIDE_CURSORS")
    given_later = more or "DISABLE_SERVER_SIDE_CURSORS" in names.set_later
    says_yes = (cursors is None and not given_later) or (isinstance(cursors, ast.Constant) and not cursors.value)
    if says_yes and engine != _OUR_BACKEND:
        yield drivers.DJANGO_CURSORS
    if "TIME_ZONE" in known and names.text(known["TIME_ZONE"]) not in {*_UTC, "…"}:
        yield drivers.DJANGO_TIME_ZONE
    yield from _options(options.get("options"), names)
    if "assume_role" in options:
        yield drivers.DJANGO_ROLE
    threshold = options.get("prepare_threshold")
    if threshold is not None and not more_options and _prepares(threshold, names):
        yield drivers.PSYCOPG_DEALLOCATE
