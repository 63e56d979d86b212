import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.engines.aurora_capacity import capacity_problems, max_connections, serverless_max_connections


@pytest.mark.parametrize(
    ("engine", "instance_class", "published"),
    [
        ("postgresql", "db.t4g.medium", 405),
        ("postgresql", "db.r6g.large", 1722),
        ("mysql", "db.t4g.medium", 90),
        ("mysql", "db.r6g.large", 1000),
        ("mysql", "db.r7g.4xlarge", 4000),
    ],
)
def test_published_values_are_taken_as_they_are(engine: str, instance_class: str, published: int) -> None:
    assert max_connections(engine=engine, instance_class=instance_class) == published


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_a_class_that_aurora_does_not_have_is_refused_with_the_smallest(engine: str) -> None:
    with pytest.raises(ValueError, match=r"the smallest is db\.t4g\.medium"):
        max_connections(engine=engine, instance_class="db.t4g.micro")


def test_a_size_without_a_published_value_is_refused_for_mysql_and_estimated_for_postgresql() -> None:
    with pytest.raises(ValueError, match="not known for Aurora MySQL"):
        max_connections(engine="mysql", instance_class="db.t3.xlarge")
    assert max_connections(engine="postgresql", instance_class="db.r7g.24xlarge") == 5000


@pytest.mark.parametrize(
    ("engine", "low", "high", "expected"),
    [
        ("postgresql", 1, 1, 189),
        ("postgresql", 1, 7.5, 823),
        ("postgresql", 1, 256, 5000),
        ("postgresql", 0.5, 256, 2000),
        ("postgresql", 0.5, 4, 823),
        ("mysql", 0.5, 16, 2000),
    ],
)
def test_serverless_follows_the_published_value_at_or_below_its_highest_capacity(
    engine: str, low: float, high: float, expected: int
) -> None:
    assert serverless_max_connections(engine=engine, min_acu=low, max_acu=high) == expected


@given(st.integers(1, 512), st.integers(2, 512))
def test_a_range_in_half_steps_is_right_exactly_when_it_is_not_upside_down(low: int, high: int) -> None:
    assert (not capacity_problems(low / 2, high / 2)) == (low <= high)


@pytest.mark.parametrize(("low", "high"), [(0, 4), (0.3, 4), (0.5, 0.5), (0.5, 256.5), (257, 300), (-1, 2)])
def test_a_range_that_aws_or_a_proxy_does_not_take_is_named(low: float, high: float) -> None:
    assert capacity_problems(low, high)
