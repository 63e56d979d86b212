"""What pins a session of PostgreSQL behind RDS Proxy, told from the words of a statement. Pure.

Words suffice: AWS's conditions are kinds of statements and names of functions. What a function, a `DO` block, a
trigger or a column's default does inside is not seen, neither here nor by RDS Proxy ("calling stored procedures and
functions doesn't cause pinning"). A text with a backslash in a plain '…' is read as `standard_conforming_strings = on`
reads it, the default since PostgreSQL 9.1.
"""

from collections.abc import Iterator
from functools import lru_cache

from .rule import Rule
from .words import tokens

GUIDE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html"
# Statements whose text is longer than 16 KB pin on every engine; parameters are no text.
LONGEST_TEXT_BYTES = 16_384

_SETTINGS = (
    "SQL changed session settings that the proxy doesn't track. "
    "Consider moving session configuration to the proxy's initialization query."
)
# Public log lines say these words of other statements than SET too: of set_config (AmbitionEng/django-pghistory#245),
# of RESET ALL (MagicStack/asyncpg#1153), of DECLARE … CURSOR WITH HOLD (dimagi/open-chat-studio#4176).
_ROLE = (
    "set it for the user (ALTER ROLE … SET …), in the proxy's initialization query, or, of the settings that "
    "RDS Proxy takes at login (client_encoding, DateStyle, TimeZone, search_path …), in the connection string"
)
_UNCERTAIN = (
    "it ends with the transaction, and AWS's guide says only of MySQL that SET LOCAL doesn't pin; "
    "for PostgreSQL it names SET commands without exception, so it counts as a pin here"
)

OVERSIZED = Rule(
    name="oversized",
    reason="The connection ran a SQL query which exceeded the 16384 byte limit.",
    from_log=True,  # smily.com, "Integrating Ruby on Rails Applications with RDS Proxy"; getlago/lago-api#6029
    source=GUIDE,
    fix="pass long lists as one array parameter (= ANY($1)): parameters are not counted, the text is",
)
SET = Rule(name="set", reason=_SETTINGS, from_log=True, source=GUIDE, fix=_ROLE)
SET_LOCAL = Rule(
    name="set-local",
    reason=_SETTINGS,
    source=GUIDE,
    contested=_UNCERTAIN,
    fix=_ROLE,
)
SET_TRANSACTION = Rule(
    name="set-transaction",
    reason=_SETTINGS,
    source=GUIDE,
    contested=_UNCERTAIN,
    fix="say it where the transaction begins: BEGIN ISOLATION LEVEL … READ ONLY is no SET",
)
SET_CONSTRAINTS = Rule(
    name="set-constraints",
    reason=_SETTINGS,
    source=GUIDE,
    contested=f"it changes no setting; {_UNCERTAIN}",
    fix="declare the constraint INITIALLY DEFERRED",
)
SET_CONFIG = Rule(
    name="set-config",
    reason=_SETTINGS,
    from_log=True,
    source=GUIDE,
    contested="with is_local => true it is a SET LOCAL, of which AWS says nothing for PostgreSQL",
    fix=_ROLE,
)
RESET = Rule(
    name="reset",
    reason=_SETTINGS,
    from_log=True,
    source=GUIDE,
    fix="leave the reset to RDS Proxy: it resets a database connection before it lends it to another client",
)
PREPARE = Rule(
    name="prepare",
    reason="SQL prepared a statement by PREPARE.",
    source=GUIDE,
    fix="let the driver prepare by the protocol (Parse), which RDS Proxy multiplexes",
)
EXECUTE = Rule(
    name="execute",
    reason="SQL ran a prepared statement by EXECUTE.",
    source=GUIDE,
    fix="let the driver prepare and run by the protocol (Parse, Bind, Execute), which RDS Proxy multiplexes",
)
DEALLOCATE = Rule(
    name="deallocate",
    reason="SQL discarded prepared statements by DEALLOCATE.",
    source=GUIDE,
    fix="let the driver close statements by the protocol; psycopg 3 sends DEALLOCATE ALL after a rollback "
    "once it has prepared: prepare_threshold=None",
)
DISCARD = Rule(
    name="discard",
    reason="SQL discarded session state by DISCARD.",
    source=GUIDE,
    fix="take it out of the pool's reset query: RDS Proxy resets a database connection before it lends it again",
)
TEMPORARY = Rule(
    name="temporary",
    reason="SQL created a temporary table, view or sequence.",
    source=GUIDE,
    fix="use a common table expression, or an UNLOGGED table with a column for the session",
)
DECLARE = Rule(
    name="declare-cursor",
    reason=_SETTINGS,
    from_log=True,
    source=GUIDE,
    fix="read pages by key (WHERE id > … ORDER BY id LIMIT …) in place of a server-side cursor",
)
LISTEN = Rule(
    name="listen",
    reason="SQL listens on a notification channel.",
    source=GUIDE,
    fix="let one process that connects to the database directly listen; NOTIFY does not pin",
)
LOAD = Rule(
    name="load",
    reason="SQL loaded a library.",
    source=GUIDE,
    fix="name the library in the parameter group: shared_preload_libraries",
)
SEQUENCE = Rule(
    name="sequence",
    reason="SQL used a sequence function.",
    source=GUIDE,
    fix="let an identity column take the number, and INSERT … RETURNING tell it",
)
ADVISORY_LOCK = Rule(
    name="advisory-lock",
    reason="SQL took an advisory lock of the session.",
    source=GUIDE,
    fix="take the lock of the transaction: pg_advisory_xact_lock, pg_try_advisory_xact_lock",
)

