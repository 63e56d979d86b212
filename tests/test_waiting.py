"""Waiting ends with its condition, or says which one did not come true."""

import time

import pytest

from tests.waiting import LIMIT_SECONDS, until


def test_it_ends_as_soon_as_the_condition_is_true() -> None:
    began, answers = time.monotonic(), [True, False, False]
    until(lambda: answers.pop())
    assert not answers and time.monotonic() - began < LIMIT_SECONDS


def test_a_condition_that_does_not_come_true_is_named() -> None:
    never = False
    with pytest.raises(AssertionError, match=r"not true within 0 s.*lambda: never == 42"):
        until(lambda: never == 42, seconds=0)


def test_it_does_not_wait_for_what_cannot_come_true_any_more() -> None:
    with pytest.raises(AssertionError, match="cannot come true any more: until"):
        until(lambda: False, or_else=lambda: True)
    until(lambda: True, or_else=lambda: True)


def test_errors_that_mean_not_yet_are_waited_out_and_the_last_one_is_told() -> None:
    answers = iter([OSError("not there"), None])

    def answer() -> bool:
        error = next(answers)
        if error:
            raise error
        return True

    until(answer, not_yet=OSError)

    def refuse() -> bool:
        raise OSError("refused")

    with pytest.raises(AssertionError) as caught:
        until(refuse, not_yet=OSError, seconds=0)
    assert str(caught.value.__cause__) == "refused"
    with pytest.raises(OSError, match="refused"):
        until(refuse)
