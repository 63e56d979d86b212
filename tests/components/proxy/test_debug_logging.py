from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.proxy.debug_logging import LONGEST, is_wanted, parse_until

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@given(st.timedeltas(min_value=timedelta(days=-400), max_value=LONGEST))
def test_it_is_on_exactly_until_the_time_given(ahead: timedelta) -> None:
    assert is_wanted((NOW + ahead).isoformat(), now=NOW) is (ahead > timedelta(0))


def test_a_time_without_an_offset_is_utc() -> None:
    assert parse_until("2026-11-25T18:00") == parse_until("2026-11-25T19:00+01:00")


@pytest.mark.parametrize("value", ["", "tomorrow", "25.11.2026", "true"])
def test_anything_else_is_no_time(value: str) -> None:
    with pytest.raises(ValueError, match="isoformat"):
        parse_until(value)
