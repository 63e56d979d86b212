"""Every fact is there for every engine, and what follows from the facts is right."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.engines import ENGINES, Engine, TargetKind
from lambda_rds_proxy.engines.instance_classes import HIGHEST_ACU, LOWEST_ACU, memory_gib

POSTGRESQL, MYSQL = ENGINES[Engine.POSTGRESQL], ENGINES[Engine.MYSQL]
# What an engine may lack; a test below says what follows then.
MAY_BE_EMPTY = {
    "no_performance_insights",
    "session_pinning_filters",
    "why_no_session_pinning_filters",
    "why_no_user_timeouts",
    "formula",
    "most_from_lowest_acu",
    "default_since",
}


def stated(facts: object) -> Iterator[tuple[str, object]]:
    """Every fact by the name of its field, those of the parts included."""
    assert is_dataclass(facts)
    for field in fields(facts):
        value = getattr(facts, field.name)
        yield field.name, value
        if is_dataclass(value):
            yield from stated(value)


@pytest.mark.parametrize("engine", list(Engine))
def test_every_engine_states_every_fact(engine: Engine) -> None:
    empty = [name for name, value in stated(ENGINES[engine]) if value in (None, "", ()) or value == {}]
    assert set(empty) <= MAY_BE_EMPTY


@pytest.mark.parametrize("engine", list(Engine))
def test_no_fact_is_left_to_a_default(engine: Engine) -> None:
    facts = ENGINES[engine]
    for part in (facts, facts.instance, facts.cluster):
        assert [field.name for field in fields(part) if field.default is not field.default_factory] == []


def test_engines_are_a_plain_dict_of_all_engines_whose_facts_differ() -> None:
    assert type(ENGINES) is dict
    assert list(ENGINES) == list(Engine)
    for name in ("proxy_family", "port", "rotation_application", "requirements", "client_password_auth_types"):
        assert len({getattr(facts, name) for facts in ENGINES.values()}) == len(Engine), name


@pytest.mark.parametrize("kind", list(TargetKind))
@pytest.mark.parametrize("engine", list(Engine))
def test_every_target_has_a_family_and_connections_by_default(engine: Engine, kind: TargetKind) -> None:
    target = ENGINES[engine].target(kind)
    assert target.is_documented(target.default_version)
    assert "{" not in target.family(target.default_version)
    assert target.max_connections(target.default_instance_class) > 0
    assert target.has_performance_insights("db.r7g.large")


@pytest.mark.parametrize("engine", list(Engine))
def test_an_engine_has_pinning_filters_or_says_why_not(engine: Engine) -> None:
    facts = ENGINES[engine]
    assert bool(facts.session_pinning_filters) != bool(facts.why_no_session_pinning_filters)
    said = facts.filters_allowed(init_query="proxy.init_query")
    assert "{" not in said
    assert all(each in said for each in facts.session_pinning_filters or ["proxy.init_query"])


@pytest.mark.parametrize(
    ("engine", "most", "usable"), [("postgresql", 79, 70), ("mysql", 60, 59), ("postgresql", 6, 1)]
)
def test_reserved_connections_are_nobodys_to_use(engine: Engine, most: int, usable: int) -> None:
    assert ENGINES[engine].usable_connections(most) == usable


@pytest.mark.parametrize("engine", list(Engine))
def test_of_an_unknown_number_none_are_known_to_be_usable(engine: Engine) -> None:
    assert ENGINES[engine].usable_connections(None) is None


@pytest.mark.parametrize(
    ("engine", "instance_class", "expected"),
    [("postgresql", "db.t4g.micro", 79), ("postgresql", "db.t3.small", 191), ("mysql", "db.m7g.large", 630)],
)
def test_a_measured_class_has_its_measured_max_connections(engine: Engine, instance_class: str, expected: int) -> None:
    instance = ENGINES[engine].instance
    assert instance.max_connections(instance_class) == expected
    assert not instance.is_estimate(instance_class)


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
    engine: Engine, instance_class: str, published_elsewhere: int
) -> None:
    instance = ENGINES[engine].instance
    assert 0.9 * published_elsewhere <= instance.max_connections(instance_class) <= published_elsewhere
    assert instance.is_estimate(instance_class)


def test_postgresql_never_exceeds_rds_own_limit_of_5000() -> None:
    assert POSTGRESQL.instance.max_connections("db.r6g.16xlarge") == 5000


@pytest.mark.parametrize("engine", list(Engine))
def test_a_measured_value_is_never_above_the_nameplate_formula(engine: Engine) -> None:
    instance = ENGINES[engine].instance
    assert instance.formula is not None
    for instance_class, value in instance.published.items():
        assert value <= memory_gib(instance_class) * 2**30 / instance.formula.divisor


@pytest.mark.parametrize("kind", list(TargetKind))
@pytest.mark.parametrize("engine", list(Engine))
def test_an_unknown_class_is_refused_by_name(engine: Engine, kind: TargetKind) -> None:
    with pytest.raises(ValueError, match=r'"db\.q9\.huge" is not known'):
        ENGINES[engine].target(kind).max_connections("db.q9.huge")


@pytest.mark.parametrize(
    ("engine", "instance_class", "published"),
    [
        ("postgresql", "db.t4g.medium", 405),
        ("postgresql", "db.r6g.large", 1722),
        ("mysql", "db.t3.small", 45),
        ("mysql", "db.t4g.medium", 90),
        ("mysql", "db.t4g.large", 135),
        ("mysql", "db.r6g.large", 1000),
        ("mysql", "db.r7g.4xlarge", 4000),
        ("mysql", "db.x2g.24xlarge", 7000),
    ],
)
def test_values_that_aurora_publishes_are_taken_as_they_are(
    engine: Engine, instance_class: str, published: int
) -> None:
    assert ENGINES[engine].cluster.max_connections(instance_class) == published


@pytest.mark.parametrize("engine", list(Engine))
def test_a_size_that_aurora_does_not_have_is_refused_with_the_smallest_class(engine: Engine) -> None:
    for size in ENGINES[engine].cluster.sizes_not_offered:
        with pytest.raises(ValueError, match=r"is not one of Aurora; the smallest is db\.t4g\.medium"):
            ENGINES[engine].cluster.max_connections(f"db.t4g.{size}")


def test_a_size_without_a_published_value_is_refused_for_mysql_and_estimated_for_postgresql() -> None:
    with pytest.raises(ValueError, match=r"not known for Aurora MySQL; use db\.r6g\.large or larger"):
        MYSQL.cluster.max_connections("db.t3.xlarge")
    assert not MYSQL.cluster.is_estimate("db.r6g.large")
    assert POSTGRESQL.cluster.max_connections("db.r7g.24xlarge") == 5000
    assert POSTGRESQL.cluster.is_estimate("db.r7g.24xlarge")


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
    engine: Engine, low: float, high: float, expected: int
) -> None:
    assert ENGINES[engine].cluster.serverless_max_connections(min_acu=low, max_acu=high) == expected


@given(
    st.sampled_from(Engine), st.floats(LOWEST_ACU, HIGHEST_ACU), st.floats(1, HIGHEST_ACU), st.floats(1, HIGHEST_ACU)
)
def test_more_capacity_never_means_fewer_connections(engine: Engine, low: float, one: float, other: float) -> None:
    smaller, larger = sorted((one, other))
    derive = ENGINES[engine].cluster.serverless_max_connections
    assert 0 < derive(min_acu=low, max_acu=smaller) <= derive(min_acu=low, max_acu=larger)
