"""What pins a session of MySQL or MariaDB behind RDS Proxy, told from the words of a statement. Pure.

A text with double quotes is read as `ANSI_QUOTES` off reads it, the default: they hold a string. The binary protocol's
prepared statements pin too, and show in no text: see the drivers' settings.
"""

from collections.abc import Iterator

from .postgresql import GUIDE, OVERSIZED
from .rule import Rule
from .words import MYSQL, tokens

VARIABLE = Rule(
    name="variable",
    reason="SQL changed session settings that the proxy doesn't track. "
    "Consider moving session configuration to the proxy's initialization query.",
    from_log=True,  # mariadb-corporation/mariadb-connector-r2dbc#81
    source=GUIDE,
    fix="set it in the proxy's initialization query or the parameter group; a value in a query is a parameter",
)
NEXT_TRANSACTION = Rule(
    name="next-transaction",
    reason="SQL set a characteristic of the next transaction only.",
    source=GUIDE,
    fix="set it for the session: SET SESSION TRANSACTION …, which RDS Proxy tracks",
)
LOCK_TABLES = Rule(
    name="lock-tables",
    reason="SQL locked tables.",
    source=GUIDE,
    fix="lock rows in a transaction: SELECT … FOR UPDATE",
)
GET_LOCK = Rule(
    name="get-lock",
    reason="SQL took a named lock of the session by GET_LOCK.",
    source=GUIDE,
    fix="lock a row of a table of locks: SELECT … FOR UPDATE, or … SKIP LOCKED",
)
TEMPORARY = Rule(
    name="temporary",
    reason="SQL created a temporary table.",
    source=GUIDE,
    fix="use a common table expression, or a plain table with a column for the session",
)
ROW_COUNT = Rule(
    name="row-count",
    reason="SQL called ROW_COUNT or FOUND_ROWS.",
    source=GUIDE,
    contested="AWS says that these sometimes pin, and not when",
    fix="take the number of rows that the driver tells; count by SELECT COUNT(*)",
)
PREPARED = Rule(
    name="prepared-statement",
    reason="SQL prepared or ran a prepared statement.",
    source=GUIDE,
    fix="let the driver put the parameters into the text: on MySQL prepared statements pin, as SQL and as protocol",
)
EXECUTABLE = Rule(
    name="executable-comment",
    reason="SQL has an executable comment.",
    source=GUIDE,
    fix="take /*! … */ out, or write its statement plainly",
)
RULES = (*(OVERSIZED, VARIABLE, NEXT_TRANSACTION, LOCK_TABLES, GET_LOCK, TEMPORARY, ROW_COUNT, PREPARED, EXECUTABLE),)

# The guide's list: a connection whose tracked values are the same is lent to the next client.
TRACKED = frozenset(
    {
        *("autocommit", "auto_increment_increment", "interactive_timeout", "net_write_timeout", "query_cache_type"),
        *("character_set_client", "character_set_database", "character_set_filesystem", "character_set_connection"),
        *("character_set_results", "character_set_server", "collation_connection", "collation_database"),
        *("collation_server", "session_track_schema", "sql_mode", "time_zone", "transaction_isolation"),
        *("transaction_read_only", "wait_timeout"),
    }
)
# Forms of SET that have no variable; the guide's list names the first four as tracked.
_NO_VARIABLE = {"names", "charset", "character", "char", "password", "role", "default", "resource", "statement"}
_FUNCTIONS = {"get_lock": GET_LOCK, "row_count": ROW_COUNT, "found_rows": ROW_COUNT}
_SCOPES = {"global", "session", "persist", "persist_only"}
_OF_TRANSACTION = {"transaction_isolation", "transaction_read_only"}


def pins(text: str) -> Rule | None:
    """The first condition that a text meets, whatever its length; None when it pins nothing.

    SET LOCAL pins nothing, as the guide says, though MySQL reads LOCAL as SESSION.
    """
    return next((rule for statement in _statements(text) if (rule := _pin(statement))), None)


def _statements(text: str) -> Iterator[list[str]]:
    statement: list[str] = []
    for kind, part in tokens(text, MYSQL):
        if kind == "executable":
            yield [*statement, part[:3]]
            statement = []
        elif part == ";":
            yield statement
            statement = []
        elif kind == "word":
            statement.append(part.lower())
        elif kind == "name":
            statement.append(part[1:-1].lower())
        elif kind in {"sign", "other"}:
            statement.append(part)
    yield statement


def _pin(words: list[str]) -> Rule | None:
    first, second = (*words, "", "")[:2]
    if words[-1:] == ["/*!"] or words[-1:] == ["/*M"]:
        return EXECUTABLE
    if first == "set":
        return next((rule for each in _assignments(words[1:]) if (rule := _set(each))), None)
    if first in {"prepare", "execute", "deallocate"} or (first == "drop" and second == "prepare"):
        return PREPARED
    if first == "create" and "temporary" in words[1:4]:
        return TEMPORARY
    if first == "lock" and second in {"table", "tables"}:
        return LOCK_TABLES
    if first == "flush" and second in {"table", "tables"} and "lock" in words:
        return LOCK_TABLES
    for at, word in enumerate(words):
        following = words[at + 1 : at + 2]
        if word in _FUNCTIONS and following == ["("]:
            return _FUNCTIONS[word]
        if (word == ":" and following == ["="]) or (word == "into" and following == ["@"]):
            return VARIABLE
    return None


def _assignments(words: list[str]) -> Iterator[list[str]]:
    """Each `scope name = value` of a SET; a comma within parentheses parts nothing."""
    assignment: list[str] = []
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if word == "," and depth == 0:
            yield assignment
            assignment = []
        else:
            assignment.append(word)
    yield assignment


def _set(assignment: list[str]) -> Rule | None:
    named = assignment[: assignment.index("=")] if "=" in assignment else assignment
    at_signs = named.count("@")
    if at_signs == 1:
        return VARIABLE  # a user variable
    words = [word for word in named if word not in {"@", ".", ":"}]
    scope = words.pop(0) if words and words[0] in {*_SCOPES, "local"} else ""
    name = (*words, "")[0]
    if scope == "local" or name in _NO_VARIABLE:
        return None
    if name == "transaction":
        return None if scope == "session" else NEXT_TRANSACTION
    # @@transaction_isolation without a scope is the next transaction's; without the signs it is the session's.
    if at_signs == 2 and not scope and name in _OF_TRANSACTION:
        return NEXT_TRANSACTION
    return None if name in TRACKED and scope in {"", "session"} else VARIABLE
