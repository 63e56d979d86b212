"""`python -m ops outputs`."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import outputs
from ops.__main__ import app
from ops.stack_outputs import StackError

FOUND = {"proxyEndpoint": "orders.proxy-abc.example", "proxyPort": 5432, "functions": {"app": "orders-app"}}


@pytest.fixture(autouse=True)
def stack(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(name: str) -> dict[str, Any]:
        if name != "local":
            raise StackError(f'the stack "{name}" cannot be read: no stack named {name}')
        return FOUND

    monkeypatch.setattr(outputs, "stack_outputs", read)


def run(*options: str) -> Any:
    return CliRunner().invoke(app, ["outputs", *options])


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (["proxyEndpoint"], "orders.proxy-abc.example\n"),
        (["proxyPort"], "5432\n"),
        (["functions"], '{"app": "orders-app"}\n'),
    ],
)
def test_one_output_is_printed_alone(options: list[str], printed: str) -> None:
    assert run(*options).stdout == printed


def test_all_outputs_are_printed_by_name_or_as_json() -> None:
    assert json.loads(run("--json").stdout) == FOUND
    assert all(name in run().stdout for name in FOUND)


@pytest.mark.parametrize(
    ("options", "words"),
    [(["dashboard"], 'no output "dashboard"; it has proxyEndpoint'), (["--stack", "gone"], "no stack named gone")],
)
def test_what_there_is_not_is_told_with_status_2(options: list[str], words: str) -> None:
    done = run(*options)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())


def test_names_are_completed_and_a_stack_that_is_not_up_completes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outputs.complete_output("proxy") == ["proxyEndpoint", "proxyPort"]

    def unreadable(_: str) -> dict[str, Any]:
        raise StackError("not up")

    monkeypatch.setattr(outputs, "stack_outputs", unreadable)
    assert outputs.complete_output("proxy") == []
