"""Logins for new connections: read when needed, read again after a refusal, never shown."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from rds_connection import NoConnectionError, Settings
from rds_connection.credentials import Credentials, Login

ENVIRONMENT = {
    "DB_HOST": "orders.proxy-c0ffee123456.eu-west-1.rds.amazonaws.com",
    "DB_NAME": "app_db",
    "DB_USER": "app",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "hidden-key",
}


def credentials(**changed: str) -> Credentials:
    environment = {**ENVIRONMENT, **changed}
    return Credentials(Settings.from_environment(environment), environment)


@pytest.fixture
def secrets_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in ENVIRONMENT.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="eu-west-1")


def test_a_password_is_taken_as_it_is() -> None:
    assert credentials(DB_AUTH="password", DB_PASSWORD="word").login(1) == Login("app", "word")


def test_each_connection_gets_a_token_of_its_own_for_its_host_and_user() -> None:
    found = credentials(DB_AUTH="iam").login(1)
    assert found.user == "app"
    assert found.password.startswith(f"{ENVIRONMENT['DB_HOST']}:5432/?Action=connect&DBUser=app&X-Amz-Algorithm=")
    assert "hidden-key" not in found.password


def test_a_secret_is_read_once_and_again_after_a_refusal(secrets_manager: Any) -> None:
    arn = secrets_manager.create_secret(Name="app", SecretString=json.dumps({"username": "app", "password": "first"}))[
        "ARN"
    ]
    logins = credentials(DB_AUTH="secret", DB_SECRET_ARN=arn)
    assert logins.login(3) == Login("app", "first")
    secrets_manager.put_secret_value(SecretId=arn, SecretString=json.dumps({"username": "app", "password": "second"}))
    assert logins.login(3) == Login("app", "first")
    assert logins.refused()
    assert logins.login(3) == Login("app", "second")


def test_a_rotation_that_alternates_users_is_followed(secrets_manager: Any) -> None:
    value = json.dumps({"username": "app_clone", "password": "word"})
    arn = secrets_manager.create_secret(Name="app", SecretString=value)["ARN"]
    assert credentials(DB_AUTH="secret", DB_SECRET_ARN=arn).login(3).user == "app_clone"


def test_a_refused_password_cannot_be_read_again() -> None:
    assert not credentials(DB_AUTH="password", DB_PASSWORD="word").refused()
    assert credentials(DB_AUTH="iam").refused()


@pytest.mark.parametrize("value", ["plain text", "{}", "[]", '"text"', "null", '{"username": "app"}'])
def test_a_secret_without_a_login_is_told_without_its_value(secrets_manager: Any, value: str) -> None:
    arn = secrets_manager.create_secret(Name="app", SecretString=value)["ARN"]
    with pytest.raises(NoConnectionError, match='is not JSON with "username" and "password"') as raised:
        credentials(DB_AUTH="secret", DB_SECRET_ARN=arn).login(3)
    assert value not in str(raised.value).replace(arn, "").replace('"username" and "password"', "")


def test_a_missing_secret_names_what_to_check(secrets_manager: Any) -> None:
    with pytest.raises(
        NoConnectionError, match=r"ResourceNotFoundException\); check DB_SECRET_ARN and the function's role"
    ):
        credentials(DB_AUTH="secret", DB_SECRET_ARN="arn:aws:secretsmanager:eu-west-1:000000000000:secret:gone").login(
            3
        )


def test_no_way_to_secrets_manager_is_told_in_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(NoConnectionError, match="an interface endpoint or NAT"):
        credentials(DB_AUTH="secret", DB_SECRET_ARN="app").login(1)


def test_no_repr_holds_a_password() -> None:
    assert "word" not in repr(Login("app", "word"))


def test_boto3_is_imported_only_when_a_secret_is_read() -> None:
    program = (
        "import sys, rds_connection.credentials as c, rds_connection as r\n"
        "e = {'DB_HOST': 'h', 'DB_NAME': 'n', 'DB_USER': 'u', 'AWS_REGION': 'eu-west-1',\n"
        "     'AWS_ACCESS_KEY_ID': 'k', 'AWS_SECRET_ACCESS_KEY': 's'}\n"
        "c.Credentials(r.Settings.from_environment(e), e).login(1)\n"
        "print(*(name for name in ('boto3', 'botocore', 'urllib.request') if name in sys.modules))\n"
    )
    path = ":".join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    assert done.stdout.strip() == ""
