"""Python: what a text is made of, whose engine it is, what is counted as not seen, and comments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.pins.python_source import read_python


def found(source: str, engine: str = "postgresql") -> list[tuple[int, str]]:
    return [(each.line, each.rule.name) for each in read_python(source, engine).findings if not each.because]


@pytest.mark.parametrize(
    "statement",
    [
        "'SET x = 1'",
        "b'SET x = 1'",
        "'SET ' + name + ' = 1'",
        "'SET %s = 1' % name",
        "'SET {} = 1'.format(name)",
        "f'SET {name} = {value!r}'",
        "'''\n  SET x = 1\n'''.strip()",
        "textwrap.dedent('SET x = 1')",
        "sql.SQL('SET x = {}').format(sql.Literal(1))",
        "sqlalchemy.text('SET x = :x').bindparams(x=1)",
        "QUERY",
        "QUERY + ' -- more'",
    ],
)
def test_a_constant_in_a_statement_is_judged_however_it_is_written(statement: str) -> None:
    assert found(("QUERY = 'SET x = 1'" if "QUERY" in statement else "") + f"\ncursor.execute({statement})") == [
        (2, "set")
    ]


@pytest.mark.parametrize("statement", ["f'{verb} x = 1'", "verb + ' x = 1'", "build()", "a if b else c", "*parts"])
def test_what_only_a_running_program_knows_is_not_guessed_but_counted(statement: str) -> None:
    read = read_python(f"import psycopg\ncursor.execute({statement})", "postgresql")
    assert read.findings == []
    assert read.unseen == (0 if statement == "*parts" else 1)


def test_a_name_with_two_values_is_not_guessed() -> None:
    source = "def f(cursor, a):\n    q = 'SELECT 1'\n    if a:\n        q = build()\n    cursor.execute(q)"
    assert found(source) == []


def test_a_parameter_hides_a_constant_of_its_name() -> None:
    assert found("q = 'set x = 1'\ndef f(cursor, q):\n    cursor.execute(q)") == []


def test_a_driver_or_an_address_in_a_file_tells_the_engine() -> None:
    run = "cursor.execute('SET @a = 1')\ncursor.execute('SET NAMES utf8')"
    assert found("import pymysql\n" + run) == [(2, "variable")]
    assert found("URL = 'mysql+pymysql://proxy/x'\n" + run) == [(2, "variable")]
    assert found("import psycopg\ncursor.execute('SET NAMES utf8')", "mysql") == [(2, "set")]
    assert found("cursor.execute('SET NAMES utf8')", "mysql") == []


def test_a_statement_over_several_lines_is_allowed_on_any_of_them_or_above() -> None:
    statement = "cursor.execute(\n    'SET x = 1'{}\n)"
    assert found(statement.format("")) == [(1, "set")]
    assert found(statement.format("  # pins: allowed because x")) == []
    assert found("# pins: allowed because x\n" + statement.format("")) == []
    assert found("a = 1  # pins: allowed because x\n" + statement.format("")) == [(1, "allowance"), (2, "set")]


def test_a_comment_in_a_string_allows_nothing() -> None:
    assert found("cursor.execute('SET x = 1 -- # pins: allowed because x')") == [(1, "set")]


def test_a_statement_that_isn_t_constant_shows_no_value() -> None:
    read = read_python("cursor.execute(f\"SET app.token = 'hunter2{x}'\")", "postgresql")
    assert [each.shown for each in read.findings] == ["set app.token = $1"]


def test_pg8000_sets_the_isolation_level_by_a_statement() -> None:
    source = (
        "from sqlalchemy import create_engine\ncreate_engine('postgresql+pg8000://p/x', isolation_level='SERIALIZABLE')"
    )
    assert found(source) == [(2, "pg8000-isolation")]


@pytest.mark.parametrize(
    ("settings", "expected"), [("", [(1, "psycopg-deallocate")]), ("creator=c", []), ("async_creator=c", [])]
)
def test_an_engine_whose_connections_somebody_else_opens_is_not_judged(
    settings: str, expected: list[tuple[int, str]]
) -> None:
    assert found(f"create_engine('postgresql+psycopg://', {settings})") == expected


def test_our_backend_of_django_uses_no_cursor_of_the_server_and_sends_a_time_zone_as_djangos_does() -> None:
    assert found("{'ENGINE': 'rds_connection.django'}") == []
    assert found("{'ENGINE': 'rds_connection.django', 'TIME_ZONE': 'Asia/Tokyo'}") == [(1, "django-time-zone")]


def test_a_chain_of_a_thousand_sums_is_read() -> None:
    assert found("cursor.execute('SET x = 1'" + " + 'x'" * 500 + ")") == [(1, "set")]


_PARTS = st.sampled_from(
    ["q = 'SET x = 1'", "q = q", "q, r = r, q", "cursor.execute(q)", "execute(text(q))", "q = f'{q}'", "q += q",
     "del q", "def q(q=q): return q", "class q: q = q", "connect(**q)", "cursor(name=q)", "create_pool(*q)",
     "{'ENGINE': q}", "lambda q: execute(q)", "[execute(q) for q in q]", "import asyncpg as q", "q.create_pool()"]
)  # fmt: skip


@given(st.lists(_PARTS, max_size=8))
def test_any_program_is_read(parts: list[str]) -> None:
    read_python("\n".join(parts), "postgresql")
