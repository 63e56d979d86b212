import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.database.choices import capacity_problems


@given(st.integers(1, 512), st.integers(2, 512))
def test_a_range_in_half_steps_is_right_exactly_when_it_is_not_upside_down(low: int, high: int) -> None:
    assert (not capacity_problems(low / 2, high / 2)) == (low <= high)


@pytest.mark.parametrize(("low", "high"), [(0, 4), (0.3, 4), (0.5, 0.5), (0.5, 256.5), (257, 300), (-1, 2)])
def test_a_range_that_aws_or_a_proxy_does_not_take_is_named(low: float, high: float) -> None:
    assert capacity_problems(low, high)
