"""The examples of docs/ops.md that look at the laptop stack, executed on one."""

import json
import re

import pytest

from tests.end_to_end.checkouts import ROOT, Checkout
from tests.ops.test_document import EXAMPLES

pytestmark = [pytest.mark.engine, pytest.mark.servers]

# Storms and chaos take minutes and have end-to-end tests of their own; other stacks are on AWS; without --seconds a
# watch goes on for ever.
_LOOKS = [
    example
    for example in EXAMPLES
    if any(f" ops {name}" in example for name in ("doctor", "invoke", "logs", "outputs", "psql -", "watch --seconds"))
    and "--stack" not in example
    and "--errors" not in example  # a stack that has none is told so, with nothing to read
]


@pytest.mark.parametrize("example", _LOOKS)
def test_an_example_of_the_page_works_on_the_laptop_stack(up: Checkout, example: str) -> None:
    proxy = up.outputs()["proxyEndpoint"].partition(".")[0]
    done = up.run("bash", "-c", example.replace("--proxy orders", f"--proxy {proxy}"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def _laptop_half() -> list[str]:
    """What docs/first-deployment.md has a reader type once the stack is up, in the shell of `make env`."""
    page = (ROOT / "docs" / "first-deployment.md").read_text().partition("## On AWS")[0]
    typed = re.findall(r"^\$ (.+)$", page, re.MULTILINE)
    assert typed[1:4] == ["make setup", "make up", 'eval "$(make -s env)"']  # the copy's set-up, `up` and shell
    return typed[4:]


@pytest.mark.parametrize("command", _laptop_half())
def test_a_command_of_the_first_deployments_laptop_half_works_as_it_says(up: Checkout, command: str) -> None:
    shown = {"ops invoke": '"ok": true', "ops doctor": "✓ healthy", "make preview": "unchanged"}
    done = up.run("bash", "-c", command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert next(words for name, words in shown.items() if name in command) in done.stdout, done.stdout


@pytest.mark.parametrize(("option", "user"), [("", "app"), ("--direct", "db_admin")])
def test_the_lines_for_other_clients_log_in_in_a_shell_of_their_own(up: Checkout, option: str, user: str) -> None:
    asked = f"""eval "$(python -m ops psql {option} --print | grep ^export)" && psql -Atc 'select current_user'"""
    assert up.run("bash", "-c", asked).stdout.strip() == user


def test_pulumi_itself_shows_the_logs_of_the_laptop_stack(up: Checkout) -> None:
    up.must_answer()
    done = up.pulumi("logs", "-s", "local")
    assert done.returncode == 0, done.stderr
    # The engine reads a line of the function and of its group, and keeps whichever came first, cut to 30 characters.
    assert re.search(r"\[ *(/aws/lambda/|lambda-rds-proxy-local-)", done.stdout), done.stdout
    assert "START RequestId: " in done.stdout, done.stdout


def test_the_doctor_of_a_fresh_stack_sees_its_configuration_and_no_drift(up: Checkout) -> None:
    (proxy,) = json.loads(up.run("python", "-m", "ops", "doctor", "--seconds", "1", "--json").stdout)["proxies"]
    assert (proxy["finding"], proxy["drift"], proxy["notSeen"]) == (False, [], [])
    assert proxy["evidence"]["allowed"] == up.outputs()["connectionBudget"]["ceiling"]


def test_a_configuration_that_was_changed_and_not_brought_up_is_drift(up: Checkout) -> None:
    up.pulumi("config", "set", "maxConnectionsPercent", "50", "-s", "local")
    done = up.run("python", "-m", "ops", "doctor", "--seconds", "1", "--json")
    assert done.returncode == 1
    (proxy,) = json.loads(done.stdout)["proxies"]
    (drift,) = proxy["drift"]
    assert "maxConnectionsPercent is 85 % at the proxy and 50 % in the stack's configuration" in drift
