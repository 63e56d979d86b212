from typing import Any

import pytest

from local.provider.types import aws_type, aws_types
from local.provider.types.limits import Matching, Modelled, Range

SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
GROUP = "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
FUNCTION = "aws:lambda/function:Function"


def problems(token: str, given: dict[str, Any]) -> list[tuple[str, str]]:
    return [problem for limit in aws_type(token).limits for problem in limit(given)]


def pool(**values: Any) -> dict[str, Any]:
    return {"connectionPoolConfig": values}


@pytest.mark.parametrize(
    ("token", "given", "words"),
    [
        (GROUP, pool(connectionBorrowTimeout=3600), "connectionBorrowTimeout is 3600; AWS takes 0 to 300"),
        (GROUP, pool(maxConnectionsPercent=40, maxIdleConnectionsPercent=41), "at most maxConnectionsPercent (40)"),
        ("aws:rds/proxy:Proxy", {"name": "-proxy"}, 'name is "-proxy"; AWS takes'),
        ("aws:rds/proxy:Proxy", {"name": "a" * 64}, "AWS takes"),
        ("aws:rds/proxy:Proxy", {"idleClientTimeout": 0}, "AWS takes 1 to 28800"),
        (RULE, {"description": "the network's own"}, "EC2 takes at most 255"),
        (FUNCTION, {"memorySize": 64}, "AWS takes 128 to 10240"),
        (FUNCTION, {"environment": {"variables": {"A": "x" * 4096}}}, "Lambda takes 4096"),
        (FUNCTION, {"environment": {"variables": {"A": "é" * 2048}}}, "has 4097 bytes"),
        (FUNCTION, {"memorySize": "10241"}, "memorySize is 10241; AWS takes 128 to 10240"),
        (FUNCTION, {"reservedConcurrentExecutions": -2}, "reservedConcurrentExecutions is -2"),
        (GROUP, pool(maxConnectionsPercent=40, maxIdleConnectionsPercent="41"), "at most maxConnectionsPercent (40)"),
        ("aws:rds/instance:Instance", {"identifier": "My_DB"}, 'identifier is "My_DB"'),
        ("aws:rds/instance:Instance", {"identifier": "orders--db"}, "single hyphens"),
        ("aws:rds/cluster:Cluster", {"clusterIdentifier": "orders-"}, 'clusterIdentifier is "orders-"'),
    ],
)
def test_what_aws_would_refuse_is_refused_with_its_limit(token: str, given: dict[str, Any], words: str) -> None:
    assert any(words in sentence for _, sentence in problems(token, given)), problems(token, given)


@pytest.mark.parametrize(
    ("token", "given"),
    [
        (GROUP, pool(maxConnectionsPercent=85, maxIdleConnectionsPercent=42, connectionBorrowTimeout=0)),
        (GROUP, pool(maxConnectionsPercent=SENTINEL, connectionBorrowTimeout=SENTINEL)),
        (GROUP, {"connectionPoolConfig": SENTINEL}),
        (FUNCTION, {"timeout": SENTINEL, "environment": SENTINEL, "runtime": "python3.13", "architectures": ["arm64"]}),
        ("aws:s3/bucket:Bucket", {"bucket": "anything"}),
        (FUNCTION, {"reservedConcurrentExecutions": -1, "timeout": "5"}),
        ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 0}),
        ("aws:rds/instance:Instance", {"identifier": "orders-db2"}),
        # Values of another type are said by the check of the arguments.
        (FUNCTION, {"timeout": "abc", "memorySize": True, "runtime": ["x"], "architectures": "arm64"}),
        ("aws:rds/proxy:Proxy", {"name": {"a": 1}, "idleClientTimeout": [1]}),
    ],
)
def test_what_aws_accepts_or_cannot_know_yet_is_accepted(token: str, given: dict[str, Any]) -> None:
    assert problems(token, given) == []


def test_a_limit_holds_in_every_block_of_a_list_and_names_the_place() -> None:
    given = {"auths": [{"weight": 1}, {"weight": 9}, {"weight": SENTINEL}, {}, SENTINEL]}
    assert list(Range("auths.weight", 1, 5)(given)) == [("auths[1].weight", "auths[1].weight is 9; AWS takes 1 to 5")]
    named = {"auths": [{"name": "a"}, {"name": "B"}]}
    found = list(Matching("auths.name", "[a-z]", "AWS takes one letter")(named))
    assert found == [("auths[1].name", 'auths[1].name is "B"; AWS takes one letter')]


@pytest.mark.parametrize("token", sorted(aws_types()))
def test_every_limit_that_a_row_names_is_one_that_awss_model_has(token: str) -> None:
    for limit in aws_types()[token].limits:
        if isinstance(limit, Modelled):
            arguments = aws_types()[token].real.arguments.kinds
            assert limit.members.keys() <= arguments.keys()
            assert list(limit(dict.fromkeys(limit.members, "a"))) is not None
