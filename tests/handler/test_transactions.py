"""`@transaction` where nothing goes wrong with the connection; what happens when it does is in test_faults.py."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from rds_connection import Connection, UnfinishedTransactionError, connection, transaction

from .cloud import Cloud, Context

pytestmark = pytest.mark.servers


@pytest.fixture
def rows(cloud: Cloud) -> Iterator[Callable[[], list[int]]]:
    """An empty table `ledger`, and what is in it."""
    cloud.terminate_backends()
    cloud.execute("DROP TABLE IF EXISTS ledger; CREATE TABLE ledger (n int); ALTER TABLE ledger OWNER TO app")
    yield lambda: [row[0] for row in cloud.execute("SELECT n FROM ledger ORDER BY n")]


def test_a_function_keeps_its_arguments_its_answer_and_its_name(rows: Callable[[], list[int]]) -> None:
    @transaction
    def write(conn: Connection, first: int, *, second: int) -> str:
        """Writes two rows."""
        conn.execute("INSERT INTO ledger VALUES (%s), (%s)", [first, second])
        return "written"

    answer: str = write(1, second=2)
    assert answer == "written"
    assert (write.__name__, write.__doc__) == ("write", "Writes two rows.")
    assert rows() == [1, 2]


def test_a_function_that_fails_leaves_nothing(rows: Callable[[], list[int]]) -> None:
    @transaction
    def write(conn: Connection) -> None:
        conn.execute("INSERT INTO ledger VALUES (1)")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert rows() == []


def test_psycopgs_rollback_ends_it_without_an_error(rows: Callable[[], list[int]]) -> None:
    @transaction
    def write(conn: Connection) -> int:
        conn.execute("INSERT INTO ledger VALUES (1)")
        raise psycopg.Rollback

    assert write() is None
    assert rows() == []


def test_an_error_that_was_caught_cannot_pass_for_a_commit(rows: Callable[[], list[int]]) -> None:
    @transaction
    def write(conn: Connection) -> None:
        conn.execute("INSERT INTO ledger VALUES (1)")
        with pytest.raises(psycopg.errors.DivisionByZero):
            conn.execute("SELECT 1/0")

    with pytest.raises(UnfinishedTransactionError, match="its error was caught"):
        write()
    assert rows() == []


def test_an_error_in_an_inner_transaction_may_be_caught(rows: Callable[[], list[int]]) -> None:
    @transaction
    def write(conn: Connection) -> None:
        conn.execute("INSERT INTO ledger VALUES (1)")
        with pytest.raises(psycopg.errors.DivisionByZero), conn.transaction():
            conn.execute("INSERT INTO ledger VALUES (2)")
            conn.execute("SELECT 1/0")

    write()
    assert rows() == [1]


def test_a_commit_in_the_middle_is_refused(rows: Callable[[], list[int]]) -> None:
    @transaction
    def write(conn: Connection) -> None:
        conn.execute("INSERT INTO ledger VALUES (1)")
        conn.commit()

    with pytest.raises(psycopg.ProgrammingError):
        write()
    assert rows() == []


async def insert_later(conn: Connection) -> None:
    conn.execute("INSERT INTO ledger VALUES (2)")


def insert_in_steps(conn: Connection) -> Iterator[int]:
    yield conn.execute("INSERT INTO ledger VALUES (2)").rowcount


@pytest.mark.parametrize(
    "rest",
    [insert_later, insert_in_steps, lambda conn: map(conn.execute, ["INSERT INTO ledger VALUES (2)"])],
    ids=["coroutine", "generator", "map"],
)
@pytest.mark.filterwarnings("error")
def test_a_function_that_returns_what_is_still_to_run_leaves_nothing(
    rows: Callable[[], list[int]], rest: Callable[[Connection], object]
) -> None:
    @transaction
    def write(conn: Connection) -> object:
        conn.execute("INSERT INTO ledger VALUES (1)")
        return rest(conn)

    with pytest.raises(TypeError, match=r"write returned .*rolled back"):
        write()
    assert rows() == []
    with connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_generator_that_was_begun_ends_inside_the_transaction(rows: Callable[[], list[int]]) -> None:
    ended = []

    def steps(conn: Connection) -> Iterator[int]:
        try:
            yield 1
        finally:
            ended.append(conn.execute("SELECT count(*) FROM ledger").fetchone())

    @transaction
    def write(conn: Connection) -> Iterator[int]:
        conn.execute("INSERT INTO ledger VALUES (1)")
        begun = steps(conn)
        next(begun)
        return begun

    with pytest.raises(TypeError, match="write returned a generator"):
        write()
    assert (ended, rows()) == ([(1,)], [])


def test_a_cursor_whose_rows_are_here_is_a_result(rows: Callable[[], list[int]]) -> None:
    @transaction
    def read(conn: Connection) -> Any:
        return conn.execute("INSERT INTO ledger VALUES (1) RETURNING n")

    assert read().fetchall() == [(1,)]
    assert rows() == [1]


def test_a_connections_own_transaction_decorates_nothing(rows: Callable[[], list[int]]) -> None:
    with connection() as conn:
        with pytest.raises(TypeError, match=r"is for `with`; put @transaction above insert_in_steps"):
            conn.transaction()(insert_in_steps)
        with conn.transaction() as block:
            conn.execute("INSERT INTO ledger VALUES (1)")
            assert isinstance(block, psycopg.Transaction)
        with conn.transaction(force_rollback=True):
            conn.execute("INSERT INTO ledger VALUES (2)")
    assert rows() == [1]


@pytest.mark.parametrize("how", ["positional", "keyword"])
def test_lambdas_context_is_found_among_the_arguments(cloud: Cloud, how: str) -> None:
    @transaction
    def handler(conn: Connection, event: dict[str, Any], context: Context) -> float:
        return conn.invocation.deadline

    limited = Context(30)
    ends = handler({}, limited) if how == "positional" else handler(event={}, context=limited)
    assert ends == pytest.approx(limited.began + 29.5, abs=0.1)


def test_a_transaction_is_one_invocation_with_all_that_is_nested_in_it(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev-api")
    monkeypatch.setenv("DB_POOL_MAX_OPEN", "2")
    runs = []

    @transaction
    def inner(conn: Connection) -> None:
        runs.append("inner")

    @transaction
    def outer(conn: Connection, context: Context) -> None:
        runs.append("outer")
        if len(runs) == 1:
            cloud.terminate_backends()
            conn.execute("SELECT 1")
        with connection(Context(0)) as other:  # the outer one's time counts
            other.execute("SELECT 1")
        inner()

    with connection() as conn:
        conn.execute("SELECT 1")
    outer(Context(30))
    assert runs == ["outer", "outer", "inner"]
    _, line = (json.loads(text) for text in capsys.readouterr().out.splitlines())
    assert (line["Outcome"], line["Retries"], line["RequestId"]) == ("ok", 1, Context(0).aws_request_id)
    assert (line["ConnectionsOpened"], line["ConnectionsReused"]) == (2, 2)
