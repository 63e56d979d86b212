"""What pgbench says of a database that is too busy, or refuses: a result, not an error."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.storm import pgbench
from local.storm.laptop import LaptopStack, Route
from local.supervisor.certificates import Authority
from local.supervisor.client import SupervisorClient
from local.supervisor.errors import LaptopError
from local.supervisor.postgres import Postgres, PostgresSettings
from toolchain.checkout import subnet

pytestmark = pytest.mark.servers
NAME, DATABASE = "pgbench.localhost", "app_db"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:  # not pytest's, whose folders above are nobody else's
        Path(made).chmod(0o755)  # the server runs as another account when the tests run as root
        yield Path(made)


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[LaptopStack]:
    address = f"{subnet(folder)}.251"
    settings = PostgresSettings(
        name=NAME, address=address, port=5432, database=DATABASE, username="app", password="x", max_connections=20
    )
    server = Postgres(folder / "server", settings, Authority(folder / "authority"))
    server.start()
    (folder / "hosts").write_text(f"{address} {NAME}\n")
    client = SupervisorClient(folder, {"url": "http://127.0.0.1:9", "token": "", "pid": 0})
    try:
        yield LaptopStack(client, folder, {"dbName": DATABASE}, {}, {}, user="app", password="x")
    finally:
        server.stop()


def rate(stack: LaptopStack, query: str = "SELECT 1", clients: int = 4, **parts: object) -> float | None:
    route = Route(host=NAME, path="PostgreSQL", auth="password")
    return pgbench.transactions_per_second(replace(stack, **parts), route, query, clients)  # type: ignore[arg-type]


def test_clients_that_are_let_in_have_a_rate(stack: LaptopStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgbench, "_SECONDS", 1)
    assert (rate(stack) or 0) > 0
    assert not list(Path(stack.state).glob("*.sql"))


def test_who_needs_all_the_time_to_connect_gets_more(stack: LaptopStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgbench, "_SECONDS", 1)
    # What takes a busy machine long: a session that begins a second late.
    late = {"dbName": f"{DATABASE} options='-c post_auth_delay=1'"}
    monkeypatch.setattr(pgbench, "_ATTEMPTS", 1)
    assert rate(stack, instance=late) is None
    monkeypatch.setattr(pgbench, "_ATTEMPTS", 3)
    assert (rate(stack, instance=late) or 0) > 0


@pytest.mark.parametrize(("query", "clients"), [("SELECT 1", 40), ("SELECT 1/0", 4)])
def test_clients_that_are_refused_have_a_rate_of_nothing(stack: LaptopStack, query: str, clients: int) -> None:
    assert rate(stack, query, clients) == 0


def test_what_pgbench_itself_does_not_take_is_told(stack: LaptopStack) -> None:
    with pytest.raises(LaptopError, match="pgbench failed: "):
        rate(stack, clients=-1)
