"""The schema that YAML programs are bound to: consistent in itself, and the same facts that Check uses."""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider import functions
from local.provider.arguments import real_type
from local.provider.schema import schema
from local.provider.servicer import AwsServicer
from local.provider.types import aws_types


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item
            else:
                yield from references(item)
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def test_it_is_what_the_provider_answers_and_has_every_listed_type_and_function() -> None:
    request = provider_pb2.GetSchemaRequest()
    answered = json.loads(AwsServicer().GetSchema(request, Mock()).schema)
    assert answered == schema()
    assert set(answered["resources"]) == set(aws_types())
    assert set(answered["functions"]) == set(functions.FUNCTIONS)


def test_every_reference_leads_to_a_type() -> None:
    found = set(references(schema()))
    known = {f"#/types/{token}" for token in schema()["types"]}
    assert found - known == {"pulumi.json#/Any", "pulumi.json#/Archive"}
    assert all(schema()["types"].values())


@pytest.mark.parametrize("token", sorted(aws_types()))
def test_a_types_arguments_are_those_that_check_takes(token: str) -> None:
    described, real = schema()["resources"][token], real_type(token)
    assert described["inputProperties"].keys() == real.arguments.kinds.keys()
    assert described["requiredInputs"] == sorted(real.arguments.required)
    assert described["properties"].keys() == real.outputs
    assert set(described["required"]) <= described["properties"].keys()


@pytest.mark.parametrize(
    ("token", "argument", "kind"),
    [
        ("aws:rds/instance:Instance", "allocatedStorage", {"type": "integer"}),
        ("aws:rds/instance:Instance", "instanceClass", {"type": "string"}),
        ("aws:rds/clusterInstance:ClusterInstance", "engine", {"type": "string"}),
        ("aws:rds/instance:Instance", "multiAz", {"type": "boolean"}),
        ("aws:rds/proxy:Proxy", "vpcSubnetIds", {"type": "array", "items": {"type": "string"}}),
        ("aws:rds/proxy:Proxy", "tags", {"type": "object", "additionalProperties": {"type": "string"}}),
        (
            "aws:rds/proxy:Proxy",
            "auths",
            {"type": "array", "items": {"$ref": "#/types/aws:rds/ProxyAuth:ProxyAuth"}},
        ),
        ("aws:lambda/function:Function", "code", {"$ref": "pulumi.json#/Archive"}),
    ],
)
def test_an_argument_has_the_type_of_the_real_class(token: str, argument: str, kind: dict[str, Any]) -> None:
    assert schema()["resources"][token]["inputProperties"][argument] == kind


def test_a_function_takes_the_real_ones_parameters_and_gives_what_is_answered() -> None:
    zones = schema()["functions"]["aws:index/getAvailabilityZones:getAvailabilityZones"]
    assert {"excludeZoneIds", "state", "filters"} <= zones["inputs"]["properties"].keys()
    assert "opts" not in zones["inputs"]["properties"]
    assert zones["outputs"]["properties"]["names"] == {"type": "array", "items": {"type": "string"}}


def test_the_provider_takes_what_the_real_ones_class_takes_and_nothing_else() -> None:
    taken = schema()["provider"]["inputProperties"]
    assert taken == schema()["config"]["variables"]
    assert {"region", "allowedAccountIds", "defaultTags"} <= taken.keys()
    assert not {"Self", "self", "_Self"} & taken.keys()
