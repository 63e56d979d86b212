"""`python -m ops logs`, on the laptop's CloudWatch Logs."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from local.supervisor.client import SupervisorClient
from ops import stack_outputs
from ops.__main__ import app
from ops.errors import OpsError
from ops.logs import command
from ops.logs.command import _start
from tests.local.supervisor.conftest import checkout, client_of, invoke
from tests.processes import read_terminal
from tests.waiting import LIMIT_SECONDS
from toolchain.checkout import gateway_url
from toolchain.laptop_key import shell_secret

ROOT = Path(__file__).resolve().parents[3]
NAMES = {"app": "orders-app", "bad": "orders-bad", "idle": "orders-idle"}
SOURCE = """
def handler(event, context):
    print("seen", event)
    return context.aws_request_id
def failing(event, context):
    raise ValueError("of the function")
"""

servers = pytest.mark.servers


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with checkout(tmp_path_factory.mktemp("logs")) as folder:
        with zipfile.ZipFile(folder / "app.zip", "w") as archive:
            archive.writestr("app.py", SOURCE)
        supervisor = SupervisorClient.ensure(folder)
        for name, handler in zip(NAMES.values(), ("app.handler", "app.failing", "app.handler"), strict=True):
            spec = {"code": str(folder / "app.zip"), "handler": handler, "timeout": 5, "memorySize": 128}
            supervisor.put("function", name, spec)
        yield folder


@pytest.fixture(autouse=True)
def shell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell of `make env`, and the outputs of a stack."""
    if request.node.get_closest_marker("servers"):
        root = request.getfixturevalue("root")
        monkeypatch.setenv("AWS_ENDPOINT_URL", gateway_url(root))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "laptop")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", shell_secret(root))
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(stack_outputs, "stack_outputs", lambda _: {"functions": NAMES})


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `pulumi` for processes of their own."""
    program = tmp_path / "pulumi"
    program.write_text(f"#!/bin/sh\necho '{json.dumps({'functions': NAMES})}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'components'}:{ROOT / 'policies'}")


def call(root: Path, name: str, payload: object = None) -> Any:
    return invoke(client_of(root, "lambda"), name, payload)[0]


def run(*options: str) -> Any:
    return CliRunner().invoke(app, ["logs", *options])


@servers
def test_each_line_has_its_time_and_the_whole_id_of_its_request(root: Path) -> None:
    request = call(root, "orders-app", "this")
    done = run("app")
    assert done.exit_code == 0, done.output
    (line,) = [each for each in done.stdout.splitlines() if each.endswith("seen this")]
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z {request} seen this", line)
    assert "\x1b" not in done.stdout


@servers
def test_errors_alone_are_told_with_the_whole_traceback_and_status_1(root: Path) -> None:
    call(root, "orders-app", "fine")
    call(root, "orders-bad")
    done = run("--errors")
    assert done.exit_code == 1
    told = [line.split(" ", 3) for line in done.stdout.splitlines()]
    assert {function for _, _, function, _ in told} == {"bad"} and len({request for _, request, _, _ in told}) >= 1
    text = "\n".join(words for *_, words in told)
    assert "[ERROR] ValueError: of the function\nTraceback (most recent call last):\n" in text
    assert 'raise ValueError("of the function")' in text


@servers
def test_a_function_that_wrote_nothing_is_told_so(root: Path) -> None:
    done = run("idle", "--since", "30s")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no line of idle since 30s\n")


def test_a_function_of_another_name_is_told_with_the_nearest() -> None:
    done = run("ap")
    assert done.exit_code == 2
    assert 'no function "ap"; did you mean "app"?' in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("since", "began"),
    [
        ("90s", "2025-12-31T23:58:30"), ("10m", "2025-12-31T23:50"), ("2h", "2025-12-31T22:00"),
        ("1d", "2025-12-31T00:00"), ("2025-12-31T12:00:00+00:00", "2025-12-31T12:00"),
    ],
)  # fmt: skip
def test_how_far_back_is_a_span_or_a_time(since: str, began: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert _start(since, now) == datetime.fromisoformat(began).replace(tzinfo=UTC).timestamp() * 1000


@pytest.mark.parametrize("since", ["", "1w", "soon", "-1h", "999999999d"])
def test_what_is_neither_is_named_with_what_could_stand_there(since: str) -> None:
    with pytest.raises(OpsError, match=rf'--since is "{since}"; it must be such as 30s'):
        _start(since, datetime(2026, 1, 1, tzinfo=UTC))


@servers
@pytest.mark.usefixtures("pulumi")
def test_what_comes_is_told_once_until_ctrl_c_which_ends_it_quietly(root: Path) -> None:
    command = [sys.executable, "-m", "ops", "logs", "app", "-f", "--since", "1h"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    late = threading.Timer(LIMIT_SECONDS, process.kill)
    late.start()

    def read_on(request: str) -> None:
        while not any("REPORT" in line and request in line for line in told):
            told.append(process.stdout.readline() if process.stdout else "")
            assert told[-1], (process.wait(), told)

    try:
        requests = [call(root, "orders-app", f"following {number}") for number in range(2)]
        told: list[str] = []
        read_on(requests[1])
        read_on(call(root, "orders-app", "following 2"))
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=LIMIT_SECONDS)
    finally:
        late.cancel()
        process.kill()
    assert (process.returncode, said) == (0, "")
    assert [line.split(" ", 2)[2] for line in [*told, rest] if "following" in line] == [
        f"seen following {number}\n" for number in range(3)
    ]


@servers
@pytest.mark.usefixtures("pulumi")
def test_a_terminal_gets_colour_and_short_ids(root: Path) -> None:
    request = call(root, "orders-app", "on a terminal")
    call(root, "orders-bad")
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ops", "logs"], stdout=writer, env={**os.environ, "TERM": "xterm-256color"}
    )
    os.close(writer)
    shown = read_terminal(reader)
    assert process.wait(LIMIT_SECONDS) == 0
    (line,) = [each for each in shown.split("\r\n") if "on a terminal" in each]
    assert request[:8] in line and request not in line
    assert "\x1b[31m[ERROR] ValueError" in shown


@pytest.mark.parametrize(("options", "seconds"), [((), 3600), (("-f",), 10), (("-f", "--since", "2m"), 120)])
def test_to_follow_begins_with_the_present(
    options: tuple[str, ...], seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def events(_: dict[str, str], start: int, **__: bool) -> Iterator[Any]:
        asked.append(start)
        return iter(())

    monkeypatch.setattr(command, "_events", events)
    now = datetime.now(UTC).timestamp()
    assert run("app", *options).exit_code == 0
    assert now - seconds - 1 < asked[0] / 1000 <= datetime.now(UTC).timestamp() - seconds
