"""What a row does with what it says: ids, defaults, replacements."""

import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider.types.row import AwsType, Name, When
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


def test_a_default_of_a_block_is_filled_in_where_the_block_is_given_and_in_every_one_of_a_list() -> None:
    row = AwsType("aws:x/y:Y", defaults={"size": 1, "pool.percent": 100, "rules.method": "immediate"})
    given = {"pool": {"query": "x"}, "rules": [{}, {"method": "later"}]}
    inputs = row.with_defaults(given, {}, provider_pb2.CheckRequest(urn=URN))
    assert inputs == {
        "size": 1,
        "pool": {"query": "x", "percent": 100},
        "rules": [{"method": "immediate"}, {"method": "later"}],
        "__defaults": ["size"],
    }
    assert given == {"pool": {"query": "x"}, "rules": [{}, {"method": "later"}]}
    assert "pool" not in row.with_defaults({}, {}, provider_pb2.CheckRequest(urn=URN))


def test_a_prefix_of_the_programs_own_stands_for_the_automatic_name() -> None:
    row = AwsType("aws:x/y:Y", name=Name("name", 63))
    assert row.with_defaults({"namePrefix": "a-"}, {}, provider_pb2.CheckRequest(urn=URN)) == {"namePrefix": "a-"}


def test_a_long_logical_name_is_cut_to_what_aws_takes_and_lower_cased_where_aws_does_it() -> None:
    request = provider_pb2.CheckRequest(urn=f"{URN}-{'Long' * 30}", randomSeed=b"seed")
    assert len(Name("name", 63).automatic(request)) == 63
    assert Name("identifier", 63, lower=True).automatic(request) == Name("name", 63).automatic(request).lower()


def test_an_argument_may_replace_in_one_case_and_update_in_another() -> None:
    row = AwsType("aws:x/y:Y", replaced_by=("engine", When("input", lambda old, new: old["mode"] == new["mode"])))
    assert row.replaces("engine", {}, {}) and row.replaces("region", {}, {}) and not row.replaces("size", {}, {})
    assert row.replaces("input", {"mode": 1}, {"mode": 1}) and not row.replaces("input", {"mode": 1}, {"mode": 2})


def test_what_aws_does_not_answer_with_is_neither_an_answer_nor_a_default_one() -> None:
    row = AwsType("aws:x/y:Y", defaults={"size": 1, "applyNow": False, "pool.percent": 1}, unreadable=("applyNow",))
    assert row.readable_arguments({"size": 2, "applyNow": True}) == {"size": 2}
    assert row.default_answers() == {"size": 1}
