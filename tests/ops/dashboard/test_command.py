"""`python -m ops dashboard`: what it says when there is nothing to draw, and what it reads of the stack's state."""

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from ops.__main__ import app
from ops.dashboard import command, load
from tests.ops.dashboard.stage import body


def exported(monkeypatch: pytest.MonkeyPatch, resources: list[dict[str, Any]], status: int = 0) -> None:
    document = json.dumps({"deployment": {"resources": resources}})
    done = subprocess.CompletedProcess([], status, stdout=document if status == 0 else "", stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)


DASHBOARD = {"type": "aws:cloudwatch/dashboard:Dashboard", "inputs": {"dashboardBody": json.dumps(body())}}
FILTER = {
    "type": "aws:cloudwatch/logMetricFilter:LogMetricFilter",
    "inputs": {"metricTransformation": {"name": "api-timeouts"}, "logGroupName": "/aws/lambda/orders-api"},
}


def test_the_body_and_what_counts_timeouts_come_from_the_stacks_state(monkeypatch: pytest.MonkeyPatch) -> None:
    exported(monkeypatch, [DASHBOARD, FILTER, {"type": "pulumi:pulumi:Stack"}])
    assert command._declared() == (body(), {"api-timeouts": "orders-api"})


@pytest.mark.parametrize(
    ("resources", "status", "words"),
    [([], 0, "has no dashboard; run `make up`"), ([], 1, "cannot be read; run `make up`")],
)
def test_a_stack_that_has_none_is_exit_status_2(
    monkeypatch: pytest.MonkeyPatch, resources: list[dict[str, Any]], status: int, words: str
) -> None:
    exported(monkeypatch, resources, status)
    done = CliRunner().invoke(app, ["dashboard"])
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_a_log_is_read_on_from_where_it_was_and_in_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "function.log"
    file.write_text("START RequestId: 0 Version: $LATEST\n")
    log = command._Log(file)
    with file.open("a") as stream:
        stream.write("START RequestId: 1 Version: $LATEST\nREPORT RequestId: 1\tDur")
    assert (log.read().running, log.read().durations) == (1, [])
    with file.open("a") as stream:
        stream.write("ation: 5.5 ms\tBilled Duration: 6 ms\n")
    assert log.read().durations == [5.5]
    assert log.read().running == 0


def test_a_function_that_was_never_invoked_has_no_log_yet(tmp_path: Path) -> None:
    assert command._Log(tmp_path / "function.log").read().invocations == 0


def test_every_function_is_invoked_and_no_client_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    invoked = {"one": threading.Event(), "two": threading.Event()}

    class Answer:
        def read(self) -> bytes:
            return b"{}"

    class Lambda:
        def client(self, *_: Any, **__: Any) -> "Lambda":
            return self

        def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - botocore's names
            invoked[FunctionName].set()
            return {"Payload": Answer()}

    monkeypatch.setattr(boto3.session, "Session", Lambda)

    before = threading.active_count()
    with load.invocations(["one", "two"], clients=4, seconds=0.0):
        assert all(each.wait(60) for each in invoked.values())
    assert threading.active_count() == before
    with load.invocations([], clients=4, seconds=1.0):
        assert threading.active_count() == before
