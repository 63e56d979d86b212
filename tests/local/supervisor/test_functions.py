"""Execution environments under AWS's own runtime client, through boto3 and the laptop's Lambda endpoint."""

import base64
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from local.supervisor.client import SupervisorClient
from local.tools.function_log import read_log
from ops.function_logs import Event
from tests.local.supervisor.conftest import INSTANCE, checkout, invoke, until
from tests.processes import is_running

pytestmark = pytest.mark.servers
Deploy = Callable[..., str]
Aws = Callable[[str], Any]

COUNTER = """
import os, time
count = 0
def handler(event, context):
    global count
    count += 1
    time.sleep((event or {}).get("sleep", 0))
    return {"count": count, "pid": os.getpid(), "left": context.get_remaining_time_in_millis()}
"""

# An invocation that says when it has begun, and ends when it is told to.
HELD = """
import os, pathlib, time
def handler(event, context):
    for file in filter(None, [event and event.get("begun")]):
        pathlib.Path(file).touch()
    while event and event.get("until") and not pathlib.Path(event["until"]).exists():
        time.sleep(0.02)
    return {"pid": os.getpid()}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with checkout(tmp_path_factory.mktemp("functions")) as folder:
        yield folder


def state(pid: int) -> str:
    return psutil.Process(pid).status()


def test_an_environment_is_reused_while_it_is_warm_and_frozen_in_between(deploy: Deploy, aws: Aws) -> None:
    name, client = deploy(COUNTER), aws("lambda")
    first, _ = invoke(client, name)
    until(lambda: state(first["pid"]) == psutil.STATUS_STOPPED)
    second, _ = invoke(client, name)
    assert (second["pid"], second["count"]) == (first["pid"], 2)


def test_one_environment_does_one_invocation_at_a_time_and_more_are_started_on_demand(
    deploy: Deploy, aws: Aws, tmp_path: Path
) -> None:
    name, client = deploy(HELD, timeout=60), aws("lambda")
    begun = [tmp_path / f"begun-{number}" for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        over = str(tmp_path / "over")
        answers = [pool.submit(invoke, client, name, {"begun": str(file), "until": over}) for file in begun]
        until(lambda: all(file.exists() for file in begun))
        Path(over).touch()
        assert len({answer.result()[0]["pid"] for answer in answers}) == 3


def test_beyond_the_reserved_concurrency_invocations_are_throttled_as_lambda_does(
    deploy: Deploy, aws: Aws, tmp_path: Path
) -> None:
    name, client = deploy(HELD, reservedConcurrentExecutions=1, timeout=60), aws("lambda")
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(invoke, client, name, {"begun": str(tmp_path / "begun"), "until": str(tmp_path / "over")})
        until((tmp_path / "begun").exists)
        with pytest.raises(client.exceptions.TooManyRequestsException):
            invoke(client, name)
        (tmp_path / "over").touch()
        assert busy.result()[1] is None


def test_a_function_that_takes_too_long_is_ended_with_lambdas_own_answer(deploy: Deploy, aws: Aws) -> None:
    name, client = deploy(COUNTER, timeout=1), aws("lambda")
    warm, _ = invoke(client, name)
    answer, error = invoke(client, name, {"sleep": 30})
    assert error == "Unhandled"
    assert answer["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in answer["errorMessage"]
    assert not is_running(warm["pid"])
    assert invoke(client, name)[0]["count"] == 1


def test_the_function_knows_how_much_time_is_left(deploy: Deploy, aws: Aws) -> None:
    answer, _ = invoke(aws("lambda"), deploy(COUNTER, timeout=5))
    assert 0 < answer["left"] <= 5000


def test_an_exception_of_the_handler_is_answered_as_lambda_answers_it(deploy: Deploy, aws: Aws) -> None:
    name = deploy("def handler(event, context):\n    raise LookupError('nothing there')\n")
    answer, error = invoke(aws("lambda"), name)
    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("LookupError", "nothing there")


@pytest.mark.parametrize(
    ("source", "kind"),
    [("import nothing_of_this_name\n", "Runtime.ImportModuleError"), ("import os; os._exit(3)\n", "Runtime.ExitError")],
)
def test_a_module_that_cannot_be_loaded_is_an_init_error(deploy: Deploy, aws: Aws, source: str, kind: str) -> None:
    answer = aws("lambda").invoke(FunctionName=deploy(source), LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == kind
    # As Lambda tells it: one invocation, which failed once.
    log = base64.b64decode(answer["LogResult"]).decode()
    assert re.search(rf"INIT_REPORT .*Phase: invoke\tStatus: error\tError Type: {kind}\nSTART .*", log)
    assert re.search(rf"\nREPORT RequestId: .*\tStatus: error\tError Type: {kind}\n$", log)
    counted = read_log(Event(text=line) for line in log.split("\n"))
    assert (counted.invocations, counted.errors) == (1, 1)


def test_the_environment_sees_the_package_the_runtime_and_nothing_of_this_projects(deploy: Deploy, aws: Aws) -> None:
    source = """
