"""What pins in a file of Python: its constant SQL, its drivers' settings, its connection strings. Pure."""

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator

from ops.pinning.rule import Rule

from . import connection_strings
from .finding import Finding, Read, allowances, judged
from .python_names import UNSEEN, Names
from .python_settings import MYSQL_DRIVERS, of_call, of_dict
from .texts import rule_of, shown_of

# Methods and functions that take a statement first.
_RUNNING = {
    *("execute", "executemany", "exec_driver_sql", "execute_sql", "execute_query", "fetch", "fetchrow", "fetchval"),
    *("fetch_one", "fetch_all", "fetch_val", "iterate", "scalar", "scalars", "stream", "prepare", "copy_expert"),
    *("raw", "RawSQL", "RunSQL", "read_sql", "read_sql_query", "copy_from_query", "run_sql", "query"),
}
# Those of them that run nothing else, so that a statement which isn't constant is counted.
_ONLY_STATEMENTS = {"execute", "executemany", "exec_driver_sql", "fetchrow", "fetchval", "RunSQL"}
_TEXTS = {"text", "SQL", "DDL"}
_POSTGRESQL = {"psycopg", "psycopg2", "psycopg_pool", "asyncpg", "aiopg", "pg8000"}
_OURS = {
    *_POSTGRESQL,
    *MYSQL_DRIVERS,
    *("sqlalchemy", "sqlmodel", "django", "flask_sqlalchemy", "databases", "alembic", "tortoise", "piccolo", "peewee"),
    *("pony", "pandas", "records"),
}
_OTHERS = {
    *("sqlite3", "aiosqlite", "duckdb", "clickhouse_driver", "clickhouse_connect", "snowflake", "pyspark", "trino"),
    *("oracledb", "cx_Oracle", "redis", "cassandra", "pyhive", "prestodb", "apsw", "pysqlite3", "databricks"),
}
# `execute` has other meanings: a text counts as a statement that begins with such a word when it goes on like one.
_GOES_ON = {
    "set": r"set\s+(?:session\b|role\b|time\s+zone\b|names\b|[\w.\"…]+\s*(?:=|to\b))",
    "set-local": r"set\s+local\s+(?:role\b|session\b|time\s+zone\b|[\w.\"…]+\s*(?:=|to\b))",
    "variable": r"set\s.*=|select\b",
    "reset": r"\breset\s+(?:all|role|time\s+zone|session\s+authorization|[\w.\"…]+)\s*(?:;|\Z)",
    "execute": r"execute\s+[\w\"…]+\s*(?:\(|;|\Z)",
    "prepare": r"prepare\s.*\bas\b",
    "prepared-statement": r"prepare\s.*\bfrom\b|execute\s+\w|(?:deallocate|drop)\s+prepare",
    "listen": r"listen\s+[\w\"…]+\s*(?:;|\Z)",
    "load": r"load\s+'",
    "discard": r"discard\s+(?:all|plans|sequences|temp)",
    "declare-cursor": r"\bcursor\b",
}
# A text that nothing in this file runs is a statement when it begins like one; prose doesn't write its SET so.
_STATEMENT = re.compile(
    r"\s*(?:(?i:select|insert|with|create\s+(?:or\s+replace\s+)?(?:local\s+)?temp\w*)\s"
    r"|(?:SET|RESET|LISTEN|DISCARD|DEALLOCATE|DECLARE)\s)"
)


def read_python(source: str, engine: str) -> Read:
    """What pins in a file.

    Raises:
        SyntaxError, ValueError, RecursionError: It is no Python of this interpreter's, or too deep.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a backslash in a string of the reader's is not ours to tell
        tree = ast.parse(source)
    names = Names(tree)
    reader = _Reader(names, _engine(source, names) or engine)
    for node in names.nodes:
        reader.look(node)
    comments = list(_comments(source)) if "pins:" in source.lower() else []
    alone = {line for line, _, is_alone in comments if is_alone}
    return Read(findings=judged(list(reader.found()), allowances(comments), alone), unseen=reader.unseen)


def _comments(source: str) -> Iterator[tuple[int, str, bool]]:
    """(line, comment, whether it stands alone) of each."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            yield line, token.string, not token.line[:column].strip()


