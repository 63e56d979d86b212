"""What Check makes of a program's arguments."""

import re
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider.defaults import AutonamingError, with_defaults
from local.provider.facts import TypeFacts
from local.provider.types import aws_type
from tests.local.provider.conftest import URN

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def inputs(facts: TypeFacts, stated: dict[str, Any], **request: Any) -> dict[str, Any]:
    asked = provider_pb2.CheckRequest(**{"urn": URN, **request})
    return with_defaults(facts, stated, {}, asked, region="eu-west-1", tags={"team": "shop"})


def test_a_default_of_a_block_is_filled_in_where_the_block_is_given_and_in_every_one_of_a_list() -> None:
    facts: TypeFacts = {
        "arguments": {
            "size": {"default": 1},
            "pool": {"members": {"percent": {"default": 100}}},
            "rules": {"members": {"method": {"default": "immediate"}}},
        }
    }
    given = {"pool": {"query": "x"}, "rules": [{}, {"method": "later"}, UNKNOWN]}
    assert inputs(facts, given) == {
        "size": 1,
        "pool": {"query": "x", "percent": 100},
        "rules": [{"method": "immediate"}, {"method": "later"}, UNKNOWN],
        "__defaults": ["size"],
    }
    assert given == {"pool": {"query": "x"}, "rules": [{}, {"method": "later"}, UNKNOWN]}
    assert "pool" not in inputs(facts, {})


@pytest.mark.parametrize(
    ("token", "argument", "name"),
    [
        ("aws:rds/proxy:Proxy", "name", r"Thing-[0-9a-f]{7}"),
        ("aws:rds/instance:Instance", "identifier", r"Thing[0-9a-f]{7}"),
        ("aws:rds/cluster:Cluster", "clusterIdentifier", None),
    ],
)
def test_an_automatic_name_is_the_logical_one_in_its_case_and_the_providers_separator(
    token: str, argument: str, name: str | None
) -> None:
    made = inputs(aws_type(token).facts, {}, urn=URN.replace("thing", "Thing"))
    assert (made.get(argument) is None) if name is None else re.fullmatch(name, made[argument])


def test_a_prefix_of_the_programs_own_stands_for_the_automatic_name() -> None:
    facts: TypeFacts = {"arguments": {"name": {"autoname": {"separator": "-", "limit": 63}}}}
    assert inputs(facts, {"namePrefix": "a-"}) == {"namePrefix": "a-"}


def test_a_logical_name_that_is_too_long_is_refused_and_never_cut() -> None:
    facts: TypeFacts = {"arguments": {"name": {"autoname": {"separator": "-", "limit": 64}}}}
    with pytest.raises(AutonamingError, match="has 73 characters, and 64 are taken: shorten the logical name or state"):
        inputs(facts, {}, urn=f"{URN}{'x' * 60}")


def test_the_region_and_all_tags_are_known_at_preview_unless_a_tag_is_not() -> None:
    facts = aws_type("aws:ec2/vpc:Vpc").facts
    made = inputs(facts, {"tags": {"a": "b"}})
    assert (made["region"], made["tagsAll"]) == ("eu-west-1", {"team": "shop", "a": "b"})
    assert inputs(facts, {"tags": {"a": UNKNOWN}})["tagsAll"] == UNKNOWN
    assert "region" not in inputs(aws_type("aws:iam/role:Role").facts, {})
