"""How long an invocation may wait, how often it may try, and where it ends."""

import time
from collections.abc import Generator
from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_connection.environment import invocation
from rds_connection.invocations import Invocation, current, seconds_of

from .cloud import Context

OTHER = "1f0d7b6a-9d0e-4c2f-8ec6-fcbf4b6c5c12"


class Clock:
    """A clock that goes when it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        monkeypatch.setattr("rds_connection.invocations._now", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@given(st.floats(0, 900, allow_nan=False))
def test_something_is_left_of_every_invocation_to_answer_in(seconds: float) -> None:
    context = Context(seconds)
    left = Invocation(context).seconds_left()
    passed = time.monotonic() - context.began
    assert left <= seconds * 3 / 4 or 0.4 <= seconds - left <= 0.6 + passed


def test_without_a_context_there_is_no_end() -> None:
    assert Invocation().seconds_left() == float("inf")


@pytest.mark.parametrize("seconds", [3, 30, 600])
def test_attempts_go_on_with_growing_pauses_until_the_time_or_a_minute_is_over(clock: Clock, seconds: float) -> None:
    began, tried, pauses = clock.now, Invocation(Context(seconds, began=clock.now)), []
    while (pause := tried.retry("connect")) is not None:
        pauses.append(pause)
        clock.now += pause
    ends = min(tried.seconds_left() + clock.now - began, 60)
    assert tried.retries == len(pauses) >= 2
    assert ends - 0.4 <= clock.now - began <= ends
    assert all(pause <= 4 for pause in pauses)
    assert seconds < 60 or max(pauses) > 2


def test_without_a_context_attempts_end_after_ten_seconds(clock: Clock) -> None:
    began, tried = clock.now, Invocation()
    while (pause := tried.retry("connect")) is not None:
        clock.now += pause
    assert 9 < clock.now - began <= 10


def test_the_pauses_of_many_environments_are_spread_out(clock: Clock) -> None:
    first = [Invocation(Context(30, began=clock.now)).retry("connect") for _ in range(200)]
    assert all(pause is not None and 0.2 <= pause <= 1.0 for pause in first)
    assert len(set(first)) > 150


def test_what_is_tried_once_more_is_not_tried_twice() -> None:
    tried = Invocation(Context(30))
    assert tried.retry("transaction", once=True) is not None
    assert tried.retry("transaction", once=True) is None
    assert tried.retry("login", once=True, at_once=True) == 0.0
    assert tried.retries == 2


def test_without_time_for_a_pause_and_an_attempt_nothing_is_tried_again() -> None:
    tried = Invocation(Context(0.4))
    assert tried.retry("connect") is None
    assert tried.retries == 0


@pytest.mark.parametrize(
    "context",
    [None, {}, [], 0, "context", object(), MagicMock(), type("Half", (), {"get_remaining_time_in_millis": 3})()],
    ids=["none", "event", "list", "number", "text", "object", "mock", "half"],
)
def test_what_is_no_context_of_lambdas_is_as_none(context: object) -> None:
    found = Invocation(context)
    assert (found.deadline, found.request_id) == (float("inf"), "")


@given(
    st.one_of(
        st.floats(allow_nan=True, allow_infinity=True), st.integers(), st.text(), st.none(), st.booleans(), st.binary()
    ),
    st.one_of(st.text(), st.integers(), st.none()),
)
def test_whatever_a_context_says_nothing_breaks_and_metrics_stay_json(milliseconds: Any, request_id: Any) -> None:
    context = MagicMock(aws_request_id=request_id)
    context.get_remaining_time_in_millis.return_value = milliseconds
    found = Invocation(context)
    assert found.deadline == found.deadline  # no NaN
    assert found.request_id == "" or found.request_id.replace("-", "").isalnum()


def test_a_context_that_fails_is_none() -> None:
    context = MagicMock()
    context.get_remaining_time_in_millis.side_effect = RuntimeError("hidden")
    assert seconds_of(context) is None


def test_a_block_inside_another_is_a_part_of_it() -> None:
    with invocation(Context(30)) as outer:
        contexts: tuple[object, ...] = (None, {}, Context(1))
        for context in contexts:
            with invocation(context) as inner:
                assert inner is outer
    assert current.get() is None


def test_a_block_with_the_context_of_another_invocation_is_one_of_its_own() -> None:
    with invocation(Context(30)) as outer:
        with invocation(Context(5, aws_request_id=OTHER)) as inner:
            assert inner is not outer
            assert inner.seconds_left() < 5
        assert current.get() is outer
        assert outer.seconds_left() > 5


def test_a_block_that_knows_its_time_is_no_part_of_one_that_does_not() -> None:
    with invocation() as outer, invocation(Context(5)) as inner:
        assert inner is not outer


def test_a_generator_that_was_left_suspended_takes_nothing_from_the_next_invocation(clock: Clock) -> None:
    def suspended() -> Generator[Invocation, None, None]:
        with invocation(Context(3, began=clock.now)) as mine:
            yield mine

    steps = suspended()
    old = next(steps)
    with invocation(Context(30, aws_request_id=OTHER, began=clock.now)) as new:
        assert new is not old
        assert new.patience(clock.now) == pytest.approx(29.5, abs=0.1)
        steps.close()
        assert current.get() is new
    assert current.get() is None
    assert old.patience(clock.now) is None


def test_what_is_left_of_an_invocation_that_is_gone_has_no_deadline(clock: Clock) -> None:
    left_behind = Invocation(Context(3, began=clock.now))
    left_behind.begin()
    try:
        assert left_behind.patience(clock.now) == pytest.approx(2.5, abs=0.1)
        assert left_behind.patience(clock.now + 2.9) == 0.0
        clock.now += 5
        assert left_behind.patience(clock.now) is None
        with invocation() as new:
            assert new is not left_behind
    finally:
        left_behind.end()
