"""What the rotation function refuses, and what a second run of a step does; its steps run on real servers elsewhere."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.rotation_function import lambda_function
from local.rotation_function.lambda_function import RotationError, lambda_handler

TOKEN = "0" * 32
LOGIN = {"engine": "postgres", "host": "orders.example", "username": "app", "password": "hidden-word"}


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {"ACCESS_KEY_ID": "fake", "SECRET_ACCESS_KEY": "fake", "DEFAULT_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("secretsmanager")


def event(arn: str, step: str = "createSecret", token: str = TOKEN) -> dict[str, str]:
    return {"Step": step, "SecretId": arn, "ClientRequestToken": token}


def stored(manager: Any, value: object = LOGIN, pending: object = None) -> str:
    """A secret with a value, and perhaps one that is to follow: its ARN."""
    arn = str(manager.create_secret(Name="app", SecretString=json.dumps(value))["ARN"])
    if pending is not None:
        manager.put_secret_value(
            SecretId=arn, ClientRequestToken=TOKEN, SecretString=json.dumps(pending), VersionStages=["AWSPENDING"]
        )
    return arn


def test_a_pending_password_that_is_there_is_kept(manager: Any) -> None:
    arn = stored(manager, pending={**LOGIN, "password": "of an earlier attempt"})
    lambda_handler(event(arn), None)
    value = manager.get_secret_value(SecretId=arn, VersionStage="AWSPENDING")["SecretString"]
    assert json.loads(value)["password"] == "of an earlier attempt"


def test_a_new_password_has_none_of_the_excluded_characters_and_all_else_stays(
    manager: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCLUDE_CHARACTERS", ":/@\"'\\")
    arn = stored(manager)
    lambda_function.create_secret(manager, arn, TOKEN)
    found = json.loads(manager.get_secret_value(SecretId=arn, VersionStage="AWSPENDING")["SecretString"])
    assert {**found, "password": ""} == {**LOGIN, "password": ""}
    assert len(found["password"]) == 32 and found["password"] != LOGIN["password"]
    assert not set(found["password"]) & set(":/@\"'\\")


def test_a_version_that_is_current_already_needs_no_step(manager: Any) -> None:
    arn = stored(manager)
    (version,) = manager.describe_secret(SecretId=arn)["VersionIdsToStages"]
    lambda_handler(event(arn, "setSecret", version), None)


@pytest.mark.parametrize(
    ("pending", "step", "words"),
    [
        (None, "createSecret", "is not AWSPENDING"),
        (LOGIN, "dropSecret", 'step "dropSecret" is unknown'),
        ({"username": "app", "password": "hidden-word"}, "setSecret", "lacks engine, host"),
        ({**LOGIN, "engine": "mysql"}, "setSecret", 'has engine "mysql"'),
        ("plain", "setSecret", "is not a JSON object"),
    ],
)
def test_what_cannot_be_rotated_is_told_without_a_password(
    manager: Any, pending: object, step: str, words: str
) -> None:
    arn = stored(manager, pending=pending)
    with pytest.raises(RotationError, match=words) as raised:
        lambda_handler(event(arn, step), None)
    assert "hidden-word" not in str(raised.value)


@pytest.mark.parametrize("changed", [{"host": "other.example"}, {"username": "admin"}])
def test_nothing_but_the_password_may_differ(
    manager: Any, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    monkeypatch.setattr(lambda_function, "_login", lambda _: None)
    arn = stored(manager, pending={**LOGIN, **changed})
    with pytest.raises(RotationError, match="changes nothing but the password"):
        lambda_handler(event(arn, "setSecret"), None)
