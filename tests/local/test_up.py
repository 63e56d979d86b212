"""What `make up` shows at its end."""

from typing import cast

import pytest

from local import up
from local.supervisor.client import SupervisorClient


class _Supervisor:
    url = "http://127.77.3.1:4566"

    def resources(self) -> list[dict[str, object]]:
        at = {"ip": "127.77.3.10", "port": 5432}
        return [
            {"kind": "function", "identifier": "app", "status": "available", "facts": {}},
            {"kind": "function", "identifier": "database-admin", "status": "available", "facts": {}},
            {
                "kind": "proxy",
                "identifier": "proxy",
                "status": "available",
                "facts": {**at, "endpoint": "proxy.example"},
            },
            {
                "kind": "instance",
                "identifier": "database",
                "status": "available",
                "facts": {**at, "address": "db.example"},
            },
        ]


def test_the_stack_the_answer_and_what_is_next_leave_half_a_screen_for_what_was_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    budget = {"maxConnections": 79, "percent": 85, "ceiling": 67, "clients": 20, "verdict": "fits"}
    answers = {"app": ({"ok": True, "server": "PostgreSQL", "via": "proxy.example"}, 301.0)}
    up._show(cast(SupervisorClient, _Supervisor()), {"connectionBudget": budget}, answers)
    lines = capsys.readouterr().out.splitlines()
    assert '{"ok": true, "server": "PostgreSQL", "via": "proxy.example"}' in lines
    assert len(lines) <= 18


def test_the_outputs_are_those_of_the_stack_in_what_was_exported() -> None:
    stack = '{"type": "pulumi:pulumi:Stack", "outputs": {"functions": {"app": "name"}}}'
    exported = f'{{"deployment": {{"resources": [{{"type": "aws:rds/proxy:Proxy", "outputs": {{}}}}, {stack}]}}}}'
    assert up._outputs(exported) == {"functions": {"app": "name"}}