def _engine(source: str, names: Names) -> str:
    """The engine that a file shows by its drivers or its connection strings; empty when it shows none, or both."""
    mysql = bool(names.modules & MYSQL_DRIVERS) or bool(re.search(r"\bmysql(?:\+\w+)?://", source))
    postgresql = bool(names.modules & _POSTGRESQL) or bool(re.search(r"\bpostgres(?:ql)?(?:\+\w+)?://", source))
    return "" if mysql == postgresql else "mysql" if mysql else "postgresql"


class _Reader:
    def __init__(self, names: Names, engine: str) -> None:
        self._names = names
        self._engine = engine
        self._foreign = bool(names.modules & _OTHERS) and not names.modules & _OURS
        self._knows_databases = bool(names.modules & _OURS)
        self._found: list[tuple[ast.expr | ast.stmt, Rule, str]] = []
        self._judged: set[ast.AST] = set()
        self._parts: set[ast.AST] = set()  # of f-strings
        self._waiting: list[ast.Call | ast.Constant | ast.JoinedStr] = []
        self.unseen = 0

    def look(self, node: ast.AST) -> None:
        """Take one node; of two that are nested the outer one comes first."""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            self._parts.add(node.value)  # a docstring
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Dict):
            self._settings(node, of_dict(node, self._names), "")
        elif isinstance(node, ast.Constant | ast.JoinedStr) and node not in self._parts:
            self._string(node)
        elif isinstance(node, ast.Assign) and "PGOPTIONS" in ast.dump(node.targets[0]):
            self._add(node, connection_strings.rules(f"PGOPTIONS={self._names.text(node.value)}"), "PGOPTIONS")

    def _call(self, call: ast.Call) -> None:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else self._names.dotted(call.func)
        name = name.rpartition(".")[2]
        self._settings(call, of_call(call, self._names), name)
        if self._foreign or not call.args:
            return
        if name in _TEXTS:
            self._waiting.append(call)
        elif name in _RUNNING and not isinstance(call.args[0], ast.Starred):
            self._run(call, call.args[0], name)

    def _run(self, call: ast.Call, statement: ast.expr, name: str) -> None:
        self._names.read.clear()
        text = self._names.text(statement)
        self._judged |= self._names.read
        if UNSEEN in text and name in _ONLY_STATEMENTS and self._knows_databases:
            self.unseen += 1
        self._statement(call, text)

    def _statement(self, node: ast.expr, text: str) -> None:
        rule = rule_of(text, self._engine)
        if rule and re.search(_GOES_ON.get(rule.name, ""), text, re.IGNORECASE | re.DOTALL):
            self._found.append((node, rule, shown_of(text, self._engine)))

    def _string(self, node: ast.Constant | ast.JoinedStr) -> None:
        if isinstance(node, ast.JoinedStr):
            self._parts.update(node.values)
        text = self._names.text(node)
        if "://" in text or "=" in text:
            self._add(node, connection_strings.rules(text), "connection string")
        if not self._foreign and _STATEMENT.match(text):
            self._waiting.append(node)

    def _settings(self, node: ast.Call | ast.Dict, rules: Iterator[Rule], shown: str) -> None:
        self._names.read.clear()
        self._add(node, rules, shown)
        self._judged |= self._names.read  # a setting's own SQL, such as init_command, is judged there

    def _add(self, node: ast.expr | ast.stmt, rules: Iterator[Rule], shown: str) -> None:
        self._found += [(node, rule, shown) for rule in rules]

    def found(self) -> Iterator[Finding]:
        """Each finding once; of a text that something in this file runs, where it is run."""
        for node in self._waiting:
            if node not in self._judged:
                self._names.read.clear()
                self._statement(node, self._names.text(node.args[0] if isinstance(node, ast.Call) else node))
                self._judged |= self._names.read
        told = set()
        for place, rule, shown in self._found:
            if (place.lineno, rule) not in told:
                told.add((place.lineno, rule))
                yield Finding(rule=rule, line=place.lineno, last_line=place.end_lineno or place.lineno, shown=shown)