import importlib.util, os, sys
def handler(event, context):
    names = ("boto3", "awslambdaric", "pulumi", "psycopg", "pytest", "local")
    return {"found": [name for name in names if importlib.util.find_spec(name)], "env": dict(os.environ)}
"""
    answer, _ = invoke(aws("lambda"), deploy(source, environment={"STAGE": "x"}))
    assert answer["found"] == ["boto3", "awslambdaric"]
    assert answer["env"]["STAGE"] == "x"
    assert answer["env"]["AWS_LAMBDA_FUNCTION_NAME"] == "tried"
    assert answer["env"]["DB_SSL_ROOT_CERT"].endswith("ca.pem")
    assert not [name for name in answer["env"] if name.startswith("PULUMI")]


def test_nothing_compiled_is_kept_beside_the_code_as_in_lambdas_read_only_folder(deploy: Deploy, aws: Aws) -> None:
    name = deploy("import os\ndef handler(event, context):\n    return os.listdir(os.environ['LAMBDA_TASK_ROOT'])\n")
    assert invoke(aws("lambda"), name) == (["app.py"], None)


def test_all_that_a_function_prints_stands_in_its_log_between_lambdas_own_lines(deploy: Deploy, aws: Aws) -> None:
    source = """
import sys
def handler(event, context):
    for number in range(30):
        print("line", number)
    sys.stdout.write("without an end")
    return 1
"""
    name, client = deploy(source), aws("lambda")
    for cold in (True, False, False, False, False):
        answer = client.invoke(FunctionName=name, LogType="Tail")
        lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
        assert lines[0].startswith("START RequestId: ")
        assert lines[1:-2] == [f"line {number}" for number in range(30)] + ["without an end"]
        assert lines[-2].startswith("END RequestId: ")
        expected = (
            r"REPORT RequestId: \S+\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory "
        )
        expected += r"Used: \d+ MB" + (r"\tInit Duration: [\d.]+ ms" if cold else "")
        assert re.fullmatch(expected, lines[-1])


def test_only_the_last_4_kilobytes_of_a_log_come_back(deploy: Deploy, aws: Aws) -> None:
    name = deploy("def handler(event, context):\n    print('x' * 100_000)\n    return 1\n")
    log = base64.b64decode(aws("lambda").invoke(FunctionName=name, LogType="Tail")["LogResult"])
    assert len(log) == 4096
    assert b"REPORT RequestId" in log


def test_a_timeout_stands_in_the_log_as_lambda_writes_it(deploy: Deploy, aws: Aws) -> None:
    source = "import time\ndef handler(event, context):\n    print('before')\n    time.sleep(30)\n"
    log = aws("lambda").invoke(FunctionName=deploy(source, timeout=1), LogType="Tail")["LogResult"]
    text = base64.b64decode(log).decode()
    assert re.search(r"before\n\S+Z \S+ Task timed out after 1\.00 seconds\n\nEND RequestId.*\nREPORT RequestId", text)


def test_new_code_is_used_by_the_next_invocation(deploy: Deploy, aws: Aws) -> None:
    client = aws("lambda")
    assert invoke(client, deploy("def handler(event, context):\n    return 'old'\n"))[0] == "old"
    assert invoke(client, deploy("def handler(event, context):\n    return 'new'\n"))[0] == "new"


def test_an_event_invocation_is_accepted_at_once_and_a_dry_run_runs_nothing(deploy: Deploy, aws: Aws) -> None:
    name, client = deploy(COUNTER), aws("lambda")
    assert client.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    assert client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
    until(lambda: invoke(client, name)[0].get("count", 0) > 1)


LONG = """
import os
def handler(event, context):
    return "x" * (event["bytes"] - 2) if "bytes" in event else {"pid": os.getpid(), "event": len(event.get("text", ""))}
