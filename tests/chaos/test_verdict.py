from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.verdict import Aftermath, Attempt, Told, Verdict, judge


def attempt(number: int, told: Told = Told.WRITTEN, **changes: Any) -> Attempt:
    error = {} if told in (Told.WRITTEN, Told.NOTHING) else {"error": "SomeError", "text": "a sentence"}
    return Attempt(**{"number": number, "told": told, "seconds": 0.1, "limit": 3.0, **error, **changes})


def judged(attempts: list[Attempt], rows: dict[int, int], **changes: Any) -> Verdict:
    return judge(attempts, Aftermath(**{"rows": rows, "met": 1, **changes}))


def test_rows_that_were_told_as_written_and_are_there_once_pass() -> None:
    verdict = judged([attempt(1), attempt(2, seconds=0.7)], {1: 1, 2: 1})
    assert verdict.passed
    assert (verdict.written, verdict.slowest, verdict.met) == (2, 0.7, 1)


@pytest.mark.parametrize("copies", [0, 1])
def test_a_row_that_nobody_knows_of_may_be_there_or_not(copies: int) -> None:
    verdict = judged([attempt(1), attempt(2, Told.UNKNOWN)], {1: 1, 2: copies})
    assert verdict.passed
    assert (verdict.unknown, verdict.errors) == (1, {"SomeError": 1})


@pytest.mark.parametrize(
    ("attempts", "rows", "changes", "problem"),
    [
        ([attempt(2)], {}, {}, "1 lost"),
        ([attempt(2)], {2: 2}, {}, "1 written twice"),
        ([attempt(2, Told.UNKNOWN)], {2: 2}, {}, "1 written twice"),
        ([attempt(2, Told.FAILED)], {2: 1}, {}, "1 written though told failed"),
        ([], {9: 1}, {}, "1 written by nobody"),
        ([attempt(2, Told.NOTHING)], {}, {}, "1 without an answer"),
        ([attempt(2, Told.FAILED, seconds=3.01)], {}, {}, "1 answered too late"),
        ([attempt(2, Told.UNCLEAR)], {}, {}, "1 with an unclear error"),
        ([attempt(2, Told.FAILED, text="")], {}, {}, "1 with an unclear error"),
        (
            [attempt(2, Told.FAILED, text="as app with hush")],
            {},
            {"secrets": ("hush",)},
            "1 with a secret in the error",
        ),
        ([attempt(2, Told.FAILED)], {}, {"unnoticed": True}, "1 told of what nobody should notice"),
        ([attempt(2, Told.UNKNOWN)], {}, {"unnoticed": True}, "1 told of what nobody should notice"),
        ([attempt(2, runs=2)], {2: 1}, {"over": True}, "1 run twice for what was over"),
        (
            [attempt(2, Told.FAILED, error="NoConnectionError")],
            {},
            {"waited_for": True},
            "1 without a connection though there was time",
        ),
        (
            [attempt(number, Told.FAILED, environment=7, afterwards=True) for number in (2, 3)],
            {},
            {},
            "1 told once more by an environment though it was over",
        ),
        ([], {}, {"in_transaction": 1}, "1 left in a transaction"),
        ([], {}, {"stuck": 3}, "3 still failing afterwards"),
        ([], {}, {"pinned": 2}, "2 pinned to a database connection"),
        ([], {}, {"repeated": True}, "no second attempt was made"),
        ([], {}, {"met": 0}, "the fault met nobody"),
    ],
)
def test_what_is_wrong_is_told_in_words(
    attempts: list[Attempt], rows: dict[int, int], changes: dict[str, Any], problem: str
) -> None:
    assert judged([attempt(1), *attempts], {1: 1, **rows}, **changes).problems == (problem,)


def test_each_environment_may_tell_of_one_error_when_the_fault_is_over_and_of_any_number_before() -> None:
    late = [attempt(2, Told.FAILED, environment=1, afterwards=True), attempt(3, Told.UNKNOWN, afterwards=True)]
    early = [attempt(number, Told.FAILED, environment=1) for number in (4, 5)]
    assert judged([attempt(1), *late, *early], {1: 1}).passed


def test_a_cell_in_which_nothing_was_written_proves_nothing() -> None:
    assert judged([attempt(1, Told.FAILED)], {}).problems == ("nothing was written at all",)


def test_no_secret_is_shown_by_what_holds_it() -> None:
    assert "hush" not in repr(Aftermath(rows={}, met=1, secrets=("hush",)))


@st.composite
def honest(draw: st.DrawFn) -> tuple[list[Attempt], dict[int, int]]:
    """What callers were told, and a table that agrees with it."""
    told = draw(st.lists(st.sampled_from([Told.WRITTEN, Told.FAILED, Told.UNKNOWN]), max_size=20))
    attempts = [attempt(0), *(attempt(number, each) for number, each in enumerate(told, start=1))]
    there = {Told.WRITTEN: st.just(1), Told.FAILED: st.just(0), Told.UNKNOWN: st.integers(0, 1)}
    copies = {each.number: draw(there[each.told]) for each in attempts}
    return attempts, {number: count for number, count in copies.items() if count}


@given(honest())
def test_callers_that_were_told_the_truth_pass_and_are_all_counted(told: tuple[list[Attempt], dict[int, int]]) -> None:
    attempts, rows = told
    verdict = judged(attempts, rows)
    assert verdict.passed
    assert verdict.written + verdict.failed + verdict.unknown == len(attempts)


@given(honest(), st.data())
def test_one_row_too_few_or_too_many_never_passes(
    told: tuple[list[Attempt], dict[int, int]], data: st.DataObject
) -> None:
    attempts, rows = told
    one = data.draw(st.sampled_from(attempts))
    wrong = {Told.WRITTEN: (0, 2), Told.FAILED: (1, 2), Told.UNKNOWN: (2, 3)}[one.told]
    spoilt = Counter({**rows, one.number: data.draw(st.sampled_from(wrong))})
    assert not judged(attempts, +spoilt).passed


@given(honest())
def test_the_order_of_answers_does_not_matter(told: tuple[list[Attempt], dict[int, int]]) -> None:
    attempts, rows = told
    assert judged(attempts[::-1], rows) == judged(attempts, rows)
    assert judged([replace(each, runs=2) for each in attempts], rows).rerun == len(attempts)