_STATEMENTS = {
    "deallocate": DEALLOCATE,
    "declare": DECLARE,
    "discard": DISCARD,
    "execute": EXECUTE,
    "listen": LISTEN,
    "load": LOAD,
    "reset": RESET,
}
# The guide says "such as" and "like"; those that read a sequence (currval, lastval) or let go of a lock are not named.
_FUNCTIONS = {
    "nextval": SEQUENCE,
    "pg_advisory_lock": ADVISORY_LOCK,
    "pg_advisory_lock_shared": ADVISORY_LOCK,
    "pg_try_advisory_lock": ADVISORY_LOCK,
    "pg_try_advisory_lock_shared": ADVISORY_LOCK,
    "set_config": SET_CONFIG,
    "setval": SEQUENCE,
}
_SET = {
    "local": SET_LOCAL,
    "transaction": SET_TRANSACTION,
    "constraints": SET_CONSTRAINTS,
}
RULES = (OVERSIZED, SET, *_SET.values(), PREPARE, *_STATEMENTS.values(), TEMPORARY, *dict.fromkeys(_FUNCTIONS.values()))

_SCOPES = {"or", "replace", "local", "global"}
_TEMPORARY = {"temp", "temporary"}
_OWN_SCHEMA = {"pg_temp", '"pg_temp"'}
# Words that follow INTO temp in a SELECT when `temp` is a table's own name.
_AFTER_TARGET = {
    *("", ".", ",", ")", "from", "where", "group", "having", "window", "union", "intersect", "except", "order"),
    *("limit", "offset", "fetch", "for"),
}
_EXPLAINED = {"select", "insert", "update", "delete", "merge", "values", "with", "create", "declare", "execute"}

# The usual text is judged without looking at each of its words: by its first letters and by what may be in it.
_FIRST_LETTERS = {"cre", "dea", "dec", "dis", "exe", "exp", "lis", "loa", "pre", "res", "set"}
# What may begin a statement that pins, where a comment or another statement stands before it.
_BEHIND_OTHERS = ("set", "prepare", "execute", "deallocate", "discard", "declare", "listen", "load", "temp")
# A cached answer keeps its text; a client may send texts without end, and long ones.
_LONGEST_CACHED, _MOST_CACHED = 1_024, 1_024


def pins(text: str) -> Rule | None:
    """The first condition that a text of Query or Parse meets, whatever its length; None when it pins nothing.

    Ask it only of texts up to `LONGEST_TEXT_BYTES`, longer ones pin anyway: a full look costs 0.1 µs a byte.
    Of several statements in one text each counts. EXPLAIN counts as what it explains. A function is known by its
    name before a parenthesis, in any schema; a `DEFAULT nextval(…)` of a table runs later, inside the database.
    """
    lowered = text.lower().strip()
    if (
        lowered[:3] not in _FIRST_LETTERS
        and "tval" not in lowered  # nextval, setval
        and "set_config" not in lowered
        and "advisory" not in lowered
        and not ("temp" in lowered and "into" in lowered)
        and (
            ("--" not in lowered and "/*" not in lowered and ";" not in lowered[:-1])
            or not any(word in lowered for word in _BEHIND_OTHERS)
        )
    ):
        return None
    return _cached(text) if len(text) <= _LONGEST_CACHED else _first(text)


def _first(text: str) -> Rule | None:
    return next((rule for statement in _statements(text) if (rule := _pin(statement))), None)


_cached = lru_cache(maxsize=_MOST_CACHED)(_first)


def _statements(text: str) -> Iterator[list[str]]:
    """The words and signs of each statement: words in lower case, a name as it reads, literals left out."""
    statement: list[str] = []
    for kind, part in tokens(text):
        if kind == "word":
            statement.append(part.lower())
        elif part == ";":
            yield statement
            statement = []
        elif kind in {"sign", "other", "name"}:
            statement.append(part)
    yield statement


def _pin(words: list[str]) -> Rule | None:
    first, second = (*words, "", "")[:2]
    if first == "explain":
        begins = next((at for at, word in enumerate(words) if word in _EXPLAINED), len(words))
        return _pin(words[begins:])
    if first == "set":
        return _SET.get(second, SET)
    if first == "prepare" and second != "transaction":  # two-phase commit prepares no statement
        return PREPARE
    if first == "create" and _creates_temporary(words):
        return TEMPORARY
    return _STATEMENTS.get(first) or _inside(words)


def _creates_temporary(words: list[str]) -> bool:
    kind = next((at for at, word in enumerate(words) if at and word not in _SCOPES), 0)
    # A table can be made in the session's own schema too: CREATE TABLE pg_temp.seen.
    return words[kind] in _TEMPORARY or (
        words[kind] in {"table", "view", "sequence"} and not _OWN_SCHEMA.isdisjoint(words[kind : kind + 7])
    )


def _inside(words: list[str]) -> Rule | None:
    for at, word in enumerate(words):
        following = words[at + 1] if at + 1 < len(words) else ""
        if following == "(" and words[at - 1] != "default":
            if rule := _FUNCTIONS.get(word.strip('"') if word.startswith('"') else word):
                return rule
        elif word == "into" and words[at - 1] not in {"insert", "merge"}:
            ahead = [each for each in words[at + 1 : at + 4] if each not in _SCOPES]
            if ahead and ahead[0] in _TEMPORARY and (*ahead, "")[1] not in _AFTER_TARGET:
                return TEMPORARY
            if ahead[1:2] == ["."] and ahead[0] in _OWN_SCHEMA:
                return TEMPORARY
    return None
