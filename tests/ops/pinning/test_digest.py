"""Digests read as RDS Proxy's log does, and never hold a literal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.pinning.digest import LONGEST, digest

_SECRET = "hunter2"  # fake


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SET search_path = 'app'", "set search_path = $1"),
        ("set search_path  to 'a','b','c'", "set search_path to $1,$2,$3"),
        ("SET search_path = app;\n SET NAMES 'utf8';", "set search_path = $1; set names $2;"),
        ("SET client_encoding TO unicode", "set client_encoding to $1"),
        ("SET extra_float_digits = -3", "set extra_float_digits = -$1"),
        ("SET x TO DEFAULT", "set x to default"),
        ("/* who */ DISCARD ALL -- why", "discard all"),
        ("UPDATE t SET a = b, c = 'x' WHERE d = $3", "update t set a = b, c = $1 where d = $2"),
        ("SELECT nextval('\"Orders_id\"')", "select nextval($1)"),
        ('DECLARE "Named" CURSOR FOR SELECT 1.5e3', 'declare "Named" cursor for select $1'),
        (
            "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;",
            "select pg_advisory_unlock_all(); close all; unlisten *; reset all;",
        ),
        ("SELECT set_config('a', 'b', false), f(%s) LIMIT 21", "select set_config($1, $2, false), f(%s) limit $3"),
        ("", ""),
    ],
)
def test_a_digest_reads_as_the_log_does(text: str, expected: str) -> None:
    assert digest(text) == expected


_CLOSED = (
    *("'{}'", "'it''s {}'", "E'\\'{}'", "e'a''{}\\\\'", "E'a'\n'\\'{}'", "E'a' -- b\n '\\'{}'", "n'{}'", "U&'{}'"),
    *("$${}$$", "$a$ $b$ {} $a$", "$A$ $a$ {} $A$", "/* {} */", "/* /* */ {} */", "-- {}\n", "--'\n'{}'"),
    *("'--' '{}'", "'/*' '{}' /* */", '"a""b" \'{}\'', "a$b$ '{}'", "1e'\\'{}'", "$1'{}'"),
)
_UNCLOSED = ("'{}", "$$ {}", "$a$ $b$ {}", "E'\\'{}", '"{}', "/* {}", "-- {}")
_BEFORE = ("SELECT ", "SET x = ", "ALTER ROLE r PASSWORD ", "INSERT INTO t VALUES (1, ", "", ";", "$1 ", "a.")


@given(
    st.lists(st.tuples(st.sampled_from(_BEFORE), st.sampled_from(_CLOSED)), max_size=4),
    st.tuples(st.sampled_from(_BEFORE), st.sampled_from(_UNCLOSED)),
)
def test_a_digest_never_holds_a_literal_or_a_comment(closed: list[tuple[str, str]], last: tuple[str, str]) -> None:
    text = " ".join(before + literal.replace("{}", _SECRET) for before, literal in [*closed, last])
    assert _SECRET not in digest(text)


@pytest.mark.parametrize(
    "text",
    [
        "SET app.token = hunter2",
        "SET LOCAL app.token TO hunter2, hunter2",
        "SET app.token = not quoted hunter2",
        "BEGIN; SET SESSION app.token = +hunter2",
        "ALTER ROLE app SET app.token TO hunter2",
        "CREATE FUNCTION f() RETURNS int SET app.token = hunter2 AS 'select 1'",
    ],
)
def test_a_bare_word_that_is_a_setting_s_value_is_a_value_too(text: str) -> None:
    assert _SECRET not in digest(text)


@given(st.text())
def test_any_text_has_a_bounded_digest_of_one_line(text: str) -> None:
    assert len(digest(text)) <= LONGEST


def test_of_a_long_text_only_what_is_shown_is_read() -> None:
    shown = digest("SELECT " + "'x', " * 1_000_000)
    assert shown.startswith("select $1, $2, $3") and len(shown) > LONGEST - 10
