"""What README.md and the how-to pages tell to type, typed in a fresh copy with the real engine and real servers."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import blocks, text_of, typed
from tests.end_to_end.checkouts import Checkout
from tests.waiting import LIMIT_SECONDS
from toolchain.shell import install_plugins

pytestmark = pytest.mark.engine
_SECONDS = 3 * LIMIT_SECONDS


def _bash(checkout: Checkout, lines: list[str], **more: str) -> "subprocess.CompletedProcess[str]":
    """Lines typed one after the other in one shell, in the copy; the first that fails ends it."""
    return subprocess.run(
        ["bash", "-ec", "\n".join(lines)],
        cwd=checkout.root,
        env={**checkout.environment, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def test_the_aws_section_works_in_a_fresh_clone_and_changes_nothing_that_is_committed(
    checkout: Checkout, tmp_path: Path
) -> None:
    section = text_of("README.md").partition("\n## On AWS\n")[2]
    lines = [line for line in typed("README.md") if line in section]
    # The copy shares the environments that `make setup` makes; preflight and up need an account.
    lines = [line.replace("make setup", "test -x policies/venv/bin/python") for line in lines]
    lines = [line for line in lines if not line.startswith(("python -m ops preflight", "pulumi up"))]
    assert len(lines) == 4
    author = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b.c",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b.c",
    }
    committed = _bash(checkout, ["git init -q", "git add -A", "git commit -qm copy"], **author)
    assert committed.returncode == 0, committed.stderr
    # The stand-in for AWS previews any stack, and the state is a folder.
    elsewhere = {"LAPTOP_PREVIEWS_ANY_STACK": "1", "LAMBDA_RDS_PROXY_ACCOUNT": "", "PULUMI_CONFIG_PASSPHRASE": "x"}
    install_plugins(checkout.root, tmp_path / "pulumi")
    done = _bash(
        checkout, lines, **elsewhere, PULUMI_BACKEND_URL=tmp_path.as_uri(), PULUMI_HOME=str(tmp_path / "pulumi")
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "rds-proxy-guard" in done.stdout
    changed = _bash(checkout, ["git status --porcelain --untracked-files=no"])
    assert (changed.returncode, changed.stdout) == (0, "")
    made = _bash(checkout, ["git status --porcelain"])
    assert made.stdout.split() == ["??", "Pulumi.mine.yaml"]
    assert "lambda-rds-proxy/mine" in (checkout.root / "Pulumi.mine.yaml").read_text()


@pytest.mark.servers
def test_a_table_a_function_and_a_user_are_added_and_taken_away_as_the_how_to_pages_say(up: Checkout) -> None:
    def shown(page: str) -> list[str]:
        here = [line for line in typed(f"docs/how-to/{page}.md") if "--stack dev" not in line]
        # `make up` is `make setup`, whose environments the copy shares, and this.
        return [line.replace("make up", "python -m local up") for line in here]

    (own,) = blocks("python", "docs/how-to/add-a-function.md")
    counts = next(code for code in blocks("python", "README.md") if "count(*)" in code)
    table, function, user = shown("add-a-table"), shown("add-a-function"), shown("add-a-user")
    first = _bash(up, [*table[:3], *function[:4]])
    assert first.returncode == 0, first.stdout[-4000:] + first.stderr
    assert re.findall(r"^(?:CREATE|INSERT).*$", first.stdout, re.MULTILINE) == ["CREATE TABLE", "INSERT 0 1"]
    assert first.stdout.endswith('{\n  "answer": 1\n}\n')
    (up.root / "api" / "app.py").write_text(own)
    second = _bash(up, [*function[4:6], *user[:5]])
    assert second.returncode == 0, second.stdout[-4000:] + second.stderr
    assert re.search(r"^ reporting$", second.stdout, re.MULTILINE)
    assert re.search(r"^GRANT$", second.stdout, re.MULTILINE)
    (up.root / "api" / "app.py").write_text(counts)
    third = _bash(up, ["python -m local up", "python -m ops invoke api"])
    assert third.returncode == 0, third.stdout[-4000:] + third.stderr
    assert third.stdout.split()[-1] == "1"  # as the user reporting, who was let read the table
    gone = _bash(up, [*user[5:], *function[6:], *table[3:]])
    assert gone.returncode == 0, gone.stdout[-4000:] + gone.stderr
    assert set(up.outputs()["functions"]) == {"app"}
