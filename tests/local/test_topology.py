"""What `make up` and `python -m local status` show of the stack."""

import io
from typing import Any

import pytest
from rich.console import Console

from local import __main__ as program
from local import topology
from local.supervisor.client import SupervisorClient

PROXY = "lambda-rds-proxy-local-database.proxy-8cd8e289fc21.eu-west-1.rds.amazonaws.com"
DATABASE = "database-3c7225d.8cd8e289fc21.eu-west-1.rds.amazonaws.com"


def resource(kind: str, identifier: str, status: str = "available", **facts: Any) -> dict[str, Any]:
    return {"kind": kind, "identifier": identifier, "status": status, "facts": facts}


RESOURCES = [
    resource("instance", "database-3c7225d", ip="127.84.60.10", port=5432, address=DATABASE),
    resource("proxy", "orders", "[refuses] connections", ip="127.84.60.11", port=5432, endpoint=PROXY),
    resource("function", "lambda-rds-proxy-local-app", arn="arn:aws:kms:eu-west-1:0:key:1"),
    resource("role-policy", "app:connect"),
]


def shown(monkeypatch: pytest.MonkeyPatch, *, width: int = 80) -> list[str]:
    screen = io.StringIO()
    made = Console(file=screen, width=width, emoji=False, highlight=False, markup=False, soft_wrap=True)
    monkeypatch.setattr(topology, "console", made)
    topology.show_topology("http://127.84.60.1:4566", RESOURCES)
    return screen.getvalue().strip().splitlines()


def test_names_are_whole_on_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch)
    assert {f"  {PROXY}", f"  {DATABASE}"} <= set(lines)
    assert len(lines) <= 24 and all(len(line) <= 80 for line in lines if "amazonaws" not in line)
    assert [line.split()[0] for line in lines[1:4]] == ["Lambda", "→", PROXY]


def test_what_does_not_serve_says_so_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = [line for line in shown(monkeypatch) if "127.84.60.11:5432" in line]
    assert line.endswith("  [refuses] connections")


def test_the_status_of_everything_is_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    class Running:
        url = "http://127.84.60.1:4566"

        def resources(self) -> list[dict[str, Any]]:
            return RESOURCES

        def problems(self) -> list[str]:
            return []

    monkeypatch.setattr(SupervisorClient, "running", lambda: Running())
    assert program.main(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["resources"] == RESOURCES and found["endpoint"] == Running.url


def test_another_word_is_told_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["stats"]) == 1
    assert "up|down|status|status --json" in capsys.readouterr().err
