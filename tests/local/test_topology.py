"""What `make up` and `python -m local status` show of the stack."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from local import __main__ as program
from local import topology
from local.gate.seen import PinKey, Seen
from local.supervisor.client import SupervisorClient
from local.supervisor.errors import LaptopError

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


SEEN = Seen(
    clients=412,
    waiting=3,
    ceiling=67,
    borrowed=20,
    pinned=2,
    pins={PinKey(reason="r", rule="set", digest="set a = $1", user="app"): 7},
)


def shown(monkeypatch: pytest.MonkeyPatch, gates: Mapping[str, Seen] | None = None, *, width: int = 80) -> list[str]:
    screen = io.StringIO()
    made = Console(file=screen, width=width, emoji=False, highlight=False, markup=False, soft_wrap=True)
    monkeypatch.setattr(topology, "console", made)
    topology.show_topology("http://127.84.60.1:4566", RESOURCES, gates)
    return screen.getvalue().strip().splitlines()


def test_names_are_whole_on_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch)
    assert {f"  {PROXY}", f"  {DATABASE}"} <= set(lines)
    assert len(lines) <= 24 and all(len(line) <= 80 for line in lines if "amazonaws" not in line)
    assert [line.split()[0] for line in lines[1:4]] == ["Lambda", "→", PROXY]


def test_what_does_not_serve_says_so_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = [line for line in shown(monkeypatch) if "127.84.60.11:5432" in line]
    assert line.endswith("  [refuses] connections")


def test_a_proxys_gate_tells_who_waits_and_who_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, {"orders": SEEN})
    at = lines.index(f"  {PROXY}")
    assert lines[at + 1] == "  clients: 412, 3 waiting; connections: 20 of 67 lent, 2 pinned, 0 held"
    assert lines[at + 2].startswith("  sessions pinned since its start: 7;")
    assert all(len(line) <= 80 for line in lines[at + 1 : at + 3])


def test_the_status_of_everything_is_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    class Running:
        url = "http://127.84.60.1:4566"

        def resources(self) -> list[dict[str, Any]]:
            return RESOURCES

        def problems(self) -> list[str]:
            return []

    monkeypatch.setattr(SupervisorClient, "running", lambda: Running())
    monkeypatch.setattr(program, "seen", lambda *_: SEEN)
    assert program.main(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["resources"] == RESOURCES and found["endpoint"] == Running.url
    assert Seen.of_json(found["gates"]["orders"]) == SEEN


def test_a_proxy_that_does_not_serve_leaves_the_others_status(monkeypatch: pytest.MonkeyPatch) -> None:
    class Running:
        url = "http://127.84.60.1:4566"

        def resources(self) -> list[dict[str, Any]]:
            return RESOURCES

    monkeypatch.setattr(SupervisorClient, "running", lambda: Running())
    monkeypatch.setattr(program, "seen", _down)
    assert program.main(["status"]) == 0


def _down(*_: object) -> Seen:
    raise LaptopError("the gate of the proxy orders does not answer")


def test_another_word_is_told_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["stats"]) == 1
    assert "up|down|status|status --json" in capsys.readouterr().err
