"""What Secrets Manager is asked."""

import base64
from typing import Any
from unittest.mock import Mock

import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider.properties import from_struct, to_struct
from local.provider.servicer import AwsServicer
from local.supervisor.errors import LaptopError
from tests.local.provider.conftest import URN, Recorder, apply, delete, read

VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"


def test_a_rotation_is_switched_on_by_rotate_secret_with_the_days_and_the_function(recorder: Recorder) -> None:
    inputs = {
        "secretId": "secret",
        "rotationLambdaArn": "function",
        "rotationRules": {"automaticallyAfterDays": 30},
        "rotateImmediately": False,
    }
    identifier, outputs = apply(ROTATION, inputs)
    assert (identifier, outputs) == ("secret", {"rotationEnabled": True})
    asked = {"SecretId": "secret", "RotationLambdaARN": "function", "RotateImmediately": False}
    assert recorder.calls == [("rotate_secret", {**asked, "RotationRules": {"AutomaticallyAfterDays": 30}})]


def test_rotate_immediately_alone_asks_for_nothing_and_another_calendar_does(recorder: Recorder) -> None:
    old = {"secretId": "secret", "rotationRules": {"automaticallyAfterDays": 30}, "rotateImmediately": False}
    apply(ROTATION, {**old, "rotateImmediately": True}, old)
    assert recorder.calls == []
    apply(ROTATION, {**old, "rotationRules": {"automaticallyAfterDays": 7}}, old)
    assert len(recorder.calls) == 1


def test_a_rotation_that_was_switched_off_elsewhere_is_drift_and_switched_on_again(recorder: Recorder) -> None:
    recorder.secrets = {"on": {"RotationEnabled": True}, "off": {}}
    assert read(ROTATION, "gone", {}) is None
    assert read(ROTATION, "on", {}) == {"rotationEnabled": True}
    rules = {"automaticallyAfterDays": 30}
    state = {"secretId": "off", "rotationRules": rules, "rotationEnabled": True}
    inputs, urn = {"secretId": "off", "rotationRules": rules}, URN.replace("aws:x/y:Y", ROTATION)
    request = provider_pb2.ReadRequest(id="off", urn=urn, properties=to_struct(state), inputs=to_struct(inputs))
    found = AwsServicer().Read(request, Mock())
    assert from_struct(found.properties) == {"secretId": "off", "rotationEnabled": False}
    change = provider_pb2.DiffRequest(urn=urn, olds=found.properties, old_inputs=found.inputs, news=to_struct(inputs))
    assert list(AwsServicer().Diff(change, Mock()).diffs) == ["rotationRules"]


def test_a_rotation_cannot_be_cancelled_after_its_secret(recorder: Recorder) -> None:
    with pytest.raises(LaptopError, match="can't find the secret gone"):
        delete(ROTATION, "gone", {})


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"secretString": "s"}, {"SecretString": "s"}),
        ({"secretStringWo": "s", "secretStringWoVersion": 1}, {"SecretString": "s"}),
        ({"secretBinary": base64.b64encode(b"\x00\xff").decode()}, {"SecretBinary": b"\x00\xff"}),
    ],
)
def test_a_secrets_value_is_stored_whichever_argument_carries_it(
    recorder: Recorder, given: dict[str, Any], stored: dict[str, Any]
) -> None:
    _, outputs = apply(VERSION, {"secretId": "arn", **given})
    assert recorder.calls == [("put_secret_value", {"SecretId": "arn", **stored})]
    assert outputs["secretStringWo"] is None


def test_a_secret_version_without_a_value_is_refused_and_nothing_is_stored(recorder: Recorder) -> None:
    with pytest.raises(LaptopError, match="has no value"):
        apply(VERSION, {"secretId": "arn"})
    assert recorder.calls == []
