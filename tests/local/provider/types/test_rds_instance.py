"""What the supervisor is asked for an instance, and how instances that no state knows are found."""

from unittest.mock import Mock

import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider.properties import to_struct
from local.provider.servicer import AwsServicer
from local.provider.types import aws_type
from local.supervisor.errors import LaptopError
from tests.local.provider.conftest import INSTANCE_FACTS, Laptop, Recorder, apply, read_by_id

INSTANCE = "aws:rds/instance:Instance"


def test_an_instance_is_not_renamed_into_an_empty_one(recorder: Recorder) -> None:
    with pytest.raises(LaptopError, match="cannot rename instance old to new"):
        apply(INSTANCE, {"identifier": "new", "engine": "postgres"}, {"identifier": "old"})
    assert recorder.calls == []


@pytest.mark.parametrize("import_id", ["orders", "db-ABC"])
def test_an_instance_comes_by_its_identifier_or_its_resource_id_which_it_gets(laptop: Laptop, import_id: str) -> None:
    identifier, inputs, outputs = read_by_id(INSTANCE, import_id)
    assert identifier == outputs["resourceId"] == "db-ABC"
    assert (inputs["identifier"], inputs["username"], inputs["port"]) == ("orders", "shop", 5432)
    assert outputs["arn"] == "arn:aws:rds:eu-west-1:000000000000:db:orders"
    assert outputs["masterUserSecrets"][0]["secretArn"] == INSTANCE_FACTS["masterSecretArn"]
    assert inputs["parameterGroupName"] == "default.postgres15"


def test_what_aws_does_not_tell_is_not_read_and_what_the_providers_importer_sets_is(laptop: Laptop) -> None:
    asked = aws_type(INSTANCE).readable_arguments(
        {"allocatedStorage": 50, "password": "fake", "applyImmediately": True, "manageMasterUserPassword": True}
    )
    laptop.specs["instance", "orders"]["asked"] = asked
    _, inputs, outputs = read_by_id(INSTANCE, "orders")
    assert (inputs["allocatedStorage"], outputs["allocatedStorage"]) == (50, 50)
    assert (inputs["skipFinalSnapshot"], inputs["deleteAutomatedBackups"]) == (True, True)
    assert not {"password", "applyImmediately", "manageMasterUserPassword"} & (inputs.keys() | outputs.keys())


def test_what_an_import_read_beyond_what_the_program_states_is_no_difference(laptop: Laptop) -> None:
    _, inputs, outputs = read_by_id(INSTANCE, "orders")
    stated = {key: inputs[key] for key in ("identifier", "engine", "instanceClass", "skipFinalSnapshot")}
    request = provider_pb2.DiffRequest(
        urn="urn:pulumi:local::shop::aws:rds/instance:Instance::thing",
        old_inputs=to_struct({**inputs, "backupWindow": "03:00-04:00", "maxAllocatedStorage": 100}),
        olds=to_struct(outputs),
        news=to_struct({**stated, "instanceClass": "db.t4g.micro"}),
    )
    changed = list(AwsServicer().Diff(request, Mock()).diffs)
    assert "instanceClass" in changed and "maxAllocatedStorage" in changed
    assert not {"username", "backupWindow", "parameterGroupName", "port"} & set(changed)


def test_a_parameter_group_that_no_state_knows_has_its_arn_too(laptop: Laptop) -> None:
    asked = {"family": "postgres15", "parameters": [{"name": "rds.force_ssl", "value": "1"}]}
    laptop.specs["parameter-group", "orders"] = {"parameters": {"rds.force_ssl": "1"}, "asked": asked}
    laptop.facts["parameter-group", "orders"] = {}
    identifier, inputs, outputs = read_by_id("aws:rds/parameterGroup:ParameterGroup", "orders")
    assert (identifier, inputs["family"], inputs["parameters"]) == ("orders", "postgres15", asked["parameters"])
    assert outputs["arn"] == "arn:aws:rds:eu-west-1:000000000000:pg:orders"
