"""`python -m ops pins run`: the command's own end, and what it pinned."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ops.__main__ import app
from ops.pins import run as module
from tests.ops.pins.sources import LOCK, SET, Proxy, of
from tests.waiting import until

_ROOT = Path(__file__).resolve().parents[3]


def run(monkeypatch: pytest.MonkeyPatch, *words: str, proxies: tuple[Proxy, ...]) -> Result:
    monkeypatch.setattr(module, "sources", lambda *_, **__: of(*proxies))
    return CliRunner().invoke(app, ["pins", "run", *words])


def test_a_command_that_pins_nothing_ends_well_whatever_was_pinned_before(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, "--", "true", proxies=(Proxy({SET: 7}, {SET: 7}),))
    assert done.exit_code == 0
    assert done.stderr == "0 sessions pinned that count, 0 allowed\n"


def test_what_it_pins_is_told_with_what_avoids_it_and_fails_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = run(monkeypatch, "--", "true", proxies=(Proxy({SET: 1}, {SET: 3}), Proxy({}, {LOCK: 1}, name="reports")))
    assert done.exit_code == 3
    assert "set timezone = $1" in done.stderr and "user app, application shop, function orders" in done.stderr
    assert "pg_advisory_xact_lock" in done.stderr
    assert done.stderr.endswith("3 sessions pinned that count, 0 allowed\n")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--allow", "3"], 0),
        (["--allow", "2"], 3),
        (["--allow-rule", "set"], 3),
        (["--allow-rule", "set", "--allow-rule", "advisory-lock"], 0),
        (["--user", "jobs", "--allow", "1"], 0),
        (["--user", "app", "--allow", "1"], 3),
        (["--application", "another"], 0),
    ],
)
def test_some_pins_can_be_allowed_and_those_of_others_left_out(
    monkeypatch: pytest.MonkeyPatch, options: list[str], status: int
) -> None:
    done = run(monkeypatch, *options, "--", "true", proxies=(Proxy({}, {SET: 2, LOCK: 1}),))
    assert done.exit_code == status, done.stderr
    assert ("pinned by others" in done.stderr) is (options[0] != "--allow" and "rule" not in options[0])


def test_a_command_that_fails_keeps_its_own_status_and_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, sys.executable, "-c", "raise SystemExit(5)", proxies=(Proxy({}, {SET: 1}),))
    assert done.exit_code == 5
    assert "1 session pinned that count" in done.stderr


@pytest.mark.parametrize(("status", "told"), [(0, 2), (5, 5)])
def test_a_gate_that_is_gone_meanwhile_is_no_success(monkeypatch: pytest.MonkeyPatch, status: int, told: int) -> None:
    done = run(monkeypatch, sys.executable, "-c", f"raise SystemExit({status})", proxies=(Proxy({}),))
    assert done.exit_code == told
    assert "the proxy orders (its gate) does not answer" in done.stderr


def test_a_command_that_there_is_not_has_the_status_that_a_shell_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, "--", "/no/such/command", proxies=(Proxy({}),))
    assert (done.exit_code, done.stderr) == (127, "error: /no/such/command cannot be run: No such file or directory\n")


def test_a_rule_that_there_is_not_is_met_with_one_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, "--allow-rule", "advisory", "--", "true", proxies=(Proxy({}),))
    assert (done.exit_code, done.stderr) == (2, 'error: there is no rule "advisory"; did you mean advisory-lock?\n')


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_goes_to_the_command_and_what_it_pinned_is_told(number: signal.Signals, tmp_path: Path) -> None:
    program = """
        import sys
        from pathlib import Path
        from ops.pins import run
        from tests.ops.pins.sources import SET, Proxy, of
        import typer
        run.sources = lambda *_, **__: of(Proxy({}, {SET: 1}))
        app = typer.Typer()
        app.command(context_settings=run.CONTEXT)(run.run)
        app(["--", sys.executable, "-c", "import signal; print(1, flush=True); signal.pause()"])
    """
    (tmp_path / "program.py").write_text(textwrap.dedent(program))
    with (
        (tmp_path / "out").open("w+") as out,
        subprocess.Popen(
            [sys.executable, str(tmp_path / "program.py")],
            env={"PYTHONPATH": str(_ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        until(lambda: (tmp_path / "out").read_text() == "1\n")
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert "1 session pinned that count" in said
    assert process.returncode == 128 + number, said
