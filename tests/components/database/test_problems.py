import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.database.args import DatabaseSettings
from lambda_rds_proxy.database.problems import database_problems
from lambda_rds_proxy.engines import Profile, TargetKind
from lambda_rds_proxy.settings.reading import Reader
from lambda_rds_proxy.settings.spelling import ARGUMENTS


def problems(low: float, high: float) -> list[str]:
    said = {"kind": "cluster", "instance_class": "db.serverless", "min_capacity": low, "max_capacity": high}
    reader = Reader(ARGUMENTS)
    read = reader.structure(DatabaseSettings, said, ("database",))
    return [*reader.problems, *database_problems(read, ARGUMENTS, profile=Profile.DEV)]


@given(st.integers(1, 512), st.integers(2, 512))
def test_a_range_in_half_steps_is_right_exactly_when_it_is_not_upside_down(low: int, high: int) -> None:
    assert (not problems(low / 2, high / 2)) == (low <= high)


@pytest.mark.parametrize(("low", "high"), [(0, 4), (0.3, 4), (0.5, 0.5), (0.5, 256.5), (257, 300), (-1, 2)])
def test_a_range_that_aws_or_a_proxy_does_not_take_is_named(low: float, high: float) -> None:
    assert problems(low, high)


@pytest.mark.parametrize("kind", list(TargetKind))
@pytest.mark.parametrize("profile", list(Profile))
def test_the_defaults_of_every_profile_have_no_problems(kind: TargetKind, profile: Profile) -> None:
    assert list(database_problems({"kind": kind}, ARGUMENTS, profile=profile)) == []
