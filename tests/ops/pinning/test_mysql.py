"""What pins on MySQL: AWS's conditions and its tracked variables, by words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.pinning.mysql import RULES, TRACKED, pins

_PINS = {
    "variable": [
        "SET foreign_key_checks = 0",
        "SET SESSION max_execution_time = 1000",
        "SET @@session.group_concat_max_len = 1",
        "SET @rank = 0",
        "SET @a := (SELECT 1, 2), autocommit = 1",
        "SET autocommit = 1, @b = 2",
        "SET `autocommit` = 1, `session_track_system_variables` = '*'",
        "SELECT @n := @n + 1 FROM t",
        "SELECT a INTO @a FROM t",
        "SELECT 1; SET x = 1",
        "SELECT 'it\\'s; '; SET x = 1",
        "# it's\nSET x = 1",
        "SET GLOBAL time_zone = 'UTC'",
    ],
    "next-transaction": [
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET @@transaction_read_only = 1",
    ],
    "lock-tables": ["LOCK TABLES t WRITE", "LOCK TABLE t READ", "FLUSH TABLES t WITH READ LOCK"],
    "get-lock": ["SELECT GET_LOCK('a', 1)", "DO get_lock ('a', 1)"],
    "temporary": ["CREATE TEMPORARY TABLE t (a int)", "create or replace temporary table t (a int)"],
    "row-count": ["SELECT ROW_COUNT()", "SELECT found_rows()"],
    "prepared-statement": ["PREPARE p FROM 'SELECT 1'", "EXECUTE p", "DEALLOCATE PREPARE p", "DROP PREPARE p"],
    "executable-comment": ["/*!40101 SET NAMES utf8 */", "SELECT /*! STRAIGHT_JOIN */ 1", "SELECT /*M!100100 1, */ 2"],
}  # fmt: skip
_INNOCENT = [
    "",
    "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci",
    "SET CHARACTER SET utf8",
    "SET CHARSET 'utf8'",
    "SET autocommit=0, SESSION sql_mode = 'ANSI', @@session.time_zone = '+00:00', @@wait_timeout = 5",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION transaction_isolation = 'READ-COMMITTED'",
    "SET LOCAL max_execution_time = 1",
    "USE shop; DROP DATABASE x",
    "UPDATE t SET x = 1",
    'SELECT "; SET x = 1"',
    "SELECT `get_lock` FROM t",
    "SELECT 1 # ; SET x = 1",
    "SELECT 1 -- ; SET x = 1",
    "SELECT 1 /* ; SET x = 1 */",
    "SELECT /*+ SET_VAR(x = 1) */ 1",
    "CALL routine()",
    "FLUSH TABLES",
    "LOCK INSTANCE FOR BACKUP",
    "CREATE TABLE temporary_things (a int)",
    "SELECT @a",
    "SELECT 5--1",
]


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in _PINS.items() for text in texts])
def test_a_text_that_pins_is_told_with_its_rule(name: str, text: str) -> None:
    rule = pins(text)
    assert rule is not None and rule.name == name


@pytest.mark.parametrize("text", _INNOCENT)
def test_a_text_that_only_looks_like_one_pins_nothing(text: str) -> None:
    assert pins(text) is None


def test_every_rule_has_a_text_above() -> None:
    assert {rule.name for rule in RULES} == {*_PINS, "oversized"}


@given(st.sampled_from(sorted(TRACKED)), st.sampled_from(["", "SESSION ", "@@session.", "@@SESSION . "]), st.booleans())
def test_a_tracked_variable_of_the_session_pins_in_no_spelling(name: str, scope: str, upper: bool) -> None:
    assert pins(f"SET {scope}{name.upper() if upper else name} = 1") is None


@given(st.sampled_from([text for texts in _PINS.values() for text in texts]))
def test_what_stands_in_a_string_never_pins(text: str) -> None:
    quoted = text.replace("\\", "").replace("'", "''")
    assert pins(f"SELECT '{quoted}', 1") is None


@given(st.text(alphabet="seSE'\"`#@:;-/*!(), \n=x\\", max_size=200))
def test_any_text_is_judged(text: str) -> None:
    pins(text)
