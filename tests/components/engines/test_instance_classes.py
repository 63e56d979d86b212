import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.engines.instance_classes import PUBLISHED, is_estimate, max_connections, memory_gib, vcpus


@pytest.mark.parametrize(
    ("engine", "instance_class", "expected"),
    [("postgresql", "db.t4g.micro", 79), ("postgresql", "db.t3.small", 191), ("mysql", "db.m7g.large", 630)],
)
def test_a_measured_class_has_its_measured_max_connections(engine: str, instance_class: str, expected: int) -> None:
    assert max_connections(engine=engine, instance_class=instance_class) == expected
    assert not is_estimate(engine=engine, instance_class=instance_class)


@pytest.mark.parametrize(
    ("engine", "instance_class", "published_elsewhere"),
    # Aurora PostgreSQL's own table (same formula), and RDS MySQL's published value for 8 GiB.
    [
        ("postgresql", "db.t3.medium", 420),
        ("postgresql", "db.t3.large", 844),
        ("postgresql", "db.r6g.large", 1722),
        ("postgresql", "db.r6g.xlarge", 3479),
        ("mysql", "db.m6g.large", 630),
    ],
)
def test_an_estimate_is_below_every_published_value_but_by_no_more_than_a_tenth(
    engine: str, instance_class: str, published_elsewhere: int
) -> None:
    estimate = max_connections(engine=engine, instance_class=instance_class)
    assert 0.9 * published_elsewhere <= estimate <= published_elsewhere
    assert is_estimate(engine=engine, instance_class=instance_class)


def test_postgresql_never_exceeds_rds_own_limit_of_5000() -> None:
    assert max_connections(engine="postgresql", instance_class="db.r6g.16xlarge") == 5000


def test_a_measured_value_is_never_above_the_nameplate_formula() -> None:
    for (engine, instance_class), value in PUBLISHED.items():
        divisor = 9_531_392 if engine == "postgresql" else 12_582_880
        assert value <= memory_gib(instance_class) * 2**30 / divisor


def test_an_unknown_class_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r'"db\.q9\.huge" is not known'):
        max_connections(engine="postgresql", instance_class="db.q9.huge")
    with pytest.raises(ValueError, match='engine "oracle" is not known'):
        max_connections(engine="oracle", instance_class="db.t3.micro")


@given(st.text(max_size=30))
def test_any_text_is_either_a_class_with_memory_or_a_value_error(text: str) -> None:
    try:
        assert memory_gib(text) >= 1
    except ValueError as error:
        assert text in str(error)


@pytest.mark.parametrize(
    ("instance_class", "expected"),
    [("db.t4g.micro", 2), ("db.m7g.large", 2), ("db.r6g.xlarge", 4), ("db.r6g.2xlarge", 8), ("db.r6g.24xlarge", 96)],
)
def test_vcpus_are_two_up_to_large_and_then_follow_the_size(instance_class: str, expected: int) -> None:
    assert vcpus(instance_class) == expected
