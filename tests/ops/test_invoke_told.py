"""What `python -m ops invoke` tells of an event and of a log; Lambda is a stand-in."""

import base64
import io
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import invoke
from ops.__main__ import app


def run(*options: str, given: str | None = None) -> Any:
    return CliRunner().invoke(app, ["invoke", *options], input=given)


def test_a_line_of_metrics_is_condensed_as_in_the_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = json.dumps({"_aws": {"CloudWatchMetrics": ["…"] * 50}, "Proxy": "orders", "Outcome": "ok", "Retries": 0})
    log = base64.b64encode(f"seen\n{metrics}\nEND\n".encode()).decode()
    monkeypatch.setattr(invoke, "stack_functions", lambda *_: {"app": "orders-app"})
    monkeypatch.setattr(invoke, "_invoke", lambda *_: {"LogResult": log, "Payload": io.BytesIO(b"1")})
    assert run("--log").stderr == "seen\nmetrics Outcome=ok Retries=0\nEND\n"


@pytest.mark.parametrize(
    ("payload", "shown"),
    [("{id: 7}", "{id: 7}"), ("-", "nothing"), ("[1,\n 2", "[1, 2"), ("z" * 90, "z" * 59 + "…")],
)
def test_an_event_that_is_no_json_is_shown(payload: str, shown: str) -> None:
    done = run("--payload", payload, given="")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: the event {shown} is no JSON (")
