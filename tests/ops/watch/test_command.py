"""`python -m ops watch`: look after look, to its end."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.__main__ import app
from ops.doctor.drift import Settings, Surroundings
from ops.doctor.evidence import Evidence
from ops.doctor.source import CannotLookError, Source
from ops.pinning.counts import Pinning
from ops.watch import command
from tests.ops.doctor.samples import WELL


class Clock:
    """Time that passes by looks and pauses."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Ticking:
    """A source whose every look takes a second, until `ending` comes instead."""

    name, is_configured = "orders", True

    def __init__(self, clock: Clock, ending: BaseException | None = None, *, pause: float = 0.0) -> None:
        self._clock, self._ending, self._left, self.pause = clock, ending, 99 if ending is None else 2, pause

    def settings(self) -> Settings:
        return Settings()

    def pins(self, since: float) -> Pinning:
        return Pinning()

    def budget(self) -> tuple[str, ...]:
        return ()

    def surroundings(self) -> Surroundings:
        return Surroundings()

    def look(self) -> Evidence:
        self._clock.now += 1
        self._left -= 1
        if self._left < 0 and self._ending is not None:
            raise self._ending
        return WELL


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(command, "time", made)
    return made


def place(monkeypatch: pytest.MonkeyPatch, source: Source) -> None:
    monkeypatch.setattr(command, "sources", lambda *_, **__: iter([source]))


def run(*options: str) -> Any:
    return CliRunner().invoke(app, ["watch", *options])


def test_without_a_terminal_each_look_is_a_line(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    place(monkeypatch, Ticking(clock))
    done = run("--seconds", "3")
    assert done.exit_code == 0
    assert [json.loads(line)["connections"] for line in done.stdout.splitlines()] == [20, 20, 20]


def test_a_source_is_asked_when_it_has_something_new_and_not_past_the_end(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    place(monkeypatch, Ticking(clock, pause=60.0))
    done = run("--stack", "dev", "--seconds", "90")
    assert clock.pauses == [60.0, 28.0]
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize(("ending", "status"), [(KeyboardInterrupt(), 0), (CannotLookError("it is down"), 2)])
def test_it_ends_well_at_ctrl_c_and_says_so_when_the_stack_goes(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, ending: BaseException, status: int
) -> None:
    place(monkeypatch, Ticking(clock, ending))
    done = run("--json")
    assert done.exit_code == status
    assert len(done.stdout.splitlines()) == 2
    assert ("it is down" in done.output) is (status == 2)
