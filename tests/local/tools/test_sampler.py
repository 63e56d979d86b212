from collections.abc import Sequence
from typing import Any, cast

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.supervisor.pgbouncer import PgBouncer
from local.supervisor.postgres import Postgres
from local.tools.sampler import LaptopSampler, ProxyDownError, Sample, Samples

_CONSOLE_ROW = {"database": "pgbouncer", "user": "admin", "addr": "127.0.0.1", "port": 1, "connect_time": "then"}


class _Pooler:
    """PgBouncer's console: each SHOW answers with the next of its tables, and goes on with the last."""

    def __init__(self, **tables: Sequence[list[dict[str, object]]]) -> None:
        self._tables = {what: list(each) for what, each in tables.items()}

    def show(self, what: str) -> list[dict[str, object]]:
        if what not in self._tables:
            raise psycopg.OperationalError("nobody is there")
        left = self._tables[what]
        return left.pop(0) if len(left) > 1 else left[0]


class _ClosedPostgres:
    def superuser(self) -> None:
        raise psycopg.OperationalError("sorry, too many clients already")


def sampler(pooler: _Pooler) -> LaptopSampler:
    return LaptopSampler("orders", cast(PgBouncer, pooler), cast(Postgres, _ClosedPostgres()))


def client(port: int) -> dict[str, object]:
    return {"database": "app_db", "user": "app", "addr": "127.0.0.1", "port": port, "connect_time": "now"}


def pool(**counts: int) -> dict[str, object]:
    none = dict.fromkeys(("cl_waiting", "sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login"), 0)
    return {"database": "app_db", "user": "app", **none, **counts}


def sample(**numbers: Any) -> Sample:
    return Sample(**{"clients": 0, "waiting": 0, "connections": 0, "borrowed": 0, **numbers})


def samples(*taken: Sample, **numbers: Any) -> Samples:
    chosen = {"seconds": 2.0, "transactions": 0, "had_clients": False, "opened": 0, **numbers}
    return Samples(taken=taken or (sample(),), **chosen)


def test_a_sample_without_a_number_counts_neither_for_the_mean_nor_for_the_peak() -> None:
    seen = samples(sample(sessions=4), sample(sessions=None), sample(sessions=8))
    assert seen.mean(lambda each: each.sessions) == 6
    assert seen.peak(lambda each: each.sessions) == 8


def test_what_no_sample_has_is_none_and_not_zero() -> None:
    seen = samples(sample(), sample())
    assert seen.mean(lambda each: each.sessions) is None
    assert seen.peak(lambda each: each.sessions) is None
    assert seen.milliseconds(None) is None


@given(st.integers(0, 100), st.integers(1, 10_000), st.floats(0.1, 60))
def test_clients_that_stay_as_long_as_littles_law_says_are_on_average_as_many(
    mean: int, transactions: int, seconds: float
) -> None:
    milliseconds = samples(seconds=seconds, transactions=transactions).milliseconds(mean)
    assert milliseconds is not None
    assert milliseconds / 1000 * transactions / seconds == pytest.approx(mean)


def test_where_no_transaction_ended_a_wait_lasted_all_the_while() -> None:
    assert samples(seconds=2.0, transactions=0).milliseconds(1) == 2000


@pytest.mark.parametrize(
    ("opened", "transactions", "had_clients", "received"),
    [(3, 9, True, 3), (0, 9, False, 1), (0, 9, True, 0), (0, 0, False, 0)],
)
def test_work_of_nobody_who_was_there_before_is_a_client_that_came(
    opened: int, transactions: int, had_clients: bool, received: int
) -> None:
    assert samples(opened=opened, transactions=transactions, had_clients=had_clients).clients_received == received


def test_a_sample_is_taken_however_short_the_time_is_and_leaves_out_the_console() -> None:
    console: dict[str, object] = {**_CONSOLE_ROW, **pool(sv_active=7, cl_waiting=7), "database": "pgbouncer"}
    pooler = _Pooler(
        CLIENTS=[[_CONSOLE_ROW, client(1)], [_CONSOLE_ROW, client(1), client(2)]],
        POOLS=[[console, pool(sv_active=2, sv_idle=3, cl_waiting=1)]],
        STATS=[
            [{"database": "app_db", "total_xact_count": 10}, {"database": "pgbouncer", "total_xact_count": 1}],
            [{"database": "app_db", "total_xact_count": 14}, {"database": "pgbouncer", "total_xact_count": 9}],
        ],
    )
    seen = sampler(pooler).take(0)
    assert seen.taken == (sample(clients=2, waiting=1, connections=5, borrowed=2),)
    assert (seen.transactions, seen.had_clients, seen.opened) == (4, True, 1)


def test_a_database_that_lets_nobody_in_is_not_seen_and_the_pooler_still_is() -> None:
    pooler = _Pooler(CLIENTS=[[client(1)]], POOLS=[[pool(sv_active=1)]], STATS=[[]])
    seen = sampler(pooler).take(0)
    assert seen.taken == (sample(clients=1, connections=1, borrowed=1),)


def test_a_pooler_that_does_not_answer_is_named() -> None:
    with pytest.raises(ProxyDownError, match=r"the proxy orders \(PgBouncer\) does not answer"):
        sampler(_Pooler()).take(0)
