"""What handler/README.md shows works as it stands there."""

import re
from pathlib import Path
from typing import Any

import pytest

from .cloud import Cloud, Context

HANDLER = Path(__file__).resolve().parents[2] / "handler"
README = (HANDLER / "README.md").read_text()


def example(word: str) -> dict[str, Any]:
    """What the one Python example that contains a word defines."""
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if word in block)
    names: dict[str, Any] = {}
    exec(compile(code, "handler/README.md", "exec"), names)  # noqa: S102 - our own text
    return names


@pytest.mark.servers
def test_three_lines_make_a_handler(cloud: Cloud) -> None:
    assert example("with connection(context)")["handler"]({}, Context(30)) == 1


@pytest.mark.servers
def test_the_transaction_moves_money_or_does_nothing(cloud: Cloud) -> None:
    cloud.execute("DROP TABLE IF EXISTS account; CREATE TABLE account (id int, balance int CHECK (balance >= 0))")
    cloud.execute("ALTER TABLE account OWNER TO app; INSERT INTO account VALUES (1, 10), (2, 0)")
    handler = example("@transaction\ndef handler")["handler"]
    handler({"amount": 7, "from": 1, "to": 2}, Context(30))
    with pytest.raises(Exception, match="account_balance_check"):
        handler({"amount": 7, "from": 1, "to": 2}, Context(30))
    assert cloud.execute("SELECT balance FROM account ORDER BY id") == [(3,), (7,)]


@pytest.mark.servers
def test_a_handler_of_coroutines_keeps_its_connection_from_one_event_loop_to_the_next(cloud: Cloud) -> None:
    cloud.execute("DROP TABLE IF EXISTS account; CREATE TABLE account (id int, balance int CHECK (balance >= 0))")
    cloud.execute("ALTER TABLE account OWNER TO app; INSERT INTO account VALUES (1, 10), (2, 0)")
    handler = example("aconnection")["handler"]
    assert [handler({"amount": 2, "from": 1}, Context(30)) for _ in range(3)] == [(2,)] * 3
    assert cloud.execute("SELECT balance FROM account ORDER BY id") == [(4,), (0,)]
    assert cloud.proxy.seen().clients == 1


@pytest.mark.servers
def test_the_sqlalchemy_engine_answers(cloud: Cloud) -> None:
    from sqlalchemy import text

    with example("create_engine")["engine"].connect() as sqlalchemy:
        assert sqlalchemy.execute(text("SELECT 1")).scalar() == 1


def test_every_variable_that_is_read_is_explained_and_no_other() -> None:
    read = set(re.findall(r'"(DB_[A-Z_]+)"', (HANDLER / "rds_connection" / "settings.py").read_text()))
    table = README.split("## Environment")[1].split("## ")[0]
    first_column = " ".join(re.findall(r"^\|([^|]*)", table, re.MULTILINE))
    explained = set(re.findall(r"DB_[A-Z_]+", first_column))
    assert explained == read
