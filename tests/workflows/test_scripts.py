"""The scripts inside the workflows do what their names say: run here with stand-ins for pulumi and gh."""

import json
import shutil
from pathlib import Path

import pytest

from tests.workflows.workflow import ROOT, loaded, program, run, script, workflow

_GH = """#!/usr/bin/env python3
import json, pathlib, sys
store = pathlib.Path("comments.json")
comments = json.loads(store.read_text()) if store.exists() else []
arguments = sys.argv[2:]
if "--method" in arguments:
    method, address = arguments[arguments.index("--method") + 1], arguments[arguments.index("--method") + 2]
    body = pathlib.Path(arguments[arguments.index("--field") + 1].removeprefix("body=@")).read_text()
    if method == "POST":
        comments.append({"id": len(comments) + 1, "user": {"login": "github-actions[bot]"}, "body": body})
    else:
        next(each for each in comments if each["id"] == int(address.rsplit("/", 1)[1]))["body"] = body
    store.write_text(json.dumps(comments))
else:
    print(json.dumps([comments[:1], comments[1:]]))
"""
_STEPS = workflow("preview")["jobs"]


def comment(folder: Path) -> list[dict[str, object]]:
    text = script(_STEPS["comment"]["steps"], "Comment on the request")
    done = run(text, folder, GH_TOKEN="t", COMMENTS="repos/o/r/issues/7/comments", COMMENT="repos/o/r/issues/comments")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads((folder / "comments.json").read_text())
    return found


def written_comment(folder: Path, printed: str | None, outcome: str = "success") -> str:
    if printed is not None:
        (folder / "pulumi.txt").write_text(printed)
    text = script(_STEPS["aws"]["steps"], "Write the comment")
    done = run(text, folder, OUTCOME=outcome, HEAD="abc", RUN="https://example.invalid/run")
    assert done.returncode == 0, done.stderr
    return (folder / "comment.md").read_text()


def test_a_request_has_one_comment_that_is_written_anew(tmp_path: Path) -> None:
    program(tmp_path, "gh", _GH)
    marker = written_comment(tmp_path, "first").splitlines()[0]
    strangers = [
        {"id": 1, "user": {"login": "somebody"}, "body": f"{marker} not ours"},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "another workflow's"},
    ]
    (tmp_path / "comments.json").write_text(json.dumps(strangers))
    assert "first" in str(comment(tmp_path)[2]["body"])
    written_comment(tmp_path, "second")
    found = comment(tmp_path)
    assert found[:2] == strangers
    assert len(found) == 3
    assert "second" in str(found[2]["body"])
    assert "first" not in str(found[2]["body"])


def test_a_comment_fits_whatever_was_printed_and_keeps_its_end(tmp_path: Path) -> None:
    text = written_comment(tmp_path, "→" * 40_000 + "\nPolicies: the end\n", "failure")
    assert len(text) < 65_536
    assert "Policies: the end" in text
    assert "Preview of dev: failure" in text


def test_a_run_that_never_reached_pulumi_says_so(tmp_path: Path) -> None:
    assert "pulumi did not run" in written_comment(tmp_path, None, "failure")


def stack(folder: Path, pulumi: str, **variables: str) -> "tuple[int, str]":
    program(folder, "pulumi", f"#!/bin/sh\n{pulumi}\n")
    steps = loaded(ROOT / ".github" / "actions" / "stack" / "action.yml")["runs"]["steps"]
    given = {"COMMAND": "up --yes", "STACK": "dev", "BACKEND": "", "ORGANIZATION": "", **variables}
    done = run(script(steps, "pulumi"), folder, "-o", "pipefail", **given)
    return done.returncode, done.stdout


@pytest.mark.parametrize("status", [0, 1, 255])
def test_the_step_ends_as_pulumi_did_with_what_it_said_in_the_summary(tmp_path: Path, status: int) -> None:
    found, said = stack(tmp_path, f"echo 'Policies: ok'; exit {status}")
    assert found == status
    assert "Policies: ok" in said
    assert "Policies: ok" in (tmp_path / "summary.md").read_text()
    assert "Policies: ok" in (tmp_path / "pulumi.txt").read_text()


def test_the_command_the_stack_and_the_pack_are_what_pulumi_gets(tmp_path: Path) -> None:
    show = 'printf "[%s]" "$@"; printf "|%s" "$PULUMI_BACKEND_URL"'
    _, said = stack(tmp_path, show, BACKEND="s3://states?region=eu-west-1")
    assert "[up][--yes][--stack][dev][--policy-pack][policies]" in said
    assert said.endswith("|s3://states?region=eu-west-1")
    _, said = stack(tmp_path, show, ORGANIZATION="acme")
    assert "[--stack][acme/dev]" in said
    assert said.endswith("|")


def test_a_command_is_words_and_never_a_script(tmp_path: Path) -> None:
    _, said = stack(tmp_path, 'printf "[%s]" "$@"', COMMAND="preview $(touch here) ; touch here")
    assert "[preview][$(touch][here)][;][touch][here]" in said
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize(
    ("tag", "status", "said"),
    [
        ("policies-v0.9.0", 0, ""),
        ("policies-v0.9.1", 1, "the tag is policies-v0.9.1 and the version is 0.9.0; tag policies-v0.9.0"),
        ("policies-v0.8.0", 1, "the tag is policies-v0.8.0"),
    ],
)
def test_a_pack_is_published_only_under_its_own_version(tmp_path: Path, tag: str, status: int, said: str) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "PulumiPolicy.yaml").write_text(
        "description: of the version: 1\nversion: 0.9.0\nruntime:\n"
    )
    (tmp_path / "policies" / "CHANGELOG.md").write_text("# Changelog\n\n## 0.9.0\n\n- a change\n")
    done = run(_tag_script(), tmp_path, TAG=tag)
    assert done.returncode == status
    assert said in done.stdout


def test_a_version_without_a_section_in_the_changelog_is_not_published(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "policies", tmp_path / "policies", ignore=shutil.ignore_patterns("venv"))
    version = loaded(ROOT / "policies" / "PulumiPolicy.yaml")["version"]
    assert run(_tag_script(), tmp_path, TAG=f"policies-v{version}").returncode == 0
    (tmp_path / "policies" / "CHANGELOG.md").write_text(f"# Changelog\n\n{version} is not a section\n")
    done = run(_tag_script(), tmp_path, TAG=f"policies-v{version}")
    assert done.returncode == 1
    assert f'there is no section "## {version}"' in done.stdout


def _tag_script() -> str:
    steps = workflow("policies")["jobs"]["publish"]["steps"]
    return script(steps, "The tag is the version in PulumiPolicy.yaml, and the changelog tells of it")
