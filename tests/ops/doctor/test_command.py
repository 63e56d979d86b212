"""`python -m ops doctor`: what it prints, and its exit status."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.__main__ import app
from ops.doctor import command
from ops.doctor.drift import Settings, Surroundings
from ops.doctor.evidence import Evidence
from ops.doctor.source import CannotLookError, Source
from ops.doctor.verdict import Cause
from ops.pinning.counts import Pinning
from ops.stack_outputs import StackError
from tests.ops.doctor.samples import CASES, RAISED

SETTINGS = Settings(max_connections_percent=85)


def run(*options: str) -> Any:
    return CliRunner().invoke(app, ["doctor", *options])


class Seen:
    """A source with some evidence."""

    pause = 0.0

    def __init__(self, seen: Evidence, name: str = "orders", *, is_configured: bool = True) -> None:
        self._seen, self.name, self.is_configured = seen, name, is_configured

    def look(self) -> Evidence:
        return self._seen

    def pins(self, since: float) -> Pinning:
        return Pinning()

    def settings(self) -> Settings:
        return SETTINGS

    def budget(self) -> tuple[str, ...]:
        return ()

    def surroundings(self) -> Surroundings:
        return Surroundings()


class Poor(Seen):
    """A source with few addresses left, that does not show everything."""

    def surroundings(self) -> Surroundings:
        return Surroundings(free_addresses=(("subnet-a", 3),), not_seen=("security groups: AccessDenied",))


class Bound(Seen):
    """A source whose stack may open more sessions than its database bears."""

    def budget(self) -> tuple[str, ...]:
        return ("1000 sessions can be at work at once",)


class Down(Seen):
    """A source whose proxy does not answer."""

    def settings(self) -> Settings:
        raise CannotLookError("the proxy orders does not answer")


@pytest.fixture(autouse=True)
def configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "configured", lambda _: SETTINGS)


def place(monkeypatch: pytest.MonkeyPatch, *found: Source) -> None:
    monkeypatch.setattr(command, "sources", lambda *_, **__: iter(found))


@pytest.mark.parametrize("cause", list(Cause))
def test_the_exit_status_tells_a_finding_from_health(monkeypatch: pytest.MonkeyPatch, cause: Cause) -> None:
    place(monkeypatch, Seen(CASES[cause]))
    done = run()
    assert done.exit_code == (0 if cause in (Cause.HEALTHY, Cause.IDLE) else 1)
    for word in (cause.value, "seen", "it is not", "next step"):
        assert word in done.output


def test_json_is_the_only_thing_on_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    place(monkeypatch, Seen(CASES[Cause.POOL_TOO_SMALL]))
    done = run("--json")
    (document,) = json.loads(done.stdout)["proxies"]
    assert (document["cause"], document["finding"], done.exit_code) == ("pool-too-small", True, 1)
    assert document["evidence"]["allowed"] == 60
    assert document["drift"] == []


def test_each_proxy_has_its_verdict_and_the_worst_is_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    two = [Seen(CASES[Cause.HEALTHY]), Seen(CASES[Cause.POOL_TOO_SMALL], "reports", is_configured=False)]
    place(monkeypatch, *two)
    # What is configured is the stack's own proxy: the other one is not measured by it.
    monkeypatch.setattr(command, "configured", lambda _: Settings(max_connections_percent=85))
    done = run("--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["finding"]) == (1, True)
    assert [(each["proxy"], each["cause"], each["finding"], each["drift"]) for each in document["proxies"]] == [
        ("orders", "healthy", False, []),
        ("reports", "pool-too-small", True, []),
    ]
    assert document["proxies"][1]["notSeen"] == [
        "drift of reports: the configuration of stack local is of its own proxy"
    ]
    place(monkeypatch, *two)
    told = run().output
    assert told.index("proxy orders") < told.index("healthy") < told.index("proxy reports") < told.index("pool-too-s")


def test_settings_that_cannot_be_read_leave_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    place(monkeypatch, Down(CASES[Cause.PROXY_DOWN]))
    done = run()
    assert done.exit_code == 1
    assert "not seen   the proxy's settings: the proxy orders does not answer\n" in done.output


def test_drift_is_a_finding_of_a_healthy_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    place(monkeypatch, Seen(CASES[Cause.HEALTHY]))
    monkeypatch.setattr(command, "configured", lambda _: Settings(max_connections_percent=50))
    done = run("--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["proxies"][0]["drift"][0].startswith(
        "maxConnectionsPercent is 85 % at the proxy and 50 %"
    )


def test_a_configuration_that_cannot_be_read_is_said_and_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: str) -> Settings:
        raise StackError("there is no `pulumi` on PATH")

    place(monkeypatch, Seen(CASES[Cause.HEALTHY]))
    monkeypatch.setattr(command, "configured", unreadable)
    done = run()
    assert done.exit_code == 0
    assert "not seen   the configuration of stack local: there is no `pulumi` on PATH\n" in done.output


def test_what_is_missing_around_a_proxy_is_shown_and_what_was_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    place(monkeypatch, Poor(CASES[Cause.HEALTHY]))
    done = run("--stack", "dev")
    assert done.exit_code == 1
    assert "subnet-a has 3 free addresses" in done.output
    assert "AccessDenied" in done.output


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        (["--seconds", "2", "--minutes", "3"], (None, 2.0, 180.0)),
        (["--stack", "dev", "--minutes", "60"], ("dev", 3600.0, 3600.0)),
    ],
)
@pytest.mark.parametrize(
    "error",
    [
        CannotLookError("the local stack is not up; run `make up`"),
        StackError('the stack "dev" cannot be read: no stack named [dev] found'),
    ],
)
def test_who_cannot_look_says_why_with_status_2(
    monkeypatch: pytest.MonkeyPatch, options: list[str], asked: tuple[str | None, float, float], error: Exception
) -> None:
    def refusing(stack: str | None, *, proxy: str | None, seconds: float, past: float) -> Iterator[Source]:
        assert (stack, seconds, past) == asked
        raise error
        yield

    monkeypatch.setattr(command, "sources", refusing)
    done = run(*options)
    assert (done.exit_code, done.stdout) == (2, "")
    # One line, whatever the terminal: what it says to run can be copied.
    assert f"error: {error}\n" in done.stderr


def test_help_shows_the_command_with_examples_and_exit_statuses() -> None:
    done = run("--help")
    for word in ("--stack", "Examples", "Exit status", "--minutes"):
        assert word in done.output


def test_a_budget_that_warns_is_a_finding_of_a_healthy_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    place(monkeypatch, Bound(CASES[Cause.HEALTHY]))
    done = run()
    assert done.exit_code == 1
    assert "budget     1000 sessions can be at work at once" in done.output


def test_it_says_how_far_the_look_goes_and_what_of_the_logs_was_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    place(monkeypatch, Seen(replace(CASES[Cause.FAILED_BEFORE], not_seen=("the log of app: AccessDenied",))))
    done = run()
    assert done.exit_code == 1
    assert "looked at  60 s; the functions' logs of 5.0 min" in done.output
    assert "not seen   the log of app: AccessDenied" in done.output


def test_a_pipe_gets_a_line_for_each_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "shop-local-a-function-with-quite-a-long-name-for-its-report"
    function = replace(CASES[Cause.FUNCTION_FAILS].functions[0], name=name)
    place(monkeypatch, Seen(replace(CASES[Cause.FUNCTION_FAILS], functions=(function,))))
    lines = run().output.splitlines()
    assert lines[0] == f"✗ function-fails  Functions fail by their own fault: ValueError at app.py:7 of {name}."
    assert f"seen       {name}: 882 of 882 invocations (100%) with “ValueError: no such order” at app.py:7" in lines
    assert not any(line.endswith(" ") for line in lines)


def test_what_is_over_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = CASES[Cause.FUNCTION_FAILS]
    over = replace(RAISED, ended_well=3, over=True)
    place(monkeypatch, Seen(replace(seen, functions=(replace(seen.functions[0], failures=over),))))
    done = run()
    assert done.exit_code == 0
    assert "✓ failed-before  Functions failed a short while ago, and do not now.\n" in done.output
    assert "app: since then 3 invocations ended well\n" in done.output
