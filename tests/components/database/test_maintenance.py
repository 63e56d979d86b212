from typing import Any

import pulumi
import pytest

from lambda_rds_proxy.database.maintenance import saying_what_waits, waiting
from tests.components.declared import declare

RUNS = {"instanceClass": "db.r7g.large", "allocatedStorage": 20, "multiAz": True, "engineVersion": "17"}


def test_a_change_of_class_is_said_with_both_classes_and_the_way_to_have_it_now() -> None:
    (sentence,) = waiting(RUNS, {**RUNS, "instanceClass": "db.r7g.xlarge"})
    assert "instanceClass stays db.r7g.large until the next maintenance window and is db.r7g.xlarge then" in sentence
    assert "--apply-immediately" in sentence


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        ({}, 0),
        ({"allocatedStorage": 100, "multiAz": False}, 2),
        ({"tags": {"team": "orders"}, "vpcSecurityGroupIds": ["sg-0b"]}, 0),  # applied at once in any case
        ({"storageType": "gp3"}, 0),  # was not read yet
        ({"instanceClass": None}, 0),
        ({"allocatedStorage": "20"}, 0),
    ],
)
def test_only_what_changes_and_waits_is_said(change: dict[str, Any], waits: int) -> None:
    assert len(list(waiting(RUNS, {**RUNS, **change}))) == waits


def test_what_the_update_leaves_as_it_is_does_not_wait() -> None:
    assert list(waiting({"engineVersion": "17.9"}, {"engineVersion": "17.7"}, ignored=("engineVersion",))) == []


def test_an_update_says_it_by_the_name_of_the_resource() -> None:
    options: list[pulumi.ResourceOptions] = []

    def program() -> None:
        options.append(saying_what_waits("orders"))
        binding = options[0].hooks
        assert binding is not None and binding.before_update is not None
        (hook,) = binding.before_update
        assert isinstance(hook, pulumi.ResourceHook)
        hook(
            pulumi.ResourceHookArgs(
                "urn",
                "id",
                "orders",
                "aws:rds/instance:Instance",
                new_inputs={"instanceClass": "db.r7g.xlarge"},
                old_outputs=RUNS,
            )
        )

    assert [each for each in declare(program).messages if each.startswith("orders: instanceClass stays")]
