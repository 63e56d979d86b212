from collections.abc import Callable, Sequence
from typing import Any, cast

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.gate.seen import PinKey, Seen
from local.supervisor.errors import LaptopError
from local.supervisor.pgbouncer import PgBouncer
from local.supervisor.postgres import Postgres
from local.tools.sampler import LaptopSampler, ProxyDownError, Sample, Samples

_SET = PinKey(reason="SQL changed session settings.", rule="set", digest="set timezone = $1", user="app")
_LISTEN = PinKey(reason="SQL listens.", rule="listen", digest="listen jobs", user="app")


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


def transactions(*totals: int) -> _Pooler:
    console = {"database": "pgbouncer", "total_xact_count": 7}
    return _Pooler(STATS=[[console, {"database": "app_db", "total_xact_count": each}] for each in totals])


def sampler(pooler: _Pooler, look: Callable[[], Seen]) -> LaptopSampler:
    return LaptopSampler("orders", look, cast(PgBouncer, pooler), cast(Postgres, _ClosedPostgres()))


def samples(*taken: Sample, **numbers: Any) -> Samples:
    chosen = {"seconds": 2.0, "before": Seen(), "transactions": 0, **numbers}
    return Samples(taken=taken or (Sample(gate=Seen()),), **chosen)


def latency(seen: Samples) -> float:
    return seen.each_borrow(lambda gate: gate.borrow_seconds, lambda gate: gate.waiting)


def test_a_sample_without_a_number_counts_neither_for_the_mean_nor_for_the_peak() -> None:
    seen = samples(*(Sample(gate=Seen(), sessions=each) for each in (4, None, 8)))
    assert seen.mean(lambda each: each.sessions) == 6
    assert seen.peak(lambda each: each.sessions) == 8


def test_what_no_sample_has_is_none_and_not_zero() -> None:
    seen = samples()
    assert seen.mean(lambda each: each.sessions) is None
    assert seen.peak(lambda each: each.sessions) is None
    assert seen.answer is None


@given(st.integers(0, 100), st.integers(1, 10_000), st.floats(0.1, 60))
def test_transactions_that_last_as_littles_law_says_are_on_average_as_many(
    active: int, ended: int, seconds: float
) -> None:
    answer = samples(Sample(gate=Seen(), active=active), seconds=seconds, transactions=ended).answer
    assert answer is not None
    assert answer / 1000 * ended / seconds == pytest.approx(active)


def test_a_wait_is_what_the_gate_has_counted_for_each_connection_that_it_lent() -> None:
    before = Seen(borrows=100, borrow_seconds=50.0)
    seen = samples(Sample(gate=Seen(waiting=9, borrows=104, borrow_seconds=50.2)), before=before)
    assert latency(seen) == pytest.approx(50)


def test_where_no_connection_was_lent_who_waits_has_waited_all_the_while() -> None:
    assert latency(samples(Sample(gate=Seen(waiting=1)), seconds=2.0)) == 2000
    assert latency(samples()) == 0


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_gate_that_was_started_anew_counts_from_zero(before: int, now: int) -> None:
    seen = samples(Sample(gate=Seen(accepted=now)), before=Seen(accepted=before))
    assert seen.counted(lambda gate: gate.accepted) == (now - before if now >= before else now)


def test_pins_are_those_of_the_look() -> None:
    now = Seen(pinned=3, pins={_SET: 5, _LISTEN: 2})
    assert samples(Sample(gate=now), before=Seen(pins={_SET: 5, _LISTEN: 1})).pins == {_LISTEN: 1}


def test_where_nothing_was_pinned_meanwhile_what_is_pinned_still_has_its_reason() -> None:
    now = Seen(pinned=3, pins={_SET: 5})
    assert samples(Sample(gate=now), before=now).pins == {_SET: 5}
    gone = Seen(pinned=0, pins={_SET: 5})
    assert samples(Sample(gate=gone), before=gone).pins == {}


def test_a_sample_is_taken_however_short_the_time_is_and_leaves_out_the_console() -> None:
    looks = iter([Seen(accepted=1), Seen(accepted=2, clients=2)])
    seen = sampler(transactions(10, 14), lambda: next(looks)).take(0)
    assert (seen.before, seen.last) == (Seen(accepted=1), Seen(accepted=2, clients=2))
    assert seen.transactions == 4


def test_a_database_that_lets_nobody_in_is_not_seen_and_the_gate_still_is() -> None:
    seen = sampler(transactions(0), lambda: Seen(clients=1, borrowed=1)).take(0)
    assert seen.taken == (Sample(gate=Seen(clients=1, borrowed=1)),)


@pytest.mark.parametrize("error", [LaptopError("gone"), ConnectionRefusedError()])
def test_a_gate_that_does_not_answer_is_named(error: Exception) -> None:
    def look() -> Seen:
        raise error

    with pytest.raises(ProxyDownError, match=r"the proxy orders \(its gate\) does not answer"):
        sampler(transactions(0), look).take(0)


def test_a_pooler_that_does_not_answer_is_named() -> None:
    with pytest.raises(ProxyDownError, match=r"the proxy orders \(PgBouncer\) does not answer"):
        sampler(_Pooler(), Seen).take(0)
