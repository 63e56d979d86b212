from datetime import UTC, datetime
from typing import Any

import pytest

from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.serverless_database.problems import serverless_database_problems
from lambda_rds_proxy.settings.reading import Reader
from lambda_rds_proxy.settings.spelling import CONFIG


def problems(**given: Any) -> list[str]:
    reader = Reader(CONFIG)
    read = reader.structure(ServerlessDatabaseArgs, {"functions": {"app": {"path": "app"}}, **given})
    return [*reader.problems, *serverless_database_problems(read, CONFIG, now=datetime.now(UTC))]


SMALL = {"vpc_cidr": "10.0.0.0/24"}
CLUSTER = {"kind": "cluster", "instances": 2}


@pytest.mark.parametrize(
    ("given", "sums"),
    [
        (
            {"database": CLUSTER, "proxy": {"reader_endpoint": True}, "user": {"rotation_days": 30}},
            "whose 2 subnets have 22 addresses; 23 are needed (13 of the proxy, 2 of the database, 6 of functions, "
            "2 of the Secrets Manager endpoint), choose a /23 or larger",
        ),
        (
            {"database": {"instance_class": "db.r6g.2xlarge"}, "stack": {"profile": "prod"}},
            "23 are needed (15 of the proxy, 2 of the database, 4 of functions, 2 of the Secrets Manager endpoint)",
        ),
        ({"database": {"instance_class": "db.r6g.24xlarge"}}, "choose a /22 or larger"),
    ],
)
def test_a_new_vpc_without_room_for_the_stack_is_refused_with_the_sums(given: dict[str, Any], sums: str) -> None:
    (problem,) = problems(network=SMALL, **given)
    assert problem.startswith("vpcCidr is 10.0.0.0/24, whose 2 subnets have 22 addresses; ")
    assert sums in problem


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"stack": {"profile": "prod"}, "user": {"rotation_days": 30}},
        {"user": {"auth": "iam-end-to-end", "bootstrap": False}, "database": {"instance_class": "db.r6g.2xlarge"}},
    ],
)
def test_the_smallest_new_vpc_has_room_for_the_smallest_stacks(given: dict[str, Any]) -> None:
    assert problems(network=SMALL, **given) == []


def test_more_zones_are_more_room() -> None:
    large = {"database": {"instance_class": "db.r6g.2xlarge"}, "stack": {"profile": "prod"}}
    assert problems(network=SMALL, **large)
    assert problems(network={**SMALL, "zones": 3}, **large) == []
