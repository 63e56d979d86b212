"""The workflows keep the rules that make them safe to run on anybody's pull request."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import LIMIT_SECONDS
from tests.workflows.workflow import ACTIONS, FILES, ROOT, jobs, loaded, workflow
from toolchain.environments import venv_python
from toolchain.go_programs import get_program

_BIN = venv_python(ROOT).parent
# Triggers that run with the repository's rights on what a stranger wrote.
_DANGEROUS = {"pull_request_target", "workflow_run", "issue_comment", "pull_request_review", "issues", "discussion"}
_JOBS = dict(jobs())


def test_there_are_the_eight_workflows() -> None:
    names = ["acceptance", "audit", "ci", "deploy", "drift", "policies", "preview", "release"]
    assert [path.stem for path in FILES] == names


def test_actionlint_finds_nothing() -> None:
    command = [str(get_program("actionlint")), "-no-color", "-shellcheck", str(_BIN / "shellcheck")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_and_shellcheck_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ githb.sha }} $x\n"
    )
    command = [str(get_program("actionlint")), "-no-color", "-shellcheck", str(_BIN / "shellcheck"), str(bad)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    assert done.returncode == 1
    assert "githb" in done.stdout
    assert "SC2086" in done.stdout


def test_zizmor_finds_nothing() -> None:
    command = [str(_BIN / "zizmor"), "--offline", "--no-progress", "--strict-collection", ".github"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_trigger_runs_a_strangers_code_with_the_repositorys_rights(path: Path) -> None:
    triggers = loaded(path)["on"]
    assert not _DANGEROUS & set(triggers)


@pytest.mark.parametrize("path", FILES + ACTIONS, ids=lambda path: path.parent.name + "/" + path.name)
def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it(path: Path) -> None:
    used = [line.strip() for line in path.read_text().splitlines() if re.match(r"\s*(- )?uses:", line)]
    assert used
    for line in used:
        assert re.search(r"uses: (\./\.github/actions/\w+|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$", line), line


def test_one_action_has_one_commit_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in FILES + ACTIONS:
        for action, pin in re.findall(r"uses: ([\w./-]+)@(\S+ # \S+)", path.read_text()):
            pins.setdefault(action, set()).add(pin)
    assert pins
    assert {action: pin for action, pin in pins.items() if len(pin) > 1} == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_workflow_grants_nothing_and_each_job_what_it_needs(path: Path) -> None:
    document = loaded(path)
    assert document["permissions"] == {}
    for name, job in document["jobs"].items():
        assert job["permissions"], name
        writes = {scope for scope, right in job["permissions"].items() if right == "write"}
        assert writes <= {"id-token", "pull-requests", "contents"}, name
        assert len(writes) < 2, f"{name} could both assume a role and write to the request"
        if "contents" in writes:
            assert document["on"] == {"push": {"tags": ["v*"]}}
            used = [step["uses"].split("@")[0] for step in job["steps"] if "uses" in step]
            assert used == ["actions/download-artifact"], f"{name} could run what it is to write"


def _installs(text: str) -> list[str]:
    return re.findall(r"^.*\bpip3? install\b.*$|^.*\b(?:npm|go|cargo|curl|wget|pipx|uvx?) .*$", text, re.MULTILINE)


def test_every_install_of_a_workflow_has_hashes() -> None:
    found = [line for path in FILES + ACTIONS for line in _installs(path.read_text())]
    assert len(found) > 3
    assert [line for line in found if "--require-hashes" not in line] == []


def test_known_vulnerabilities_are_asked_for_every_day_and_when_a_list_changes() -> None:
    on = workflow("audit")["on"]
    assert on["schedule"] == [{"cron": "41 4 * * *"}]
    assert {"**.in", "**.txt"} <= set(on["pull_request"]["paths"])
    assert any(step.get("run") == "make audit" for step in _JOBS["audit.audit"]["steps"])


@pytest.mark.parametrize("path", FILES + ACTIONS, ids=lambda path: path.parent.name + "/" + path.name)
def test_there_is_no_long_lived_key(path: Path) -> None:
    text = path.read_text()
    assert "secrets." not in text
    assert not re.search(r"aws-access-key-id|aws-secret-access-key|PULUMI_ACCESS_TOKEN|PASSPHRASE", text)


@pytest.mark.parametrize("name", _JOBS)
def test_who_can_assume_a_role_stands_behind_an_environment_and_never_runs_a_forks_code(name: str) -> None:
    job = _JOBS[name]
    if job["permissions"].get("id-token") != "write":
        assert "environment" not in job
        return
    assert job["environment"]
    if "pull_request" in workflow(name.split(".")[0])["on"]:
        conditions = job["if"]
        assert (
            "github.event.pull_request.head.repo.full_name == github.repository" in conditions
            or "startsWith(github.ref, 'refs/tags/policies-v')" in conditions
        )
        assert "||" not in conditions


@pytest.mark.parametrize("name", _JOBS)
def test_every_job_ends_and_every_checkout_forgets_its_token(name: str) -> None:
    job = _JOBS[name]
    assert job["timeout-minutes"] <= 120
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_two_runs_do_not_meet_and_no_change_of_a_stack_is_cancelled(path: Path) -> None:
    document = loaded(path)
    held = (
        [document["concurrency"]]
        if "concurrency" in document
        else [job["concurrency"] for job in document["jobs"].values()]
    )
    for each in held:
        assert each["group"]
        if path.stem in ("acceptance", "deploy", "drift", "policies", "release"):
            assert each["cancel-in-progress"] is False


def test_what_writes_the_comment_runs_none_of_the_requests_code() -> None:
    steps = _JOBS["preview.comment"]["steps"]
    assert not any(step.get("uses", "").startswith("./") for step in steps)
    (checkout,) = [step["with"] for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["ref"] == "${{ github.event.pull_request.base.sha }}"
    (artifact,) = [step["with"] for step in steps if step.get("uses", "").startswith("actions/download-artifact@")]
    assert artifact["path"] == "artifact"  # not over what was checked out
    for step in steps:
        for line in step.get("run", "").splitlines():
            assert "python3" not in line or "python3 -I " in line


def test_what_leaves_a_run_is_what_the_filter_let_through() -> None:
    uploaded = [
        step["with"]["path"]
        for name, job in _JOBS.items()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/upload-artifact@") and name.startswith("preview")
    ]
    assert uploaded == ["printed.txt"]
    for path in FILES + ACTIONS:
        for line in path.read_text().splitlines():
            assert not re.search(r"(cat|tail|head)\b.*(pulumi|preview)\.txt", line), path.name


def test_a_fork_is_previewed_on_the_laptop_stack_without_any_right() -> None:
    job = _JOBS["preview.laptop"]
    assert job["permissions"] == {"contents": "read"}
    assert "head.repo.full_name != github.repository" in job["if"]
    assert any("make preview" in step.get("run", "") for step in job["steps"])


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    commands = [step.get("run") for step in _JOBS["ci.up-and-test"]["steps"]]
    assert commands.index("make up") < commands.index("make test")
    readme = (ROOT / "README.md").read_text()
    assert "$ make up\n" in readme
    assert "$ make test\n" in readme


def test_the_engine_comes_from_the_toolchain_which_verifies_it_before_any_credential() -> None:
    users = [
        path for path in FILES + ACTIONS if re.search(r"^ +(run: )?(venv/bin/)?pulumi ", path.read_text(), re.MULTILINE)
    ]
    names = {path.parent.name + "/" + path.name for path in users}
    assert names == {"workflows/acceptance.yml", "workflows/policies.yml", "stack/action.yml"}
    for path in users:
        text = path.read_text()
        if path.stem == "acceptance":  # its engine and its credentials are the action's, in every job that has some
            for job in loaded(path)["jobs"].values():
                used = [step.get("uses", step.get("name")) for step in job["steps"]]
                first = next((at for at, step in enumerate(job["steps"]) if "pulumi" in step.get("run", "")), len(used))
                assert "./.github/actions/shell" in used[:first] or "id-token" not in job["permissions"]
            text = (ROOT / ".github" / "actions" / "shell" / "action.yml").read_text()
            assert text.index("toolchain engine") < text.index("configure-aws-credentials@")
            assert text.index("toolchain engine") < text.index("auth-actions")
            continue
        assert "pulumi/actions@" not in text
        for steps in [text] if path in ACTIONS else text.split("  publish:\n"):
            assert steps.index("python3 -m toolchain engine") < steps.index(" pulumi ")
            assert "auth-actions" not in steps or steps.index("toolchain engine") < steps.index("auth-actions")


def _stack_step(job: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = next(step["with"] for step in job["steps"] if step.get("uses") == "./.github/actions/stack")
    return found


def test_stacks_come_up_one_after_the_other_each_in_its_environment() -> None:
    for stack in ("dev", "prod"):
        job = _JOBS[f"deploy.{stack}"]
        assert (job["environment"], _stack_step(job)["stack"]) == (stack, stack)
        assert _stack_step(job)["command"] == "up --yes"
    assert _JOBS["deploy.prod"]["needs"] == "dev"
    assert "refs/heads/main" in _JOBS["deploy.dev"]["if"]


def test_only_deploy_changes_a_stack() -> None:
    for name, job in _JOBS.items():
        if any(step.get("uses") == "./.github/actions/stack" for step in job["steps"]) and not name.startswith(
            "deploy"
        ):
            assert _stack_step(job)["command"].split()[0] == "preview"


def test_drift_is_looked_for_in_aws_itself_on_a_schedule() -> None:
    assert workflow("drift")["on"]["schedule"]
    assert _stack_step(_JOBS["drift.drift"])["command"] == "preview --refresh --expect-no-changes"


def test_what_publishes_the_packages_runs_none_of_their_code() -> None:
    job = _JOBS["release.pypi"]
    assert job["permissions"] == {"id-token": "write"} and job["environment"] == "pypi"
    assert [step["uses"].split("@")[0] for step in job["steps"]] == [
        "actions/download-artifact",
        "pypa/gh-action-pypi-publish",
    ]
    assert not any("run" in step for step in job["steps"])
    build = "\n".join(step.get("run", "") for step in _JOBS["release.build"]["steps"])
    assert build.index("python -m build --no-isolation") < build.index("python -m tests.packages.content dist")
