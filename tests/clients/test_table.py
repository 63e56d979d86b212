"""Every kind of client at the laptop's proxy: right values, no error but one, and pins as on AWS."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.pinning.postgresql import RULES
from tests.clients.running import Outcome, run_clients
from tests.clients.stand import CEILING, Door, Stand
from tests.clients.table import TABLE, Row
from tests.waiting import until

_FEW, _MANY = CEILING - 2, 2 * CEILING
_SESSIONS, _STATEMENTS = 3, 8
_TIMED_OUT = "08000 .*Timed-out waiting to acquire database connection"
_HELD = "held here by prepared statements; RDS Proxy multiplexes these"

each_row = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.kind)


@pytest.mark.servers
@each_row
def test_fewer_clients_than_the_ceiling_come_and_go_and_at_last_stay(stand: Stand, row: Row) -> None:
    met, found = _run(stand.patient, row, clients=_FEW, sessions=_SESSIONS, stay=True)

    assert (met.errors, met.wrong) == ([], [])
    assert found == _expected(row, _FEW * _SESSIONS)


@pytest.mark.servers
@each_row
def test_more_clients_than_the_ceiling_come_and_go_and_at_last_stay_if_they_keep_nothing(
    stand: Stand, row: Row
) -> None:
    met, found = _run(stand.patient, row, clients=_MANY, sessions=_SESSIONS, stay=not row.keeps)

    assert (met.errors, met.wrong) == ([], [])
    assert found == _expected(row, _MANY * _SESSIONS)


@pytest.mark.servers
@pytest.mark.parametrize("row", [row for row in TABLE if row.keeps], ids=lambda row: row.kind)
def test_of_more_clients_than_the_ceiling_that_stay_and_keep_connections_the_others_are_told_why(
    stand: Stand, row: Row
) -> None:
    met, found = _run(stand.impatient, row, clients=_MANY, sessions=1, stay=True)

    assert met.wrong == []
    assert len(met.errors) == _MANY - CEILING
    for error in met.errors:
        assert re.search(_TIMED_OUT, error)
        assert (_HELD in error) == (not row.pins)
    assert found == _expected(row, CEILING)


@pytest.mark.servers
def test_clients_of_all_languages_at_once_do_not_see_each_other(stand: Stand) -> None:
    """Their drivers log in with variables of their own; others set some, make tables, or prepare."""
    kinds = ("set", "temporary-table", "asyncpg-uncached", "pgx", "pgx-describe-exec", "pg", "jdbc-unprepared")

    def met(kind: str) -> Outcome:
        return run_clients(kind, stand.patient.at, clients=_FEW, sessions=_SESSIONS, statements=_STATEMENTS)

    with ThreadPoolExecutor(len(kinds)) as pool:
        found = dict(zip(kinds, pool.map(met, kinds), strict=True))

    assert {kind: (each.errors, each.wrong) for kind, each in found.items()} == dict.fromkeys(kinds, ([], []))


def _run(door: Door, row: Row, *, clients: int, sessions: int, stay: bool) -> tuple[Outcome, Counter[str]]:
    """What they met, and how many sessions were pinned, by rule."""
    before = _pins(door)
    met = run_clients(row.kind, door.at, clients=clients, sessions=sessions, statements=_STATEMENTS, stay=stay)
    assert met.done + len(met.errors) * _STATEMENTS >= clients * sessions * _STATEMENTS
    until(lambda: (door.seen().clients, door.seen().borrowed) == (0, 0))
    return met, _pins(door) - before


def _pins(door: Door) -> Counter[str]:
    found: Counter[str] = Counter()
    for key, count in door.seen().pins.items():
        found[key.rule] += count
    return found


def _expected(row: Row, sessions: int) -> Counter[str]:
    return Counter({row.pins: sessions} if row.pins else {})


def test_every_pin_of_the_table_is_a_rule() -> None:
    assert {row.pins for row in TABLE} - {""} <= {rule.name for rule in RULES}
