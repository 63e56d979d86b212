"""CloudWatch Logs on the laptop, through boto3: what a function wrote, and what AWS would refuse."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.supervisor.client import SupervisorClient
from local.supervisor.log_events import LogEvents, append, index, stream_name
from tests.local.supervisor.conftest import checkout, client_of, invoke
from toolchain.checkout import laptop_state

SOURCE = """
import os
def handler(event, context):
    print(os.environ["AWS_LAMBDA_LOG_STREAM_NAME"])
    for each in event or ():
        print(each)
    if event is None:
        raise ValueError("of the function")
    return context.aws_request_id
"""
GROUP = "/aws/lambda/tried"

servers = pytest.mark.servers


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    import zipfile

    with checkout(tmp_path_factory.mktemp("logs")) as folder:
        with zipfile.ZipFile(folder / "app.zip", "w") as archive:
            archive.writestr("app.py", SOURCE)
        supervisor = SupervisorClient.ensure(folder)
        for name in ("tried", "idle", "paged"):
            spec = {"code": str(folder / "app.zip"), "handler": "app.handler", "timeout": 5, "memorySize": 128}
            supervisor.put("function", name, spec)
        invoke(client_of(folder, "lambda"), "paged", [f"line {number}" for number in range(25)])
        yield folder


@pytest.fixture
def logs(root: Path) -> Any:
    return client_of(root, "logs")


def refusal(call: Callable[..., Any], **asked: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**asked)
    said = caught.value.response["Error"]
    return said["Code"], said["Message"]


def paged(call: Callable[..., Any], **asked: Any) -> list[dict[str, Any]]:
    """All events, page by page."""
    found, answer = [], call(**asked)
    while True:
        found += answer["events"]
        if "nextToken" not in answer:
            return found
        answer = call(**asked, nextToken=answer["nextToken"])


@servers
def test_what_a_function_writes_is_found_with_its_time_and_its_stream(root: Path, logs: Any) -> None:
    began = int(time.time() * 1000)
    request, _ = invoke(client_of(root, "lambda"), "tried", ["a word"])
    events = logs.filter_log_events(logGroupName=GROUP, startTime=began)["events"]
    messages = [each["message"] for each in events]
    assert messages[0] == f"START RequestId: {request} Version: $LATEST\n"
    assert messages[2:4] == ["a word\n", f"END RequestId: {request}\n"] and messages[4].startswith("REPORT ")
    assert {each["logStreamName"] for each in events} == {messages[1].strip()}
    assert all(began <= each["timestamp"] <= time.time() * 1000 for each in events)
    assert len({each["eventId"] for each in events}) == len(events)


@servers
def test_an_errors_lines_are_lines_of_one_event(root: Path, logs: Any) -> None:
    began = int(time.time() * 1000)
    invoke(client_of(root, "lambda"), "tried", None)
    (event,) = logs.filter_log_events(logGroupName=GROUP, startTime=began, filterPattern='"[ERROR]"')["events"]
    assert event["message"].startswith("[ERROR] ValueError: of the function\nTraceback (most recent call last):\n")


@servers
@pytest.mark.parametrize("head", [True, False])
def test_pages_give_every_event_once_from_either_end(logs: Any, head: bool) -> None:
    asked = {"logGroupName": "/aws/lambda/paged", "filterPattern": "line", "startFromHead": head}
    found = [each["message"].strip() for each in paged(logs.filter_log_events, **asked, limit=4)]
    expected = [f"line {number}" for number in range(25)]
    assert found == (expected if head else expected[::-1])


@servers
def test_a_stream_is_read_forwards_and_backwards_and_ends_with_the_same_token(logs: Any) -> None:
    group = {"logGroupName": "/aws/lambda/paged"}
    (stream,) = logs.describe_log_streams(**group)["logStreams"]
    asked = {**group, "logStreamName": stream["logStreamName"], "limit": 10}
    last = logs.get_log_events(**asked)
    assert last["events"][-1]["message"].startswith("REPORT")
    before = logs.get_log_events(**asked, nextToken=last["nextBackwardToken"])
    assert before["events"][-1]["timestamp"] <= last["events"][0]["timestamp"]
    assert [
        each["message"] for each in logs.get_log_events(**asked, nextToken=before["nextForwardToken"])["events"]
    ] == [each["message"] for each in last["events"]]
    for way in ("nextForwardToken", "nextBackwardToken"):
        answer, told = logs.get_log_events(**asked), None
        while told != answer[way]:
            told = answer[way]
            answer = logs.get_log_events(**asked, nextToken=told)
        assert answer["events"] == []


@servers
def test_groups_are_those_of_functions_and_one_that_wrote_nothing_is_empty(root: Path, logs: Any) -> None:
    groups = [each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]]
    assert groups == ["/aws/lambda/idle", "/aws/lambda/paged", "/aws/lambda/tried"]
    assert [each["logGroupName"] for each in logs.describe_log_groups(logGroupNamePattern="PAG")["logGroups"]] == [
        "/aws/lambda/paged"
    ]
    assert logs.filter_log_events(logGroupName="/aws/lambda/idle")["events"] == []
    arn = next(each for each in logs.describe_log_groups()["logGroups"] if "paged" in each["arn"])["logGroupArn"]
    assert logs.filter_log_events(logGroupIdentifier=arn)["events"]


@servers
@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({"logGroupName": "/aws/lambda/gone"}, "ResourceNotFoundException", "log group does not exist"),
        ({"logGroupName": "/aws/rds/proxy/tried"}, "ResourceNotFoundException", "log group does not exist"),
        ({}, "InvalidParameterException", "Exactly one of"),
        ({"logGroupName": GROUP, "logGroupIdentifier": GROUP}, "InvalidParameterException", "Exactly one of"),
        ({"logGroupName": GROUP, "limit": 10_001}, "InvalidParameterException", "less than or equal to 10000"),
        ({"logGroupName": "/aws/lambda/a b"}, "InvalidParameterException", "regular expression pattern"),
        ({"logGroupName": "x" * 513}, "InvalidParameterException", "length less than or equal to 512"),
        ({"logGroupName": GROUP, "nextToken": "nonsense"}, "InvalidParameterException", "nextToken is invalid"),
        ({"logGroupName": GROUP, "logStreamNames": ["a"], "logStreamNamePrefix": "a"}, "InvalidParameterException", ""),
        ({"logGroupName": GROUP, "filterPattern": "{ $.level = 1 }"}, "InvalidParameterException", "patterns of terms"),
        ({"logGroupName": GROUP, "startFromHead": False, "startTime": 0}, "InvalidParameterException", "2024"),
    ],
)  # fmt: skip
def test_what_aws_refuses_is_refused(logs: Any, asked: dict[str, Any], code: str, words: str) -> None:
    found, message = refusal(logs.filter_log_events, **asked)
    assert found == code and words in message


@servers
def test_streams_are_ordered_by_name_or_time_and_nothing_else(logs: Any) -> None:
    told = refusal(logs.describe_log_streams, logGroupName=GROUP, orderBy="LastEventTime", logStreamNamePrefix="2")
    assert told[0] == "InvalidParameterException"
    assert "enum value set" in refusal(logs.describe_log_streams, logGroupName=GROUP, orderBy="Size")[1]
    assert refusal(logs.get_log_events, logGroupName=GROUP, logStreamName="none")[0] == "ResourceNotFoundException"
    assert "of CloudWatch Logs the laptop answers" in refusal(logs.create_log_group, logGroupName="a")[1]


@servers
@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [('"line 7"', [7]), ("line 7", [7, 17]), ("?7 ?8 line", [7, 8, 17, 18]), ("line -1 -2", [0, *range(3, 10)])],
)
def test_terms_of_a_pattern_are_all_any_and_none(logs: Any, pattern: str, numbers: list[int]) -> None:
    found = logs.filter_log_events(logGroupName="/aws/lambda/paged", filterPattern=pattern)["events"]
    own = [each["message"].strip() for each in found if each["message"].startswith("line")]
    assert own == [f"line {number}" for number in numbers]


@servers
def test_who_signed_is_told_as_sts_tells_it(root: Path) -> None:
    caller = client_of(root, "sts").get_caller_identity()
    assert (caller["Account"], caller["Arn"]) == ("000000000000", "arn:aws:iam::000000000000:user/laptop")


@servers
def test_the_events_are_nobody_elses_to_read(root: Path) -> None:
    file = index(laptop_state(root) / "functions" / "paged" / "function.log")
    assert file.stat().st_mode & 0o077 == 0


def test_a_record_that_a_full_disk_cut_costs_no_other(tmp_path: Path) -> None:
    log, stream = tmp_path / "function.log", stream_name("20261231", "ab" * 16)
    append(log, stream, b"one\ntwo\n")
    with index(log).open("ab") as file:
        file.write(b"half of a record")
    append(log, stream, b"\nthree\n")
    events = LogEvents(log)
    assert [each.message for each in events.read(range(len(events)))] == ["one\n", "two\n", "three\n"]
    assert events.stream(2) == "2026/12/31/[$LATEST]" + "ab" * 16
