"""docs/first-deployment.md and docs/troubleshooting.md: their prices, times and sources are there."""

import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lambda_rds_proxy import ServerlessDatabase
from lambda_rds_proxy.engines import Engine, Profile, TargetKind
from lambda_rds_proxy.function import vpc_function
from lambda_rds_proxy.preflight.questions import judge
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from ops.storm.cost import at_most
from tests.components.declared import arguments, declare
from tests.components.preflight.samples import good, needs
from tests.waiting import LIMIT_SECONDS

ROOT = Path(__file__).resolve().parents[2]
_FIRST = (ROOT / "docs" / "first-deployment.md").read_text()
_TROUBLE = (ROOT / "docs" / "troubleshooting.md").read_text()
_ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in _TROUBLE.splitlines()
    if line.startswith("| ") and not line.startswith("| what you read")
]
_HOURS = 730


def test_readers_find_both_pages() -> None:
    for page in ("README.md", "docs/pull-requests.md"):
        assert "first-deployment.md" in (ROOT / page).read_text(), page
    assert "docs/troubleshooting.md" in (ROOT / "README.md").read_text()


@cache
def _monthly(**choices: Any) -> float:
    found: list[ServerlessDatabase] = []

    def program() -> Any:
        args = arguments(ServerlessDatabaseArgs, {"functions": {"app": {"path": "handler"}}, **choices})
        found.append(ServerlessDatabase("database", args))
        return found[0].proxy_endpoint

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vpc_function, "build_package", lambda *_, **__: Path(__file__))
        declare(program, stack="dev", project="lambda-rds-proxy")
    cost = found[0].monthly_cost()
    assert cost is not None and cost.total is not None
    return cost.total


@pytest.mark.parametrize(
    ("said", "choices"),
    [
        (r"([\d.]+) USD an hour from then on: (\d+) a month", {}),
        (r"([\d.]+) USD an hour, (\d+) a month", {"kind": TargetKind.CLUSTER, "engine": Engine.MYSQL}),
        (r"About (\d+) USD a month before load()", {"profile": Profile.PROD, "rotation_days": 30, "storage_gib": 100}),
    ],
)
def test_what_it_costs_is_what_the_table_of_prices_says(said: str, choices: dict[str, Any]) -> None:
    is_prod = "profile" in choices
    total = _monthly(**choices, **({"instance_class": "db.m7g.large"} if is_prod else {}))
    found = re.search(said, _FIRST)
    assert found
    month = float(found[1] if is_prod else found[2])
    assert month == pytest.approx(total, rel=0.1)
    assert is_prod or float(found[1]) == pytest.approx(total / _HOURS, abs=0.01)


def test_the_storm_costs_what_the_command_will_say() -> None:
    cost = at_most(environments=50, seconds=30 + 10 + 15, megabytes=256, architecture="arm64")
    assert re.findall(r"(?:about|at most) ([\d.]+) USD(?:,| \|)", _FIRST)[-1] == f"{cost.dollars:.2f}"
    assert f"at most {cost.dollars:.2f} USD |" in _FIRST


def test_every_time_of_aws_has_a_source_or_is_called_an_estimate() -> None:
    tables = re.findall(r"^\| AWS (?:makes|takes away) \|.*\n\|[-|]+\n((?:\|.*\n)+)", _FIRST, re.MULTILINE)
    assert len(tables) == 2
    for row in "".join(tables).splitlines():
        assert re.search(r"https://github\.com/|estimate|the program's own limit", row.split(" | ")[2]), row


def test_the_policies_of_acceptance_are_filled_in_and_those_that_the_loop_names_are_all(tmp_path: Path) -> None:
    (fill,) = re.findall(r"^\$ (fill\(\) .*)$", _FIRST, re.MULTILINE)
    (listed,) = re.findall(r'^\$ export POLICIES="([\w ]+)"$', _FIRST, re.MULTILINE)
    names = listed.split()
    assert re.findall(r"for each in (\S+); do", _FIRST) == ["$POLICIES"] * 2
    text = "; ".join([fill, *(f"fill {name}" for name in [*names, "boundary"]), "fill trust acceptance-destroy"])
    given = {
        **os.environ,
        "ACCOUNT": "123456789012",
        "AWS_REGION": "eu-central-1",
        "STATES": "acme-states",
        "STATE_KEY": "1234abcd-12ab-34cd-56ef-1234567890ab",
        "OWNER": "acme",
        "REPOSITORY": "lambda-rds-proxy",
        "FILLED": str(tmp_path),
    }
    subprocess.run(["bash", "-ec", text], check=True, cwd=ROOT, env=given, timeout=LIMIT_SECONDS)
    for name in [*names, "boundary", "trust"]:
        filled = (tmp_path / f"{name}.json").read_text()
        assert json.loads(filled)["Version"] == "2012-10-17"
        assert re.findall(r"\b(?!DATA_KEY)[A-Z_]{3,}\b", filled) == [], name
    assert "environment:acceptance-destroy" in (tmp_path / "trust.json").read_text()
    assert "lambda-rds-proxy/acceptance-*" in (tmp_path / "acceptance.json").read_text()


def test_what_a_good_account_is_shown_to_say_is_what_preflight_says() -> None:
    (rows,) = re.findall(r"\| question \| verdict \| what was found \|\n\|[-|]+\n((?:\|.*\n)+)", _FIRST)
    said = [f"| {each.question} | {each.verdict} | {each.found} |" for each in judge(needs("dev"), good("dev"))]
    assert set(rows.splitlines()) <= set(said)


def test_every_known_answer_is_told_with_cause_fix_prevention_and_where_it_is_known_from() -> None:
    assert len(_ROWS) >= 30
    assert f"\n{len(_ROWS)} answers" in _TROUBLE
    for row in _ROWS:
        assert len(row) == 5 and all(row), row
        source = r"https://(github\.com/[\w.-]+/[\w.-]+/(issues|pull)/\d+|docs\.aws\.amazon\.com/)"
        assert re.search(source, row[4]), row[0]
        assert row[0].startswith("no error") or re.match(r"`[^`]+`$", row[0]), row[0]


def test_no_answer_is_told_twice() -> None:
    said = [row[0] for row in _ROWS]
    assert sorted(set(said)) == sorted(said)


def test_every_test_that_prevents_something_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", _TROUBLE)
    assert len(named) > 30
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not re.search(rf"^def {name}\b", (ROOT / path).read_text(), re.MULTILINE)
    ]
    assert missing == []
