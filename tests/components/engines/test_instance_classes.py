import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.engines.instance_classes import memory_gib, usable_bytes, vcpus


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


@pytest.mark.parametrize("instance_class", ["db.t4g.micro", "db.m7g.large", "db.x2g.24xlarge"])
def test_a_class_has_less_memory_to_use_than_its_nameplate_says(instance_class: str) -> None:
    assert 0 < usable_bytes(instance_class) < memory_gib(instance_class) * 2**30
