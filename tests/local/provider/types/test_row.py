"""What a row does with what it says: ids, names, answers."""

import re

import pytest

from local.provider.facts import TypeFacts
from local.provider.types import aws_type
from local.provider.types.row import AwsType, Resource
from tests.local.provider.conftest import URN, recorded


@pytest.mark.parametrize(
    ("token", "prefix"),
    [
        ("aws:ec2/vpc:Vpc", "vpc-"),
        ("aws:ec2/subnet:Subnet", "subnet-"),
        ("aws:ec2/securityGroup:SecurityGroup", "sg-"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "vpce-"),
    ],
)
def test_recorded_ids_have_awss_shape_and_the_same_resource_gets_the_same_one(token: str, prefix: str) -> None:
    made = [recorded(token, {"tags": {}}) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0][0].startswith(prefix) and len(made[0][0]) == len(prefix) + 17
    assert made[0][1]["arn"].startswith("arn:aws:ec2:eu-west-1:000000000000:")


def test_a_replacement_does_not_have_the_id_of_what_it_replaces() -> None:
    old, new = (recorded("aws:ec2/vpc:Vpc", {"cidrBlock": cidr})[0] for cidr in ("10.0.0.0/16", "10.1.0.0/16"))
    assert old != new


def test_a_name_that_pulumi_does_not_make_is_terraforms_and_stays() -> None:
    cluster = aws_type("aws:rds/cluster:Cluster")
    made = Resource(cluster, URN, {"engine": "aurora-mysql"}, region="eu-west-1")
    assert re.fullmatch(r"tf-\d{26}", made.name)
    prefixed = Resource(cluster, URN, {"clusterIdentifierPrefix": "orders-"}, region="eu-west-1")
    assert re.fullmatch(r"orders-\d{26}", prefixed.name)
    changed = Resource(cluster, URN, {}, region="eu-west-1", olds={"clusterIdentifier": made.name})
    assert changed.name == made.name


def test_what_aws_does_not_answer_with_is_neither_an_answer_nor_a_default_one() -> None:
    facts: TypeFacts = {"arguments": {"size": {"default": 1}, "applyNow": {"default": False}}}
    row = AwsType("aws:x/y:Y", facts=facts, unreadable=("applyNow",))
    assert row.readable_arguments({"size": 2, "applyNow": True}) == {"size": 2}
    assert row.default_answers() == {"size": 1}
