"""The acceptance workflow makes one stack of its own, and destroys it whatever happened; its summary says what it cost.

Its commands are run in tests/end_to_end/test_acceptance.py.
"""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from ops.__main__ import app
from tests.waiting import LIMIT_SECONDS
from tests.workflows.workflow import ROOT, loaded, program, run, script, workflow

_WORKFLOW = workflow("acceptance")
_JOBS = _WORKFLOW["jobs"]
_FOLDER = ROOT / ".github" / "acceptance"
_COST = {"currency": "USD", "region": "us-east-1", "asOf": "2026-06", "total": 73.0, "lines": {"database": 73.0}}


def _steps(job: str) -> list[str]:
    return [step["name"] for step in _JOBS[job]["steps"] if "name" in step]


def test_somebody_starts_it_by_hand_and_chooses_database_region_and_storm() -> None:
    assert set(_WORKFLOW["on"]) == {"workflow_dispatch"}
    inputs = _WORKFLOW["on"]["workflow_dispatch"]["inputs"]
    assert inputs["database"]["options"] == ["postgresql", "mysql", "aurora-postgresql", "aurora-mysql"]
    dev = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    defaults = {name: each["default"] for name, each in inputs.items()}
    assert defaults == {"database": "postgresql", "region": dev["aws:region"], "environments": 50}


def test_it_goes_from_preflight_to_drift_in_this_order() -> None:
    assert _steps("acceptance") == ["configure", "preflight", "up", "invoke", "doctor", "storm", "drift"]


@pytest.mark.parametrize(
    ("database", "engine", "kind"),
    [
        ("postgresql", "postgresql", "instance"),
        ("mysql", "mysql", "instance"),
        ("aurora-postgresql", "postgresql", "cluster"),
        ("aurora-mysql", "mysql", "cluster"),
    ],
)
def test_each_choice_becomes_an_engine_and_a_kind(tmp_path: Path, database: str, engine: str, kind: str) -> None:
    (tmp_path / "Pulumi.acceptance.yaml").write_text("config: {}\n")
    program(tmp_path, "pulumi", '#!/bin/sh\necho "$*" >> asked\n')
    given = {"STACK": "acme/acceptance-1", "REGION": "eu-west-3", "BOUNDARY": "", "SECRETS_PROVIDER": ""}
    done = run(script(_JOBS["acceptance"]["steps"], "configure"), tmp_path, DATABASE=database, **given)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "Pulumi.acceptance-1.yaml").read_text() == "config: {}\n"
    of = "config set --stack acme/acceptance-1"
    assert (tmp_path / "asked").read_text().splitlines() == [
        "stack init acme/acceptance-1 --no-select --secrets-provider default",
        f"{of} aws:region eu-west-3",
        f"{of} engine {engine}",
        f"{of} kind {kind}",
        f"{of} --path tags.acceptance acceptance-1",
    ]


def test_every_step_ends() -> None:
    for name, job in _JOBS.items():
        for step in job["steps"]:
            assert step["timeout-minutes"] <= job["timeout-minutes"], name
        assert sum(step["timeout-minutes"] for step in job["steps"]) <= job["timeout-minutes"] + 15, name


def test_a_stack_is_destroyed_in_a_job_of_its_own_that_no_failure_and_no_cancelling_ends_and_no_reviewer_holds() -> (
    None
):
    """A cancelled job ends in five minutes, `always()` or not: docs.github.com, "Workflow cancellation reference"."""
    job = _JOBS["destroy"]
    assert job["needs"] == "acceptance"
    assert "always()" in job["if"]
    assert job["environment"] == "acceptance-destroy" != _JOBS["acceptance"]["environment"]
    assert [name for name in _steps("destroy") if " " not in name] == [
        *("find", "cost", "unlock", "pending", "destroy", "remove")
    ]
    for step in job["steps"]:
        if step.get("name") in ("destroy", "remove"):  # the stack is removed only when nothing is left
            assert step["if"] == "steps.find.outputs.stack != ''"
            assert "continue-on-error" not in step


