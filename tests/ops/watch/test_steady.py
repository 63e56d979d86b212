"""A verdict changes when two looks in a row say so."""

from hypothesis import given
from hypothesis import strategies as st

from ops.doctor.table import diagnose
from ops.doctor.verdict import Cause
from ops.watch.steady import Steady
from tests.ops.doctor.samples import CASES

_VERDICTS = {cause: diagnose(seen) for cause, seen in CASES.items()}


@given(st.lists(st.sampled_from([Cause.HEALTHY, Cause.DATABASE_DOWN, Cause.POOL_TOO_SMALL]), min_size=1))
def test_another_verdict_is_shown_after_two_looks_in_a_row_and_no_sooner(causes: list[Cause]) -> None:
    steady = Steady()
    shown = [steady.after(_VERDICTS[cause]).cause for cause in causes]
    assert shown[0] is causes[0]
    for at in range(1, len(causes)):
        twice = causes[at] is causes[at - 1]
        assert shown[at] is (causes[at] if twice else shown[at - 1]) or (shown[at] is causes[at] is shown[at - 1])
        if shown[at] is not shown[at - 1]:
            assert twice


def test_one_look_that_says_otherwise_is_not_shown() -> None:
    steady = Steady()
    looks = [Cause.HEALTHY, Cause.DATABASE_DOWN, Cause.HEALTHY, Cause.DATABASE_DOWN, Cause.DATABASE_DOWN]
    assert [steady.after(_VERDICTS[each]).cause for each in looks] == [Cause.HEALTHY] * 4 + [Cause.DATABASE_DOWN]