"""


def test_an_answer_that_is_larger_than_lambdas_is_an_error_and_the_next_one_has_another_environment(
    deploy: Deploy, aws: Aws
) -> None:
    name, client = deploy(LONG), aws("lambda")
    first = invoke(client, name, {})[0]["pid"]
    largest = client.invoke(FunctionName=name, Payload=json.dumps({"bytes": 6_291_556}))
    assert "FunctionError" not in largest
    assert len(largest["Payload"].read()) == 6_291_556
    refused = client.invoke(FunctionName=name, Payload=json.dumps({"bytes": 6_291_557}), LogType="Tail")
    assert (refused["StatusCode"], refused["FunctionError"]) == (200, "Unhandled")
    assert json.loads(refused["Payload"].read()) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }
    log = base64.b64decode(refused["LogResult"]).decode()
    assert "LAMBDA_RUNTIME Failed to post handler success response. Http response code: 413." in log
    assert invoke(client, name, {})[0]["pid"] != first


def test_an_event_that_is_larger_than_lambdas_is_refused_and_runs_nothing(deploy: Deploy, aws: Aws) -> None:
    name, client = deploy(LONG), aws("lambda")

    def event(size: int) -> bytes:
        return json.dumps({"text": "x" * (size - len(json.dumps({"text": ""})))}).encode()

    assert invoke(client, name, json.loads(event(6_291_455)))[0]["event"] > 6_291_000
    for kind, size, words in (
        ("RequestResponse", 6_291_456, "Request must be smaller than 6291456 bytes for the InvokeFunction operation"),
        (
            "Event",
            1_048_577,
            r"1048577 byte payload is too large for the Event invocation type \(limit 1048576 bytes\)",
        ),
    ):
        with pytest.raises(ClientError, match=f"RequestEntityTooLargeException.*{words}") as raised:
            client.invoke(FunctionName=name, Payload=event(size), InvocationType=kind)
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert client.invoke(FunctionName=name, Payload=event(1_048_576), InvocationType="Event")["StatusCode"] == 202


def test_a_throttled_event_is_kept_and_tried_again(deploy: Deploy, aws: Aws, tmp_path: Path) -> None:
    name, client = deploy(HELD, reservedConcurrentExecutions=1, timeout=60), aws("lambda")
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(invoke, client, name, {"begun": str(tmp_path / "begun"), "until": str(tmp_path / "over")})
        until((tmp_path / "begun").exists)
        event = json.dumps({"begun": str(tmp_path / "event")}).encode()
        client.invoke(FunctionName=name, InvocationType="Event", Payload=event)
        assert not (tmp_path / "event").exists()
        (tmp_path / "over").touch()
        busy.result()
    until((tmp_path / "event").exists)


def test_a_function_that_dies_between_invocations_is_replaced(deploy: Deploy, aws: Aws) -> None:
    name, client = deploy(COUNTER), aws("lambda")
    first, _ = invoke(client, name)
    os.kill(first["pid"], signal.SIGKILL)
    until(lambda: not is_running(first["pid"]))
    second, error = invoke(client, name)
    assert (second["count"], error) == (1, None)


def test_a_second_put_of_the_same_function_keeps_its_warm_environments(deploy: Deploy, aws: Aws) -> None:
    client = aws("lambda")
    first, _ = invoke(client, deploy(COUNTER))
    second, _ = invoke(client, deploy(COUNTER))
    assert (second["pid"], second["count"]) == (first["pid"], 2)


def test_functions_answer_while_a_database_is_being_made(
    deploy: Deploy, aws: Aws, supervisor: SupervisorClient
) -> None:
    name, client = deploy(COUNTER), aws("lambda")
    invoke(client, name)
    answered_meanwhile = 0
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(supervisor.put, "instance", "orders", INSTANCE)
        while not making.done():
            invoke(client, name)
            answered_meanwhile += not making.done()
        making.result()
    supervisor.delete("instance", "orders")
    assert answered_meanwhile > 2


def test_an_unknown_function_is_not_found(aws: Aws) -> None:
    client = aws("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody")


def test_a_deleted_function_leaves_no_process(deploy: Deploy, aws: Aws, supervisor: SupervisorClient) -> None:
    answer, _ = invoke(aws("lambda"), deploy(COUNTER))
    assert is_running(answer["pid"])
    supervisor.delete("function", "tried")
    assert not is_running(answer["pid"])
