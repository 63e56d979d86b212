"""The scripts inside the workflows do what their names say: run here with stand-ins for pulumi and gh."""

import shutil
from pathlib import Path

import pytest

from tests.workflows.workflow import ROOT, loaded, program, run, script, workflow

_ACTION = loaded(ROOT / ".github" / "actions" / "stack" / "action.yml")["runs"]["steps"]


def stack(folder: Path, pulumi: str, **variables: str) -> "tuple[int, str]":
    program(folder, "pulumi", "#!/bin/sh\necho 'not this one'\nexit 9\n")
    program(folder / "engine", "pulumi", f"#!/bin/sh\n{pulumi}\n")
    given = {
        "ENGINE": str(folder / "engine" / "bin"),
        "COMMAND": "up --yes",
        "STACK": "dev",
        "BACKEND": "",
        "ORGANIZATION": "",
        **variables,
    }
    done = run(script(_ACTION, "pulumi"), folder, "-o", "pipefail", **given)
    return done.returncode, done.stdout


@pytest.mark.parametrize("status", [0, 1, 255])
def test_the_step_ends_as_pulumi_did_with_what_it_said_in_the_summary(tmp_path: Path, status: int) -> None:
    found, said = stack(tmp_path, f"echo 'Policies: ok'; exit {status}")
    assert found == status
    assert "Policies: ok" in said
    assert "Policies: ok" in (tmp_path / "summary.md").read_text()
    assert "Policies: ok" in (tmp_path / "printed.txt").read_text()


@pytest.mark.parametrize(("organization", "team", "status"), [("acme", "", 1), ("acme", "readers", 0), ("", "", 0)])
def test_no_token_of_a_whole_organization_is_asked_for(
    tmp_path: Path, organization: str, team: str, status: int
) -> None:
    done = run(script(_ACTION, "A token on Pulumi Cloud is a team's"), tmp_path, ORGANIZATION=organization, TEAM=team)
    assert done.returncode == status
    assert ("PULUMI_TEAM is not set" in done.stdout) == bool(status)
    assert ("gh variable set PULUMI_TEAM --env" in done.stdout) == bool(status)
    token = next(step for step in _ACTION if step.get("uses", "").startswith("pulumi/auth-actions@"))
    assert token["with"]["requested-token-type"] == "urn:pulumi:token-type:access_token:team"
    assert token["with"]["scope"] == "team:${{ inputs.team }}"
    names = [step.get("name") or step.get("uses", "") for step in _ACTION]
    assert names.index("A token on Pulumi Cloud is a team's") == 0


def test_no_account_reaches_the_summary_or_what_is_uploaded(tmp_path: Path) -> None:
    stack(tmp_path, "echo 'arn:aws:iam::123456789012:role/x in 1234-5678-9012'")
    for name in ("summary.md", "printed.txt"):
        text = (tmp_path / name).read_text()
        assert "arn:aws:iam::************:role/x in ************" in text
        assert "9012" not in text


def test_the_command_the_stack_and_the_pack_are_what_pulumi_gets(tmp_path: Path) -> None:
    show = 'printf "[%s]" "$@"; printf "|%s" "$PULUMI_BACKEND_URL"'
    _, said = stack(tmp_path, show, BACKEND="s3://states?region=eu-west-1")
    assert "[up][--yes][--stack][dev][--policy-pack][policies]" in said
    assert said.endswith("|s3://states?region=eu-west-1")
    _, said = stack(tmp_path, show, ORGANIZATION="acme")
    assert "[--stack][acme/dev]" in said
    assert said.endswith("|")


def test_an_engine_that_is_not_had_ends_the_run(tmp_path: Path) -> None:
    program(tmp_path, "python3", "#!/bin/sh\necho 'error: it is not used' >&2\nexit 1\n")
    text = script(_ACTION, "Get the engine, if it is the one whose checksum is known")
    assert run(text, tmp_path, GITHUB_OUTPUT=str(tmp_path / "outputs")).returncode == 1
    assert not (tmp_path / "outputs").exists()


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


def _release_script(name: str) -> str:
    return script([step for job in workflow("release")["jobs"].values() for step in job["steps"]], name)


@pytest.mark.parametrize(
    ("tag", "heading", "said"),
    [
        ("v1.2.0", "## 1.2.0", ""),
        ("v1.2.1", "## 1.2.0", "the tag is v1.2.1 and the version is 1.2.0; tag v1.2.0"),
        ("v1.2.0", "## 1.2.0, not yet tagged", 'there is no section "## 1.2.0"'),
    ],
)
def test_a_release_is_of_its_own_version(tmp_path: Path, tag: str, heading: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.0"\ntarget-version = "py311"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n\nWhat is new.\n\n## 1.1.0\n\nOld.\n")
    text = _release_script("The tag is the version in pyproject.toml, and the changelog tells of it")
    done = run(text, tmp_path, TAG=tag)
    assert done.returncode == bool(said)
    assert said in done.stdout
    assert said or (tmp_path / "notes.md").read_text() == "\nWhat is new.\n\n"


@pytest.mark.parametrize("is_there", [True, False])
def test_zips_and_their_bills_are_put_on_the_release(tmp_path: Path, is_there: bool) -> None:
    program(tmp_path, "gh", f'#!/bin/sh\necho "$*" >> asked\n[ "$2" != view ] || exit {0 if is_there else 1}\n')
    for name in ("sbom/a.zip", "sbom/a.cdx.json", "dist/a.whl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert run(_release_script("Put them on the release"), tmp_path, TAG="v1.2.0").returncode == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    assert ("release create v1.2.0" in "\n".join(asked)) != is_there
    assert asked[-1] == "release upload v1.2.0 dist/a.whl sbom/a.zip sbom/a.cdx.json --clobber"


def preflight(folder: Path, ops: str, **variables: str) -> "tuple[int, str]":
    program(folder / ".venv", "python", f"#!/bin/sh\n{ops}\n")
    given = {"ENGINE": str(folder / "engine"), "STACK": "dev", "BACKEND": "", "ORGANIZATION": "", **variables}
    done = run(script(_ACTION, "preflight"), folder, "-o", "pipefail", **given)
    return done.returncode, done.stdout


@pytest.mark.parametrize("status", [0, 1, 2])
def test_preflight_ends_the_run_as_it_says_and_stands_in_the_summary_without_accounts(
    tmp_path: Path, status: int
) -> None:
    found, said = preflight(tmp_path, f"echo 'arn:aws:iam::123456789012:role/x'; exit {status}")
    assert (found, "role/x" in said) == (status, True)
    summary = (tmp_path / "summary.md").read_text()
    assert "### dev: preflight" in summary and "arn:aws:iam::************:role/x" in summary


def test_preflight_asks_for_the_stack_before_anything_is_changed(tmp_path: Path) -> None:
    _, said = preflight(tmp_path, 'printf "[%s]" "$@" "$PULUMI_BACKEND_URL"', ORGANIZATION="acme", BACKEND="s3://x")
    assert "[-m][ops][preflight][--stack][acme/dev][s3://x]" in said
    names = [step.get("name") or step.get("uses", "") for step in _ACTION]
    assert names.index("preflight") == names.index("pulumi") - 1
    for job in workflow("deploy")["jobs"].values():
        (given,) = [step["with"] for step in job["steps"] if step.get("uses") == "./.github/actions/stack"]
        assert given["preflight"] is True
