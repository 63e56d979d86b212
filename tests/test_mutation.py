"""What `make mutate` mutates is there: a module that moves is not left out in silence."""

import pytest

from tests.mutate import ROOMS, ROOT, Room


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.package.name)
def test_every_pattern_names_something_that_there_is(room: Room) -> None:
    for pattern in (*room.targets, *room.not_targets):
        assert list((ROOT / room.package).glob(pattern)), pattern
    for pattern in room.not_tests:
        assert list((ROOT / room.tests).rglob(pattern)), pattern


def test_what_the_threat_model_rests_on_is_mutated() -> None:
    mutated = {str(path) for room in ROOMS for path in room.files()}
    for module in ("iam_policies", "security_rules", "proxy/access", "proxy/component", "database/component"):
        assert f"components/lambda_rds_proxy/{module}.py" in mutated
    assert not any(path.endswith("__init__.py") for path in mutated)
