"""`python -m ops watch`: look after look, to its end."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from local.supervisor.errors import LaptopError
from ops.__main__ import app
from ops.doctor.deployed import DeployedPatient
from ops.doctor.evidence import Evidence
from ops.doctor.laptop import LaptopPatient
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


class Patient:
    """A stack whose every look takes a second, until `ending` comes instead."""

    def __init__(self, clock: Clock, ending: BaseException | None = None, looks: int = 99) -> None:
        self._clock, self._ending, self._left = clock, ending, looks

    def examine(self, seconds: float) -> Evidence:
        assert seconds == 1
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


def run(*options: str) -> Any:
    return CliRunner().invoke(app, ["watch", *options])


def test_without_a_terminal_each_look_is_a_line(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(LaptopPatient, "find", lambda **_: Patient(clock))
    done = run("--seconds", "3")
    assert done.exit_code == 0
    assert [json.loads(line)["connections"] for line in done.stdout.splitlines()] == [20, 20, 20]


def test_cloudwatch_is_asked_once_a_minute_and_not_past_the_end(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(DeployedPatient, "find", lambda *_, **__: Patient(clock))
    done = run("--stack", "dev", "--seconds", "90")
    assert clock.pauses == [60.0, 28.0]
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize(("ending", "status"), [(KeyboardInterrupt(), 0), (LaptopError("it is down"), 2)])
def test_it_ends_well_at_ctrl_c_and_says_so_when_the_stack_goes(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, ending: BaseException, status: int
) -> None:
    monkeypatch.setattr(LaptopPatient, "find", lambda **_: Patient(clock, ending, looks=2))
    done = run("--json")
    assert done.exit_code == status
    assert len(done.stdout.splitlines()) == 2
    assert ("it is down" in done.output) is (status == 2)
