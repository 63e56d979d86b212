"""Files of SQL and of configuration: lines, dialects, what psql and mysql read themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.pins.finding import Read
from ops.pins.texts import read_configuration, read_sql


def found(read: Read) -> list[tuple[int, str]]:
    return [(each.line, each.rule.name) for each in read.findings if not each.because]


def test_each_statement_is_told_on_the_line_where_it_begins() -> None:
    text = "SELECT 1;\n\n-- a note\n  SET\n x = 1;\nSELECT ';\n'; RESET ALL"
    assert found(read_sql(text, "postgresql")) == [(4, "set"), (7, "reset")]


def test_what_psql_reads_itself_is_no_sql_and_keeps_the_lines() -> None:
    text = "\\set x 1\nCOPY t FROM stdin;\nSET a = 1;\n'\n\\.\n\\connect y\nSET b = 2;\n"
    assert found(read_sql(text, "postgresql")) == [(7, "set")]


def test_a_mysql_routine_s_body_is_inside_the_database() -> None:
    text = (
        "DELIMITER //\nCREATE PROCEDURE p()\nBEGIN\n  SET @a = 1;\nEND//\nSET @b = 1//\nDELIMITER ;\nSET NAMES utf8;\n"
        "# a note; SET @c = 1\nSET @d = 1;"
    )
    assert found(read_sql(text, "mysql")) == [(6, "variable"), (10, "variable")]


def test_a_statement_of_more_than_16_kb_pins_and_parameters_are_not_counted() -> None:
    assert found(read_sql("SELECT '" + "x" * 16_384 + "'", "postgresql")) == [(1, "oversized")]
    assert found(read_sql("SELECT 'é'" + " " * 16_374, "postgresql")) == [(1, "oversized")]
    assert found(read_sql("SELECT 1" + " " * 16_376, "postgresql")) == []


@pytest.mark.parametrize(
    "text",
    [
        "-- pins: allowed because of a migration\nSET x = 1;",
        "SET x = 1; -- pins: allowed because of a migration",
        "SET x =\n 1 -- pins: allowed because of a migration\n;",
        "/* pins: allowed because of a migration */\nSET x = 1;",
    ],
)
def test_a_comment_allows_a_statement(text: str) -> None:
    read = read_sql(text, "postgresql")
    assert found(read) == []
    assert [each.because for each in read.findings] == ["of a migration"]


def test_a_comment_behind_one_statement_doesn_t_allow_the_next() -> None:
    text = "SET x = 1; -- pins: allowed because of x\nSET y = 1;"
    assert found(read_sql(text, "postgresql")) == [(2, "set")]


def test_a_literal_is_never_shown() -> None:
    assert [each.shown for each in read_sql("SET app.token = 'hunter2'", "postgresql").findings] == [
        "set app.token = $1"
    ]


def test_settings_are_allowed_by_the_comment_of_their_file() -> None:
    text = "# pins: allowed because it is a script's\nPGOPTIONS=-c x=1\nPGOPTIONS=-c x=1\n"
    assert found(read_configuration(text)) == [(3, "startup-options")]


def test_a_setting_s_value_is_never_shown() -> None:
    text = "DATABASE_URL=postgresql://app:hunter2@proxy/x?options=-c%20a=b"
    assert [each.shown for each in read_configuration(text).findings] == ["DATABASE_URL"]


@given(st.text(alphabet="SETx=1;'\"$-/*#\\\n .:@", max_size=300), st.sampled_from(["postgresql", "mysql"]))
def test_any_text_is_read_and_its_lines_are_the_text_s(text: str, engine: str) -> None:
    for read in (read_sql(text, engine), read_configuration(text)):
        assert all(1 <= each.line <= text.count("\n") + 1 for each in read.findings)
