"""The rotation application of AWS's, as the laptop deploys it."""

import pytest

from local.supervisor.errors import LaptopError
from tests.local.provider.conftest import Recorder, apply, delete

APPLICATION_STACK = "aws:serverlessrepository/cloudFormationStack:CloudFormationStack"
APPLICATION = "arn:aws:serverlessrepo:us-east-1:297356227824:applications/SecretsManagerRDSPostgreSQLRotationSingleUser"


def test_awss_rotation_application_becomes_the_laptops_function_under_its_name(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.provider.types.rotation.build_package", lambda source, **_: source / "package.zip")
    inputs = {
        "name": "shop-rotation",
        "applicationId": APPLICATION,
        "parameters": {"functionName": "shop-rotation", "excludeCharacters": "/@"},
    }
    _, outputs = apply(APPLICATION_STACK, inputs)
    delete(APPLICATION_STACK, "id", inputs)
    (_, kind, name, spec), deleted = recorder.calls
    assert (kind, name, spec["environment"]) == ("function", "shop-rotation", {"EXCLUDE_CHARACTERS": "/@"})
    assert deleted == ("delete", "function", "shop-rotation")
    assert outputs == {"outputs": {"RotationLambdaARN": "arn"}}


def test_any_other_application_is_refused_with_the_way_out(recorder: Recorder) -> None:
    other = {"name": "x", "applicationId": APPLICATION.replace("PostgreSQL", "MySQL"), "parameters": {}}
    with pytest.raises(LaptopError, match="this is SecretsManagerRDSMySQLRotationSingleUser; leave it"):
        apply(APPLICATION_STACK, other)
    assert recorder.calls == []
