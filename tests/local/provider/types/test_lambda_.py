"""Which functions the laptop runs, and what an invocation passes on."""

import base64
import json
from typing import Any
from unittest.mock import Mock

import pytest
from pulumi.runtime.proto import provider_pb2

from lambda_rds_proxy.function.package import this_machine
from local.provider.properties import from_struct, to_struct
from local.provider.servicer import AwsServicer
from local.supervisor.errors import LaptopError
from tests.local.provider.conftest import URN, Laptop, Recorder, apply, delete

FUNCTION = "aws:lambda/function:Function"
INVOCATION = "aws:lambda/invocation:Invocation"
ARCHIVE = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7"}


class Payload:
    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> bytes:
        return self._text.encode()


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
    recorder: Recorder, inputs: dict[str, Any], words: str
) -> None:
    with pytest.raises(LaptopError, match=words):
        apply(FUNCTION, inputs)
    assert recorder.calls == []


def test_an_invocation_passes_its_input_and_its_result_on(recorder: Recorder) -> None:
    recorder.answer = {"Payload": Payload('{"ok":true}')}
    inputs = {"functionName": "f", "input": '{"a":1}', "lifecycleScope": "CREATE_ONLY"}
    _, outputs = apply(INVOCATION, inputs)
    delete(INVOCATION, "1", inputs)
    assert recorder.calls == [("invoke", {"a": 1})]
    assert outputs == {"result": '{"ok":true}'}


def test_an_invocation_is_of_a_version_and_known_by_function_version_and_what_was_sent(recorder: Recorder) -> None:
    recorder.answer = {"Payload": Payload("null")}
    identifier, _ = apply(INVOCATION, {"functionName": "f", "input": "{}", "qualifier": "7"})
    assert identifier == "f,7,99914b932bd37a50b983c5e7c90ae93b"  # md5 of {}
    assert apply(INVOCATION, {"functionName": "f", "input": "{}"})[0].startswith("f,$LATEST,")
    assert recorder.qualifiers == ["7", "$LATEST"]


def test_a_function_comes_back_with_what_lambda_fills_in_where_the_program_says_nothing(laptop: Laptop) -> None:
    laptop.facts["function", "f"] = {
        name: name for name in ("arn", "invokeArn", "version", "lastModified", "codeSha256", "codeSize")
    }
    inputs = {"name": "f", "runtime": this_machine().runtime, "code": {**ARCHIVE, "path": "f.zip"}}
    here = [this_machine().architecture]

    def made(**more: Any) -> dict[str, Any]:
        urn = URN.replace("aws:x/y:Y", FUNCTION)
        request = provider_pb2.CreateRequest(urn=urn, properties=to_struct({**inputs, "architectures": here, **more}))
        return from_struct(AwsServicer().Create(request, Mock()).properties)

    assert made()["tracingConfig"] == {"mode": "PassThrough"} and made()["ephemeralStorage"] == {"size": 512}
    assert made()["architectures"] == here
    assert made(tracingConfig={"mode": "Active"})["tracingConfig"] == {"mode": "Active"}


def test_an_invocation_that_follows_changes_tells_the_function_which(recorder: Recorder) -> None:
    recorder.answer = {"Payload": Payload("null")}
    first = {"functionName": "f", "input": '{"a":1}', "lifecycleScope": "CRUD", "terraformKey": "tf"}
    apply(INVOCATION, first)
    second = {**first, "input": '{"a":2}'}
    apply(INVOCATION, second, first)
    delete(INVOCATION, "1", second)
    assert [call[1] for call in recorder.calls] == [
        {"a": 1, "tf": {"action": "create", "prev_input": None}},
        {"a": 2, "tf": {"action": "update", "prev_input": {"a": 1}}},
        {"a": 2, "tf": {"action": "delete", "prev_input": {"a": 2}}},
    ]


def test_a_function_that_fails_fails_the_invocation_with_its_error_and_the_end_of_its_log(recorder: Recorder) -> None:
    log = base64.b64encode("\n".join(f"line {number}" for number in range(9)).encode()).decode()
    error = json.dumps({"errorType": "OperationalError", "errorMessage": "no such host"})
    recorder.answer = {"Payload": Payload(error), "FunctionError": "Unhandled", "LogResult": log}
    with pytest.raises(LaptopError) as failed:
        apply(INVOCATION, {"functionName": "f", "input": "{}"})
    assert str(failed.value).startswith("function f failed: OperationalError: no such host")
    assert str(failed.value).endswith("line 4\nline 5\nline 6\nline 7\nline 8")
