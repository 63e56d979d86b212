import json
from typing import Any

import pytest

from local.provider.functions import call, example
from tests.local.provider.conftest import Laptop

INSTANCE = "aws:rds/getInstance:getInstance"
POLICY = "aws:iam/getPolicyDocument:getPolicyDocument"


def document(*statements: dict[str, Any], **args: Any) -> Any:
    found = call(POLICY, {"statements": list(statements), **args}, "eu-west-1")
    assert json.loads(found["json"]) == json.loads(found["minifiedJson"])
    return json.loads(found["json"])


def test_a_policy_document_says_what_its_statements_say() -> None:
    found = document(
        {
            "sid": "Connect",
            "actions": ["rds-db:connect"],
            "resources": ["arn:aws:rds-db:eu-west-1:000000000000:dbuser:prx-1/&{aws:username}"],
            "conditions": [{"test": "StringEquals", "variable": "aws:SourceVpc", "values": ["vpc-1", "vpc-2"]}],
        }
    )
    assert found == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Connect",
                "Effect": "Allow",
                "Action": "rds-db:connect",
                "Resource": "arn:aws:rds-db:eu-west-1:000000000000:dbuser:prx-1/${aws:username}",
                "Condition": {"StringEquals": {"aws:SourceVpc": ["vpc-2", "vpc-1"]}},
            }
        ],
    }


@pytest.mark.parametrize(
    ("principals", "written"),
    [
        ([{"type": "Service", "identifiers": ["lambda.amazonaws.com"]}], {"Service": "lambda.amazonaws.com"}),
        ([{"type": "AWS", "identifiers": ["a", "b"]}], {"AWS": ["b", "a"]}),
        ([{"type": "*", "identifiers": ["*"]}], "*"),
    ],
)
def test_principals_are_written_as_iam_reads_them(principals: list[dict[str, Any]], written: Any) -> None:
    found = document({"effect": "Deny", "actions": ["sts:AssumeRole"], "principals": principals})
    assert found["Statement"] == [{"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": written}]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"sourcePolicyDocuments": ["{}"]}, "does not merge documents"),
        ({"statements": [{"sid": "A"}, {"sid": "A"}]}, 'more than one statement with the sid "A"'),
    ],
)
def test_a_document_that_the_laptop_cannot_write_is_refused(args: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(POLICY, args, "eu-west-1")


def test_zones_are_those_of_the_region_less_the_excluded() -> None:
    zones = call("aws:index/getAvailabilityZones:getAvailabilityZones", {"excludeZoneIds": ["euw1-az2"]}, "eu-west-1")
    assert (zones["names"], zones["zoneIds"]) == (["eu-west-1a", "eu-west-1c"], ["euw1-az1", "euw1-az3"])


def test_an_instance_is_looked_up_by_its_identifier(laptop: Laptop) -> None:
    laptop.specs["instance", "orders"]["asked"] = {"vpcSecurityGroupIds": ["sg-1"]}
    found = call(INSTANCE, {"dbInstanceIdentifier": "orders"}, "eu-west-1")
    assert (found["resourceId"], found["port"], found["vpcSecurityGroups"]) == ("db-ABC", 5432, ["sg-1"])
    assert found.keys() == example(INSTANCE, "eu-west-1").keys()
    with pytest.raises(ValueError, match='the laptop has no instance "db-ABC"'):
        call(INSTANCE, {"dbInstanceIdentifier": "db-ABC"}, "eu-west-1")


def test_a_function_that_the_laptop_does_not_answer_is_named_with_those_it_answers() -> None:
    with pytest.raises(ValueError, match=r"does not answer aws:ec2/getVpc:getVpc; it answers .*getPolicyDocument"):
        call("aws:ec2/getVpc:getVpc", {"id": "vpc-1"}, "eu-west-1")
