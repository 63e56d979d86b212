"""What Secrets Manager is asked."""

import base64
from typing import Any

import pytest

from local.supervisor.errors import LaptopError
from tests.local.provider.conftest import Recorder, apply

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
