"""The command, on real servers: it passes with the handler as it is, and does not with one that is wrong."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.chaos import environment
from tests.chaos.__main__ import app, as_document, as_markdown
from tests.chaos.matrix import Auth, Cell, Fault, Moment, Style
from tests.chaos.stand import Stand, stand
from tests.chaos.trial import try_cell
from tests.chaos.verdict import Aftermath, Attempt, Told, Verdict, judge
from tests.processes import tree, wait_for_the_end

HANDLER = Path(environment.__file__).resolve().parents[2] / "handler"


def run(*options: str) -> Any:
    return CliRunner().invoke(app, options)


@pytest.fixture(scope="module")
def its() -> Iterator[Stand]:
    """A stand without environments: each test has its own, which may run another handler."""
    with stand(Auth.PASSWORD, 0) as made:
        yield made


def tried(its: Stand, fault: Fault, moment: Moment) -> Verdict:
    its.populate(2)
    return try_cell(its, Cell(fault, moment, Auth.PASSWORD), seconds=0.2)


def test_help_shows_examples_and_exit_statuses() -> None:
    done = run("--help")
    assert done.exit_code == 0
    for word in ("--fault", "Examples", "Exit status"):
        assert word in done.output


def test_filters_that_leave_no_cell_are_refused() -> None:
    done = run("--fault", "server-gone", "--moment", "commit")
    assert done.exit_code == 2
    assert "no cell" in done.output


@pytest.mark.servers
def test_coroutines_pass_the_same_cells(its: Stand) -> None:
    its.variables = {**its.variables, "CHAOS_STYLE": Style.ASYNC}
    try:
        for fault, moment in ((Fault.BACKEND_KILLED, Moment.TRANSACTION), (Fault.DEMOTED, Moment.FROZEN)):
            assert not tried(its, fault, moment).problems
    finally:
        its.variables = {**its.variables, "CHAOS_STYLE": Style.PLAIN}


def verdicts(*told: Told) -> dict[Cell, Any]:
    attempts = [
        Attempt(number=number, told=each, seconds=0.5, limit=3, error="E" if each is Told.FAILED else "", text="why")
        for number, each in enumerate(told)
    ]
    cell = Cell(Fault.CONNECT_REFUSED, Moment.CONNECT, Auth.IAM)
    return {cell: judge(attempts, Aftermath(rows={0: 1}, met=2))}


def test_the_json_has_the_names_of_the_contract() -> None:
    document = as_document(verdicts(Told.WRITTEN, Told.FAILED), environments=4)
    assert json.loads(json.dumps(document)) == {
        "passed": True,
        "environments": 4,
        "cells": [
            {
                "fault": "connect-refused",
                "moment": "connect",
                "auth": "iam",
                "passed": True,
                "met": 2,
                "written": 1,
                "failed": 1,
                "unknown": 0,
                "ranTwice": 0,
                "slowestSeconds": 0.5,
                "errors": {"E": 1},
                "problems": [],
            }
        ],
    }


def test_the_markdown_marks_a_cell_that_is_wrong() -> None:
    assert "| connect-refused | connect | a row · `E` |" in as_markdown(verdicts(Told.WRITTEN, Told.FAILED))
    assert "| ✗ a row |" in as_markdown(verdicts(Told.WRITTEN, Told.WRITTEN))


@pytest.mark.servers
def test_a_small_matrix_passes_with_every_login_and_leaves_nothing_behind() -> None:
    before = tree(os.getpid())
    cell = ["--fault", "connection-reset", "--moment", "transaction"]
    done = run(*cell, "--environments", "2", "--seconds", "0.2", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert {cell["auth"] for cell in document["cells"]} == {"iam", "secret", "password"}
    assert all(cell["ranTwice"] for cell in document["cells"])
    wait_for_the_end(each for each in tree(os.getpid()) if each not in before)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("fault", "moment"), [(Fault.DEMOTED, Moment.FROZEN), (Fault.DATABASE_RESTART, Moment.TRANSACTION)]
)
def test_what_a_failover_brings_passes(its: Stand, fault: Fault, moment: Moment) -> None:
    assert tried(its, fault, moment).problems == ()


@pytest.mark.servers
def test_requests_for_a_connection_get_lost_in_a_cut_network_and_are_repeated_by_the_kernel(
    its: Stand,
) -> None:
    verdict = tried(its, Fault.NETWORK_CUT, Moment.CONNECT)
    assert verdict.problems == ()
    assert verdict.slowest > 0.9  # TCP's first repetition is after a second; a refusal would come at once


@pytest.mark.servers
@pytest.mark.parametrize(
    ("fault", "moment", "file", "right", "wrong", "problem"),
    [
        (
            Fault.CONNECTION_RESET,
            Moment.ANSWER,
            "transactions.py",
            "self._committing = True",
            "pass",
            "written twice",
        ),
        (
            Fault.NETWORK_CUT,
            Moment.QUERY,
            "invocations.py",
            "return None if left == _NEVER else left",
            "return None",
            "without an answer",
        ),
        (
            Fault.SERVER_GONE,
            Moment.FROZEN,
            "pool.py",
            " and conn.is_alive()",
            "",
            "of what nobody should notice",
        ),
        (
            Fault.CONNECT_SILENT,
            Moment.CONNECT,
            "pool.py",
            "conn = self._connect(invocation)\n        except BaseException:",
            "conn = self._connect(invocation)\n        except OSError:",
            "still failing afterwards",
        ),
        (
            Fault.DEMOTED,
            Moment.FROZEN,
            "pool.py",
            " and not conn.stale",
            "",
            "still failing afterwards",
        ),
    ],
)
def test_a_handler_that_is_wrong_does_not_pass(
    its: Stand,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    moment: Moment,
    file: str,
    right: str,
    wrong: str,
    problem: str,
) -> None:
    shutil.copytree(HANDLER, tmp_path / "handler")
    spoilt = tmp_path / "handler" / "rds_connection" / file
    text = spoilt.read_text()
    assert text.count(right) == 1
    spoilt.write_text(text.replace(right, wrong))
    monkeypatch.setattr(environment, "_HANDLER", tmp_path / "handler")
    assert problem in "; ".join(tried(its, fault, moment).problems)
