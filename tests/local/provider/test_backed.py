"""What the provider asks of the supervisor and of Secrets Manager, with both of them recorded."""

import base64
import json
from typing import Any

import pytest

from lambda_rds_proxy.function.package import this_machine
from local.provider import gateway
from local.provider.backed import Function, Instance, Proxy
from local.provider.gateway import Invocation, SecretRotation, SecretVersion
from local.provider.laptop import BackedError
from local.provider.rotation_application import RotationApplication
from local.supervisor.client import SupervisorClient
from local.supervisor.errors import LaptopError

ARCHIVE = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7"}
URN = "urn:pulumi:local::shop::aws:x/y:Y::thing"


class Recorder:
    """A supervisor, Secrets Manager and Lambda that remember what they were asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answer: dict[str, Any] = {}

    def put(self, kind: str, identifier: str, spec: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(("put", kind, identifier, spec))
        return {"arn": "arn", "endpoint": f"{identifier}.proxy-x.eu-west-1.rds.amazonaws.com"}

    def get(self, kind: str, identifier: str) -> None:
        raise LaptopError(f"no {kind} {identifier}")

    def delete(self, kind: str, identifier: str) -> None:
        self.calls.append(("delete", kind, identifier))

    def put_secret_value(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(("put_secret_value", arguments))
        return {"ARN": "arn", "VersionId": "1", "VersionStages": ["AWSCURRENT"]}

    def rotate_secret(self, **arguments: Any) -> None:
        self.calls.append(("rotate_secret", arguments))

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(("invoke", json.loads(arguments["Payload"])))
        return self.answer


class Payload:
    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> bytes:
        return self._text.encode()


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(SupervisorClient, "ensure", lambda: recorder)
    monkeypatch.setattr(gateway, "_client", lambda _: recorder)
    return recorder


def test_a_renamed_proxy_leaves_no_proxy_of_the_old_name(laptop: Recorder) -> None:
    Proxy().apply(URN, {"name": "new", "engineFamily": "POSTGRESQL"}, {"name": "old"}, "eu-west-1")
    assert [call[:3] for call in laptop.calls] == [("put", "proxy", "new"), ("delete", "proxy", "old")]


def test_a_proxy_that_keeps_its_name_is_not_deleted(laptop: Recorder) -> None:
    Proxy().apply(URN, {"name": "same", "engineFamily": "POSTGRESQL"}, {"name": "same"}, "eu-west-1")
    assert [call[0] for call in laptop.calls] == ["put"]


def test_a_proxy_is_told_everything_that_decides_who_may_log_in(laptop: Recorder) -> None:
    given = {"auths": [{"iamAuth": "REQUIRED"}], "defaultAuthScheme": "IAM_AUTH", "roleArn": "arn", "requireTls": True}
    Proxy().apply(URN, {"name": "orders", **given}, {}, "eu-west-1")
    ((_, _, _, spec),) = laptop.calls
    assert {key: spec[key] for key in given} == given


APPLICATION = "arn:aws:serverlessrepo:us-east-1:297356227824:applications/SecretsManagerRDSPostgreSQLRotationSingleUser"


def test_awss_rotation_application_becomes_the_laptops_function_under_its_name(
    laptop: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.provider.rotation_application.build_package", lambda source, **_: source / "package.zip")
    inputs = {
        "name": "shop-rotation",
        "applicationId": APPLICATION,
        "parameters": {"functionName": "shop-rotation", "excludeCharacters": "/@"},
    }
    _, outputs = RotationApplication().apply(URN, inputs, {}, "eu-west-1")
    RotationApplication().delete("id", inputs)
    (_, kind, name, spec), deleted = laptop.calls
    assert (kind, name, spec["environment"]) == ("function", "shop-rotation", {"EXCLUDE_CHARACTERS": "/@"})
    assert deleted == ("delete", "function", "shop-rotation")
    assert outputs == {"outputs": {"RotationLambdaARN": "arn"}}


def test_any_other_application_is_refused_with_the_way_out(laptop: Recorder) -> None:
    other = {"name": "x", "applicationId": APPLICATION.replace("PostgreSQL", "MySQL"), "parameters": {}}
    with pytest.raises(BackedError, match="this is SecretsManagerRDSMySQLRotationSingleUser; leave it"):
        RotationApplication().apply(URN, other, {}, "eu-west-1")
    assert laptop.calls == []


def test_a_rotation_is_switched_on_by_rotate_secret_with_the_days_and_the_function(laptop: Recorder) -> None:
    inputs = {
        "secretId": "secret",
        "rotationLambdaArn": "function",
        "rotationRules": {"automaticallyAfterDays": 30},
        "rotateImmediately": False,
    }
    identifier, outputs = SecretRotation().apply(URN, inputs, {}, "eu-west-1")
    assert (identifier, outputs) == ("secret", {"rotationEnabled": True})
    asked = {"SecretId": "secret", "RotationLambdaARN": "function", "RotateImmediately": False}
    assert laptop.calls == [("rotate_secret", {**asked, "RotationRules": {"AutomaticallyAfterDays": 30}})]


def test_an_instance_is_not_renamed_into_an_empty_one(laptop: Recorder) -> None:
    with pytest.raises(BackedError, match="cannot rename instance old to new"):
        Instance().apply(URN, {"identifier": "new", "engine": "postgres"}, {"identifier": "old"}, "eu-west-1")
    assert laptop.calls == []


def test_what_the_supervisor_refuses_is_told_in_its_own_words(laptop: Recorder) -> None:
    with pytest.raises(BackedError, match=r"^no proxy orders$"):
        Proxy().read("orders", {})


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"secretString": "s"}, {"SecretString": "s"}),
        ({"secretStringWo": "s", "secretStringWoVersion": 1}, {"SecretString": "s"}),
        ({"secretBinary": base64.b64encode(b"\x00\xff").decode()}, {"SecretBinary": b"\x00\xff"}),
    ],
)
def test_a_secrets_value_is_stored_whichever_argument_carries_it(
    laptop: Recorder, given: dict[str, Any], stored: dict[str, Any]
) -> None:
    _, outputs = SecretVersion().apply(URN, {"secretId": "arn", **given}, {}, "eu-west-1")
    assert laptop.calls == [("put_secret_value", {"SecretId": "arn", **stored})]
    assert outputs["secretStringWo"] is None


def test_a_secret_version_without_a_value_is_refused_and_nothing_is_stored(laptop: Recorder) -> None:
    with pytest.raises(BackedError, match="has no value"):
        SecretVersion().apply(URN, {"secretId": "arn"}, {}, "eu-west-1")
    assert laptop.calls == []


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"name": "f", "imageUri": "x", "packageType": "Image"}, "comes from an image or from S3"),
        ({"name": "f", "s3Bucket": "b", "s3Key": "k"}, "comes from an image or from S3"),
        ({"name": "f", "code": {**ARCHIVE, "path": "f.zip"}, "runtime": "nodejs22.x"}, "is for nodejs22.x on x86_64"),
        ({"name": "f", "code": {**ARCHIVE, "assets": {}}, "runtime": this_machine().runtime}, "is not a FileArchive"),
    ],
)
def test_a_function_that_the_laptop_cannot_run_is_refused_with_the_reason(
    laptop: Recorder, inputs: dict[str, Any], words: str
) -> None:
    with pytest.raises(BackedError, match=words):
        Function().apply(URN, inputs, {}, "eu-west-1")
    assert laptop.calls == []


def test_an_invocation_passes_its_input_and_its_result_on(laptop: Recorder) -> None:
    laptop.answer = {"Payload": Payload('{"ok":true}')}
    inputs = {"functionName": "f", "input": '{"a":1}', "lifecycleScope": "CREATE_ONLY"}
    _, outputs = Invocation().apply(URN, inputs, {}, "eu-west-1")
    Invocation().delete("1", inputs)
    assert laptop.calls == [("invoke", {"a": 1})]
    assert outputs == {"result": '{"ok":true}'}


def test_an_invocation_that_follows_changes_tells_the_function_which(laptop: Recorder) -> None:
    laptop.answer = {"Payload": Payload("null")}
    first = {"functionName": "f", "input": '{"a":1}', "lifecycleScope": "CRUD", "terraformKey": "tf"}
    Invocation().apply(URN, first, {}, "eu-west-1")
    second = {**first, "input": '{"a":2}'}
    Invocation().apply(URN, second, first, "eu-west-1")
    Invocation().delete("1", second)
    assert [call[1] for call in laptop.calls] == [
        {"a": 1, "tf": {"action": "create", "prev_input": {}}},
        {"a": 2, "tf": {"action": "update", "prev_input": {"a": 1}}},
        {"a": 2, "tf": {"action": "delete", "prev_input": {"a": 2}}},
    ]


def test_a_function_that_fails_fails_the_invocation_with_its_error_and_the_end_of_its_log(laptop: Recorder) -> None:
    log = base64.b64encode("\n".join(f"line {number}" for number in range(9)).encode()).decode()
    error = json.dumps({"errorType": "OperationalError", "errorMessage": "no such host"})
    laptop.answer = {"Payload": Payload(error), "FunctionError": "Unhandled", "LogResult": log}
    with pytest.raises(BackedError) as failed:
        Invocation().apply(URN, {"functionName": "f", "input": "{}"}, {}, "eu-west-1")
    assert str(failed.value).startswith("function f failed: OperationalError: no such host")
    assert str(failed.value).endswith("line 4\nline 5\nline 6\nline 7\nline 8")
