"""How long an invocation may wait, and how often it may try."""

import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_connection.invocation import Invocation

from .cloud import Context


@given(st.floats(0, 900, allow_nan=False))
def test_something_is_left_of_every_invocation_to_answer_in(seconds: float) -> None:
    context = Context(seconds)
    left = Invocation(context).seconds_left()
    passed = time.monotonic() - context.began
    assert left <= seconds * 3 / 4 or 0.4 <= seconds - left <= 0.6 + passed


def test_without_a_context_there_is_no_end() -> None:
    assert Invocation(None).seconds_left() == float("inf")


def test_each_thing_is_tried_once_more_after_a_pause() -> None:
    invocation = Invocation(Context(30))
    began = time.monotonic()
    assert invocation.retry("connect")
    assert time.monotonic() - began >= 0.2
    assert not invocation.retry("connect")
    assert invocation.retry("transaction", pause=False)
    assert invocation.retries == 2


def test_without_time_for_a_pause_and_an_attempt_nothing_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    invocation = Invocation(Context(0.3))
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: pytest.fail("it paused"))
    monkeypatch.setattr("rds_connection.invocation.time", clock)
    assert not invocation.retry("connect")
    assert invocation.retries == 0
