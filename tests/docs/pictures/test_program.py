"""What the pictures are made of: the stack's state and the functions' logs."""

import json
from pathlib import Path

import pytest

from docs.pictures.__main__ import FunctionLog, declared
from ops.stack_outputs import StackError
from tests.docs.pictures.stage import body

DASHBOARD = {"type": "aws:cloudwatch/dashboard:Dashboard", "inputs": {"dashboardBody": json.dumps(body())}}


def test_the_body_comes_from_the_stacks_state() -> None:
    assert declared({"deployment": {"resources": [{"type": "pulumi:pulumi:Stack"}, DASHBOARD]}}) == body()


def test_a_stack_without_a_dashboard_is_told_how_to_get_one() -> None:
    with pytest.raises(StackError, match="has no dashboard; run `make up`"):
        declared({"deployment": {}})


def test_a_log_is_read_on_from_where_it_was_and_in_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "function.log"
    file.write_text("START RequestId: 0 Version: $LATEST\n")
    log = FunctionLog(file)
    with file.open("a") as stream:
        stream.write("START RequestId: 1 Version: $LATEST\nREPORT RequestId: 1\tDur")
    assert (log.read().running, log.read().durations) == (1, [])
    with file.open("a") as stream:
        stream.write("ation: 5.5 ms\tBilled Duration: 6 ms\n")
    assert log.read().durations == [5.5]
    assert log.read().running == 0


def test_a_function_that_was_never_invoked_has_no_log_yet(tmp_path: Path) -> None:
    assert FunctionLog(tmp_path / "function.log").read().invocations == 0
