"""`python -m ops invoke`, through the laptop's Lambda."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from local.supervisor.client import SupervisorClient
from ops import stack_outputs
from ops.__main__ import app
from tests.local.supervisor.conftest import checkout
from toolchain.checkout import gateway_url
from toolchain.laptop_key import shell_secret

pytestmark = pytest.mark.servers

SOURCE = """
def handler(event, context):
    print("seen", event)
    return {"given": event, "sign": "→"}
def failing(event, context):
    raise ValueError("no")
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A laptop cloud with two functions."""
    with checkout(tmp_path_factory.mktemp("invoke")) as folder:
        with zipfile.ZipFile(folder / "app.zip", "w") as archive:
            archive.writestr("app.py", SOURCE)
        supervisor = SupervisorClient.ensure(folder)
        for name, handler in (("orders-app", "app.handler"), ("orders-bad", "app.failing")):
            spec = {"code": str(folder / "app.zip"), "handler": handler, "timeout": 5, "memorySize": 128}
            supervisor.put("function", name, spec)
        yield folder


@pytest.fixture(autouse=True)
def shell(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell of `make env`, and the outputs of a stack with one function too many."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", gateway_url(root))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "laptop")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", shell_secret(root))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    names = {"app": "orders-app", "bad": "orders-bad", "gone": "orders-gone"}
    monkeypatch.setattr(stack_outputs, "stack_outputs", lambda name: {"functions": names if name == "local" else {}})
    monkeypatch.setattr(stack_outputs, "stack_resources", lambda _: [])


def run(*options: str, given: str | None = None) -> Any:
    return CliRunner().invoke(app, ["invoke", *options], input=given)


def test_the_first_function_answers_an_empty_event() -> None:
    done = run()
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"given": {}, "sign": "→"}


@pytest.mark.parametrize(("payload", "given"), [('{"id": 7}', None), ("-", '{"id": 7}')])
def test_the_event_is_an_option_or_standard_input(payload: str, given: str | None) -> None:
    done = run("app", "--payload", payload, given=given)
    assert json.loads(done.stdout)["given"] == {"id": 7}


def test_the_log_is_printed_beside_the_answer_when_asked_for() -> None:
    done = run("app", "--log")
    assert "seen {}" in done.stderr and "REPORT RequestId" in done.stderr
    assert json.loads(done.stdout)["given"] == {}
    assert "REPORT" not in run("app").output


def test_a_traceback_in_the_log_is_whole_on_a_terminal() -> None:
    told = run("bad", "--log").stderr
    assert "\r" not in told  # what follows one hides what stood before it
    assert [line for line in told.splitlines() if line.startswith(("[ERROR]", "Traceback"))] == [
        "[ERROR] ValueError: no",
        "Traceback (most recent call last):",
    ]
    assert 'raise ValueError("no")' in told


def test_a_function_that_fails_shows_its_error_with_status_1() -> None:
    done = run("bad")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["errorType"] == "ValueError"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["other"], 'no function "other"; it has app, bad, gone'),
        (["apo"], 'no function "apo"; did you mean "app"?'),
        (["gone"], "does not invoke orders-gone: ResourceNotFoundException"),
        (["app", "--payload", "{id: 7}"], "the event {id: 7} is no JSON"),
        (["--stack", "dev"], "run `pulumi up --stack dev`"),
    ],
)
def test_what_cannot_be_invoked_is_told_with_status_2(options: list[str], words: str) -> None:
    done = run(*options)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())


def test_names_of_functions_are_completed() -> None:
    assert stack_outputs.complete_function("b") == ["bad"]
