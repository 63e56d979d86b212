"""What pins on PostgreSQL: AWS's conditions, by words, and nothing that only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.pinning.postgresql import GUIDE, RULES, pins

_PINS = {
    "set": [
        "SET search_path TO app",
        "  set\ttime zone 'UTC';",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET ROLE app",
        "BEGIN; SET x = 1; COMMIT",
        ";SET x = 1",
        "/* SELECT */ SET x = 1",
        "-- it's\nSET x = 1",
        "SELECT 'a;''b'; SET x = 1",
        "SELECT $$ ' $$; SET x = 1",
        "SELECT E'\\'; '; SET x = 1",
        'SELECT "a;""b"; SET x = 1',
        "SELECT /* a /* ; */ ' */ 1; SET x = 1",
    ],
    "set-local": ["SET LOCAL statement_timeout = 5", "BEGIN; set local x = 1"],
    "set-transaction": ["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
    "set-constraints": ["SET CONSTRAINTS ALL DEFERRED"],
    "set-config": [
        "SELECT set_config('jit', 'off', false)",
        "SELECT pg_catalog.set_config ('x', $1, true)",
        "SELECT \"set_config\"('x', '', false)",
    ],
    "reset": ["RESET ALL", "SELECT 1; RESET x"],
    "prepare": ["PREPARE p AS SELECT 1"],
    "execute": ["EXECUTE p(1)", "EXPLAIN (ANALYZE, SETTINGS) EXECUTE p", "explain analyze execute p"],
    "deallocate": ["DEALLOCATE ALL", "DEALLOCATE PREPARE p"],
    "discard": ["DISCARD ALL", "discard temp"],
    "temporary": [
        "CREATE TEMP TABLE t (a int)",
        "CREATE TEMPORARY SEQUENCE s",
        "create or replace temp view v as select 1",
        "CREATE TEMPORARY RECURSIVE VIEW v (n) AS SELECT 1",
        "CREATE LOCAL TEMP TABLE t AS SELECT 1",
        "CREATE GLOBAL TEMPORARY TABLE t (a int)",
        "CREATE TABLE IF NOT EXISTS pg_temp.t (a int)",
        "SELECT * INTO TEMP t FROM u",
        "SELECT a INTO LOCAL TEMPORARY TABLE t FROM u",
        'WITH x AS (SELECT 1) SELECT * INTO TEMP "T" FROM x',
        "SELECT 1 INTO temp /* into */ seen",
    ],
    "declare-cursor": ["DECLARE c CURSOR FOR SELECT 1", 'declare "named" no scroll cursor with hold for select 1'],
    "listen": ["LISTEN changes"],
    "load": ["LOAD 'auto_explain'"],
    "sequence": [
        "SELECT nextval('s')",
        "WITH a AS (SELECT 1) SELECT pg_catalog.nextval('s') FROM a",
        "INSERT INTO t VALUES (NEXTVAL\n('s'))",
        "SELECT setval('s', 1)",
        "COPY (SELECT nextval('s')) TO STDOUT",
        "SELECT 'nextval', nextval /* of */ ('s')",
    ],
    "advisory-lock": [
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock_shared($1, $2)",
        "SELECT pg_catalog.pg_advisory_lock_shared(1)",
    ],
}
_INNOCENT = [
    "",
    ";",
    "SELECT 1;",
    "SELECT 1 ; ",
    "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
    "UPDATE t SET x = 1",
    "UPDATE t SET x = 1; UPDATE u SET y = 2",
    "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2",
    "ALTER ROLE app SET search_path = app",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = app AS $$ SELECT nextval('s'); $$",
    "DO $$ BEGIN SET x = 1; END $$",
    "SELECT 'SET x = 1; nextval(1)'",
    "SELECT '; SET x = 1'",
    "SELECT $a$; SET x = $$1$$ $a$",
    "SELECT E'\\'; SET x = 1 --'",
    'SELECT "; SET x = 1"',
    "SELECT 1 -- ; SET x = 1",
    "SELECT 1 /* /* */ ; SET x = 1 */",
    "SELECT a$b$; SELECT c$b$",
    "INSERT INTO temp VALUES (1)",
    "WITH a AS (INSERT INTO temporary SELECT 1 RETURNING *) SELECT * FROM a",
    "SELECT * INTO temp FROM t",
    "CREATE TABLE temp (a int)",
    "CREATE TABLE t (temp int)",
    "CREATE TABLE t (id int DEFAULT nextval('s'))",
    "SELECT nextval FROM t",
    "SELECT currval('s'), lastval()",
    "SELECT pg_advisory_xact_lock(1), pg_try_advisory_xact_lock_shared(2), pg_advisory_unlock(3)",
    "SELECT my_nextval('s')",
    "SELECT \"NEXTVAL\"('s')",
    "SELECT current_setting('x')",
    "UNLISTEN *; CLOSE ALL; NOTIFY changes",
    "PREPARE TRANSACTION 'a'",
    "EXPLAIN (ANALYZE, SETTINGS) SELECT 1",
    "SHOW search_path",
    "FETCH 10 FROM c",
    "LOCK TABLE t",
    "SAVEPOINT a; ROLLBACK TO a",
    "settle",
    "SELECT 'unclosed; SET x = 1",
]


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in _PINS.items() for text in texts])
def test_a_text_that_pins_is_told_with_its_rule(name: str, text: str) -> None:
    rule = pins(text)
    assert rule is not None and rule.name == name


@pytest.mark.parametrize("text", _INNOCENT)
def test_a_text_that_only_looks_like_one_pins_nothing(text: str) -> None:
    assert pins(text) is None


def test_every_rule_has_a_text_above_and_says_its_source_and_fix() -> None:
    assert {rule.name for rule in RULES} == {*_PINS, "oversized"}
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.source == GUIDE and rule.fix and rule.reason for rule in RULES)


def test_what_ends_with_the_transaction_is_said_to_be_contested() -> None:
    assert {rule.name for rule in RULES if rule.contested} == {
        *("set-local", "set-transaction", "set-constraints", "set-config"),
    }


def test_of_two_conditions_the_first_is_told() -> None:
    rule = pins("SELECT nextval('s'); SET x = 1")
    assert rule is not None and rule.name == "sequence"


_ALL = st.sampled_from([text for texts in _PINS.values() for text in texts])
_SPACE = st.sampled_from([" ", "\n", "/* ' */", '/* /* " */ $$ */ ', "-- '\n", "\t"])


@given(_SPACE, _ALL, _SPACE, st.booleans())
def test_white_space_comments_and_letters_change_no_verdict(before: str, text: str, after: str, upper: bool) -> None:
    cased = text.upper() if upper and not set(text) & {'"', "$", "E"} else text
    assert pins(before + cased + after) == pins(text)


@given(_ALL, st.sampled_from(["'{}'", "$q${}$q$", "/* {} */", "E'{}'"]))
def test_what_stands_in_a_literal_or_a_comment_never_pins(text: str, quotes: str) -> None:
    quoted = text.replace("\\", "").replace("'", "").replace("/*", "").replace("*/", "")
    assert pins(f"SELECT {quotes.format(quoted)}, 1") is None


@given(_ALL, st.sampled_from(["SELECT 1", "SELECT ';'", "BEGIN", "UPDATE t SET a = $$;$$", ""]))
def test_a_statement_pins_wherever_it_stands_in_a_text(text: str, other: str) -> None:
    assert pins(f"{other};{text}") == pins(text)


@given(st.text(alphabet="seSE'\"$;-/*(). \ntx1\\", max_size=200))
def test_any_text_is_judged(text: str) -> None:
    pins(text)
