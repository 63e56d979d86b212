from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.proxy.ceiling import ceiling


@given(st.integers(1, 262_143), st.integers(1, 100))
def test_the_ceiling_is_the_floor_of_the_share(max_connections: int, percent: int) -> None:
    found = ceiling(max_connections, percent)
    assert found * 100 <= max_connections * percent < (found + 1) * 100