def test_its_credentials_are_asked_for_as_those_of_other_stacks_and_last_for_two_hours() -> None:
    def steps(action: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = loaded(ROOT / ".github" / "actions" / action / "action.yml")["runs"]["steps"]
        return found

    def of(action: str, used: str) -> dict[str, Any]:
        return next(step for step in steps(action) if step.get("uses", "").startswith(used))

    assert steps("shell")[0] == steps("stack")[0]  # a token on Pulumi Cloud is a team's
    assert of("shell", "pulumi/auth-actions@") == of("stack", "pulumi/auth-actions@")
    longer = of("shell", "aws-actions/")
    assert longer["with"].pop("role-duration-seconds") == 7200
    assert longer == of("stack", "aws-actions/")


def test_nothing_before_the_destroying_can_keep_it_from_beginning_but_that_there_is_no_stack() -> None:
    steps = [step for step in _JOBS["destroy"]["steps"] if "name" in step]
    at = [step["name"] for step in steps].index("destroy")
    assert [step["name"] for step in steps[:at] if not step.get("continue-on-error")] == ["find"]
    unknown = steps[at + 1]
    assert unknown["if"] == "steps.pending.outputs.pending != '' || steps.pending.outcome == 'failure'"


def test_no_command_names_another_stack_than_that_of_the_run() -> None:
    assert re.search(r"acceptance-\$\{\{ github\.run_id \}\}$", _WORKFLOW["env"]["STACK"])
    commands = [
        line
        for job in _JOBS.values()
        for step in job["steps"]
        for line in re.split(r"\n|; then ", step.get("run", "").replace("\\\n", " "))
        if re.search(r"\b(pulumi|-m ops) [a-z]", line)
    ]
    assert len(commands) > 12
    for line in commands:
        assert re.search(r'(--stack|stack (init|select)) "\$STACK"', line), line
        assert not re.search(r"--force|--remove", line)


def test_every_command_of_ops_has_these_options() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    found = [
        shlex.split(line.replace("$ENVIRONMENTS", "50"))[3:]
        for step in _JOBS["acceptance"]["steps"]
        for line in re.findall(r"^python -m ops [^|]+", step.get("run", ""), re.MULTILINE)
    ]
    assert [name for name, *_ in found] == ["preflight", "invoke", "doctor", "storm"]
    for name, *words in found:
        commands[name].make_context(name, words)


def test_the_template_is_the_smallest_stack_that_the_roles_of_acceptance_know() -> None:
    config = yaml.safe_load((ROOT / "Pulumi.acceptance.yaml").read_text())["config"]
    assert config["lambda-rds-proxy:tags"] == {"pulumi-stack": "lambda-rds-proxy/acceptance"}
    dev = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    assert {key: value for key, value in config.items() if not key.endswith("tags")} == {
        key: value for key, value in dev.items() if not key.endswith("tags")
    }


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        ({"served": 900, "failed": {}}, 0),
        ({"served": 900, "failed": {"TooManyRequestsException": 400}}, 0),
        ({"served": 0, "failed": {"TooManyRequestsException": 400}}, 1),
        ({"served": 900, "failed": {"OperationalError": 1}}, 1),
    ],
)
def test_a_storm_is_well_when_only_the_account_refused_something(
    tmp_path: Path, phase: dict[str, Any], status: int
) -> None:
    _python(tmp_path, f"echo '{json.dumps({'phases': {'proxy': phase}})}'")
    text = script(_JOBS["acceptance"]["steps"], "storm")
    done = run(text, tmp_path, "-o", "pipefail", STACK="acceptance-1", ENVIRONMENTS="50")
    assert done.returncode == status, done.stderr
    assert ("::error::the storm was served" in done.stderr) == bool(status)


def _python(folder: Path, ops: str) -> None:
    """A python whose `-m ops` does this, and which runs files as it does."""
    (folder / ".github").symlink_to(ROOT / ".github")
    program(folder, "python", f'#!/bin/sh\nif [ "$1" != -m ]; then exec "{sys.executable}" "$@"; fi\n{ops}\n')


def test_a_storm_that_did_not_run_ends_the_job(tmp_path: Path) -> None:
    program(tmp_path, "python", "#!/bin/sh\nexit 1\n")
    text = script(_JOBS["acceptance"]["steps"], "storm")
    assert run(text, tmp_path, "-o", "pipefail", STACK="acceptance-1", ENVIRONMENTS="50").returncode == 1


def test_the_shell_of_the_steps_has_the_engine_and_pipefail(tmp_path: Path) -> None:
    assert _WORKFLOW["defaults"]["run"]["shell"] == "bash .github/acceptance/shell.sh {0}"
    program(tmp_path, "python3", f"#!/bin/sh\necho {tmp_path}/engine\n")
    program(tmp_path / "engine", "bin/pulumi", "")
    (tmp_path / "step").write_text('printf "%s" "${PATH%%:/usr*}"\nfalse | true\necho unreached\n')
    done = run(f"bash {_FOLDER}/shell.sh step", tmp_path)
    assert (done.returncode, "unreached" in done.stdout) == (1, False)
    assert done.stdout.startswith(f"{tmp_path}/engine:{tmp_path}/.venv/bin:")


