"""Execution environments under AWS's own runtime client, through boto3 and the laptop's Lambda endpoint."""

import base64
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from local.supervisor.client import SupervisorClient
from tests.local.supervisor.conftest import invoke

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


def state(pid: int) -> str:
    return psutil.Process(pid).status()


def test_an_environment_is_reused_while_it_is_warm_and_frozen_in_between(deploy: Deploy, aws: Aws) -> None:
    name, client = deploy(COUNTER), aws("lambda")
    first, _ = invoke(client, name)
    assert state(first["pid"]) == psutil.STATUS_STOPPED
    second, _ = invoke(client, name)
    assert (second["pid"], second["count"]) == (first["pid"], 2)


def test_one_environment_does_one_invocation_at_a_time_and_more_are_started_on_demand(deploy: Deploy, aws: Aws) -> None:
    name, client = deploy(COUNTER), aws("lambda")
    with ThreadPoolExecutor(3) as pool:
        answers = [each[0] for each in pool.map(lambda _: invoke(client, name, {"sleep": 0.6}), range(3))]
    assert len({answer["pid"] for answer in answers}) == 3
    assert {answer["count"] for answer in answers} == {1}


def test_beyond_the_reserved_concurrency_invocations_are_throttled_as_lambda_does(deploy: Deploy, aws: Aws) -> None:
    name, client = deploy(COUNTER, reservedConcurrentExecutions=1), aws("lambda")
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(invoke, client, name, {"sleep": 1})
        time.sleep(0.5)
        with pytest.raises(client.exceptions.TooManyRequestsException):
            invoke(client, name)
        assert busy.result()[1] is None


def test_a_function_that_takes_too_long_is_ended_with_lambdas_own_answer(deploy: Deploy, aws: Aws) -> None:
    name, client = deploy(COUNTER, timeout=1), aws("lambda")
    warm, _ = invoke(client, name)
    answer, error = invoke(client, name, {"sleep": 30})
    assert error == "Unhandled"
    assert answer["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in answer["errorMessage"]
    assert not psutil.pid_exists(warm["pid"])
    assert invoke(client, name)[0]["count"] == 1


def test_the_function_knows_how_much_time_is_left(deploy: Deploy, aws: Aws) -> None:
    answer, _ = invoke(aws("lambda"), deploy(COUNTER, timeout=5))
    assert 3000 < answer["left"] <= 5000


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
    answer, error = invoke(aws("lambda"), deploy(source))
    assert error == "Unhandled"
    assert answer["errorType"] == kind


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


def test_what_a_function_prints_comes_back_as_the_tail_of_its_log(deploy: Deploy, aws: Aws) -> None:
    name = deploy("def handler(event, context):\n    print('said this')\n    return 1\n")
    answer = aws("lambda").invoke(FunctionName=name, LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "START RequestId" in log and "said this" in log and "REPORT RequestId" in log


def test_new_code_is_used_by_the_next_invocation(deploy: Deploy, aws: Aws) -> None:
    client = aws("lambda")
    assert invoke(client, deploy("def handler(event, context):\n    return 'old'\n"))[0] == "old"
    assert invoke(client, deploy("def handler(event, context):\n    return 'new'\n"))[0] == "new"


def test_an_event_invocation_is_accepted_at_once_and_a_dry_run_runs_nothing(deploy: Deploy, aws: Aws) -> None:
    name, client = deploy(COUNTER), aws("lambda")
    assert client.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    assert client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
    deadline = time.monotonic() + 10
    while invoke(client, name)[0]["count"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_unknown_function_is_not_found(aws: Aws) -> None:
    client = aws("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody")


def test_a_deleted_function_leaves_no_process(deploy: Deploy, aws: Aws, supervisor: SupervisorClient) -> None:
    answer, _ = invoke(aws("lambda"), deploy(COUNTER))
    deploy(COUNTER, name="other")  # the last resource would end the supervisor
    supervisor.delete("function", "tried")
    assert not psutil.pid_exists(answer["pid"])
    assert os.getpid() != answer["pid"]
