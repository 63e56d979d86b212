"""Which functions the laptop runs, and what an invocation passes on."""

import base64
import json
from typing import Any

import pytest

from lambda_rds_proxy.function.package import this_machine
from local.supervisor.errors import LaptopError
from tests.local.provider.conftest import Recorder, apply, delete

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