def test_without_an_engine_a_step_does_not_begin(tmp_path: Path) -> None:
    program(tmp_path, "python3", "#!/bin/sh\nexit 1\n")
    (tmp_path / "step").write_text("echo begun\n")
    done = run(f"bash {_FOLDER}/shell.sh step", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(
    ("said", "status", "output"),
    [
        ("", 0, "stack=acceptance-1"),
        ("error: no stack named 'acceptance-1' found", 0, ""),
        ("error: AccessDenied", 1, ""),
    ],
)
def test_what_was_never_made_is_not_destroyed(tmp_path: Path, said: str, status: int, output: str) -> None:
    program(tmp_path, "pulumi", f'#!/bin/sh\necho "{said}" >&2\n[ -z "{said}" ]\n')
    (tmp_path / "output").touch()
    done = run(
        script(_JOBS["destroy"]["steps"], "find"),
        tmp_path,
        STACK="acceptance-1",
        GITHUB_OUTPUT=str(tmp_path / "output"),
    )
    assert (done.returncode, (tmp_path / "output").read_text().strip()) == (status, output)


def test_what_aws_was_making_when_up_was_killed_is_told_and_the_stack_is_kept(tmp_path: Path) -> None:
    urn = "urn:pulumi:acceptance-1::lambda-rds-proxy::aws:rds/instance:Instance::database"
    operations = [{"type": "creating", "resource": {"urn": urn}}, {"type": "deleting", "resource": {"urn": "other"}}]
    state = json.dumps({"version": 3, "deployment": {"pending_operations": operations}})
    program(tmp_path, "pulumi", f"#!/bin/sh\necho '{state}'\n")
    _python(tmp_path, "exit 9")
    (tmp_path / "output").touch()
    steps = _JOBS["destroy"]["steps"]
    done = run(
        script(steps, "pending"), tmp_path, "-o", "pipefail", STACK="acceptance-1", GITHUB_OUTPUT=f"{tmp_path}/output"
    )
    assert (done.returncode, (tmp_path / "output").read_text()) == (0, f"pending={urn}\n")
    told = run(script(steps, "AWS may have what nobody knows of"), tmp_path, PENDING=urn)
    assert told.returncode == 1  # and so nothing is removed, and what to do is said
    assert f"delete it: {urn}" in told.stdout
    assert _steps("destroy").index("AWS may have what nobody knows of") == _steps("destroy").index("remove") - 1


def test_what_is_left_is_said_loudly_with_the_commands() -> None:
    step = next(each for each in _JOBS["destroy"]["steps"] if each.get("name", "").startswith("What to do"))
    assert step["if"] == "${{ failure() || cancelled() }}"
    done = _script("left.py", "acme/acceptance-1", "eu-west-1")
    assert done.startswith("::error::acme/acceptance-1 may still be there, and costs money")
    for command in ("pulumi cancel", "pulumi destroy", "pulumi stack rm"):
        assert f"$ {command} --yes --stack acme/acceptance-1" in done
    assert "--region eu-west-1 --tag-filters Key=acceptance,Values=acceptance-1 " in done
    # `destroy` forgets what the state does not know, so that is looked for first.
    assert done.index("get-resources") < done.index("--clear-pending-creates")


def _script(name: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-I", str(_FOLDER / name), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_SECONDS,
    )
    return done.stdout


def _job(name: str, **steps: tuple[str, str, str]) -> dict[str, Any]:
    """As GitHub answers `actions/runs/RUN/attempts/ATTEMPT/jobs` (docs.github.com/rest/actions/workflow-jobs)."""
    listed = [
        {
            "name": name,
            "conclusion": ended,
            "started_at": began and f"2026-11-28T{began}Z",
            "completed_at": over and f"2026-11-28T{over}Z",
        }
        for name, (ended, began, over) in steps.items()
    ]
    return {"name": name, "steps": listed}


_WELL = [
    _job("acceptance", up=("success", "10:00:00", "10:21:30"), storm=("success", "10:22:00", "10:22:50")),
    _job("destroy", cost=("success", "10:29:00", "10:29:05"), destroy=("success", "10:30:00", "11:00:00")),
    {"name": "summary", "steps": [{"name": "summary", "conclusion": None, "started_at": None, "completed_at": None}]},
]


def _summary(tmp_path: Path, jobs: list[dict[str, Any]], cost: str) -> str:
    (tmp_path / "jobs.json").write_text(json.dumps({"total_count": len(jobs), "jobs": jobs}))
    return _script("summary.py", str(tmp_path / "jobs.json"), COST=cost)


def test_the_summary_has_every_step_with_its_time_and_the_share_of_the_monthly_cost(tmp_path: Path) -> None:
    text = _summary(tmp_path, _WELL, json.dumps(_COST))
    assert "| acceptance | up | success | 21 min 30 s |" in text
    assert "| acceptance | storm | success | 50 s |" in text
    # An hour of a month of 730.
    assert "at most 60 minutes, which is about 0.10 USD of 73.00 USD a month" in text
    assert "Left out: " in text


@pytest.mark.parametrize(
    ("jobs", "cost", "said"),
    [
        ([_job("acceptance", preflight=("failure", "10:00:00", "10:00:09"))], "", "It cost nothing"),
        ([_job("acceptance", up=("skipped", "10:00:00", "10:00:00"))], "", "It cost nothing"),
        (_WELL[:1], "", "It may cost money still"),
        ([_WELL[0], _job("destroy", destroy=("failure", "10:30:00", "11:00:00"))], "", "It may cost money still"),
        (
            [
                _WELL[0],
                _job("destroy", destroy=("success", "10:30:00", "11:00:00"), left=("failure", "11:00:01", "11:00:02")),
            ],
            "",
            "It may cost money still",
        ),
        (_WELL, "", "is not known"),
        (_WELL, json.dumps({**_COST, "total": None}), "is not known"),
    ],
)
def test_the_summary_says_when_it_cost_nothing_or_costs_still_or_cannot_tell(
    tmp_path: Path, jobs: list[dict[str, Any]], cost: str, said: str
) -> None:
    text = _summary(tmp_path, jobs, cost)
    assert said in text
    assert not re.search(r"about \d", text)
