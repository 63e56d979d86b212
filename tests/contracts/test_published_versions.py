"""What a database is made of when nothing is said can be made: AWS's own lists, as cfn-lint publishes them."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from lambda_rds_proxy.engines import ENGINES, Engine, TargetKind

REGIONS = ("eu-west-1", "us-east-1", "us-gov-west-1", "us-gov-east-1", "cn-north-1")
RESOURCE = {TargetKind.INSTANCE: "aws_rds_dbinstance", TargetKind.CLUSTER: "aws_rds_dbcluster"}
TARGETS = [(engine, kind) for engine in Engine for kind in TargetKind]


def published(name: str) -> Any:
    return json.loads((files("cfnlint") / "data/schemas/extensions" / f"{name}.json").read_text())


def versions(name: str, engine: str, place: str) -> set[str]:
    """The versions of an engine that stand in the condition (`if`) or the consequence (`then`) of a list's entries."""

    def listed() -> Iterator[str]:
        for each in published(name)["allOf"]:
            if each["if"]["properties"]["Engine"].get("const") == engine:
                yield from each[place]["properties"]["EngineVersion"].get("enum", [])

    return {*listed()}


@pytest.mark.parametrize(("engine", "kind"), TARGETS)
def test_the_version_of_a_new_database_can_be_made_and_is_not_withdrawn(engine: Engine, kind: TargetKind) -> None:
    target = ENGINES[engine].target(kind)
    made = versions(f"{RESOURCE[kind]}/engine_version", target.engine, "then")
    made -= versions(f"{RESOURCE[kind]}/engine_version_deprecated", target.engine, "if")
    wanted = target.default_version
    # All of a major version is whatever AWS's default among its minor versions is.
    assert wanted in made if target.is_in_full(wanted) else any(each.startswith(f"{wanted}.") for each in made)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(("engine", "kind"), TARGETS)
def test_every_region_has_the_class_of_a_new_database(engine: Engine, kind: TargetKind, region: str) -> None:
    target = ENGINES[engine].target(kind)
    classes = [
        each["then"]["properties"]["DBInstanceClass"]["enum"]
        for each in published("aws_rds_dbinstance/dbinstanceclass_enum")[region]["allOf"]
        if each["if"]["properties"]["Engine"].get("const") == target.engine
    ]
    assert classes
    assert all(target.default_instance_class in each for each in classes)
