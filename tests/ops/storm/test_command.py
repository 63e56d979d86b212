from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from local.storm import run as run_module
from local.storm.laptop import LaptopStack
from local.supervisor.errors import LaptopError
from ops.__main__ import app
from ops.storm.deployed import DeployedFunction, DeployedStack
from ops.storm.results import StormResult
from tests.ops.storm.samples import phase


def run(*options: str) -> Any:
    return CliRunner().invoke(app, ["storm", *options])


def test_help_shows_the_command_with_examples_and_exit_statuses() -> None:
    done = run("--help")
    assert done.exit_code == 0
    for word in ("--environments", "Examples", "--stack dev", "Exit status"):
        assert word in done.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--environments", "5001", "--connections", "1"], "5001 clients"),
        (["--stack", "dev", "--connections", "2"], "--connections 2"),
        (["--stack", "dev", "--environments", "1001"], "--environments is 1001"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_by_value(options: list[str], words: str) -> None:
    done = run(*options)
    assert done.exit_code == 2
    assert words in done.output


class Laptop:
    max_connections, ceiling = 79, 67


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LaptopStack, "find", lambda *_: Laptop())


@pytest.mark.parametrize(
    ("ending", "status"), [(LaptopError("pgbench failed: no reason"), 1), (KeyboardInterrupt(), 130)]
)
def test_what_was_measured_before_the_end_is_shown(
    laptop: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: BaseException, status: int
) -> None:
    def half(stack: object, result: StormResult, say: object) -> None:
        result.phases["direct"] = phase("direct", [1.0], refused=3)
        raise ending

    monkeypatch.setattr(run_module, "run_storm", half)
    done = run("--report", str(tmp_path / "storm.html"))
    assert done.exit_code == status
    assert "refused" in done.output
    assert (tmp_path / "storm.html").exists()


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A stack on AWS that notes whether it was invoked."""
    invoked: list[str] = []
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    function = DeployedFunction(name="app", megabytes=256, timeout=15, architecture="arm64")
    monkeypatch.setattr(DeployedStack, "find", lambda *_: DeployedStack([function], {}))
    monkeypatch.setattr(DeployedStack, "run_storm", lambda *_: invoked.append("all"))
    return invoked


def test_a_storm_that_costs_money_says_how_much_and_does_not_begin_unasked(deployed: list[str]) -> None:
    done = run("--stack", "dev", "--environments", "10")
    assert done.exit_code == 2
    assert "138 GB-seconds" in done.output and "$0." in done.output and "--yes" in done.output
    assert deployed == []


def test_a_confirmed_one_begins(deployed: list[str]) -> None:
    assert run("--stack", "dev", "--environments", "10", "--yes").exit_code == 0
    assert deployed == ["all"]


def test_a_report_that_cannot_be_written_is_told_and_the_result_is_not_lost(
    laptop: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def brief(stack: object, result: StormResult, say: object) -> None:
        result.phases["direct"] = phase("direct", [1.0], refused=3)

    monkeypatch.setattr(run_module, "run_storm", brief)
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    done = run("--json", "--report", str(in_the_way / "storm.html"))
    assert done.exit_code == 2
    assert "cannot be written: File exists; name another file" in " ".join(done.output.split())
    assert '"phases"' in done.output
