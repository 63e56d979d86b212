import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.database.args import DatabaseSettings
from lambda_rds_proxy.database.problems import database_problems, restored_problem
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


KEY, OTHER = (f"arn:aws:kms:eu-west-1:123456789012:key/{name}" for name in ("a", "b"))


@pytest.mark.parametrize(
    ("encrypted", "key", "stated", "words"),
    [
        (False, None, None, "the next update replaces it"),
        (False, None, KEY, "copy the snapshot with --kms-key-id"),
        (True, OTHER, KEY, f"orders-final is encrypted with {OTHER}, and so is what was restored from it, not with"),
    ],
)
def test_a_snapshot_that_is_encrypted_otherwise_is_told_with_the_way_to_change_it(
    encrypted: bool, key: str | None, stated: str | None, words: str
) -> None:
    sentence = restored_problem("orders-final", encrypted, key, stated, ARGUMENTS)
    assert sentence is not None and words in sentence


@pytest.mark.parametrize(("key", "stated"), [(KEY, KEY), (KEY, None), (None, KEY)])
def test_a_snapshot_that_is_encrypted_as_the_stack_is_right(key: str | None, stated: str | None) -> None:
    assert restored_problem("orders-final", True, key, stated, ARGUMENTS) is None
