"""The README's program of one's own, in a folder that has nothing of the repository, on the laptop as it stands."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.checkouts import Checkout, copied
from tests.packages.conftest import CLEAN, Install
from tests.packages.content import PACKAGES, ROOT

pytestmark = [pytest.mark.engine, pytest.mark.servers]
# What the README has people write.
PROGRAM = re.findall(r"^```python\n(from lambda_rds_proxy .*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)[0]
OUTPUTS = """
import pulumi
import lambda_rds_proxy
import sys

pulumi.export("where", lambda_rds_proxy.__file__)
pulumi.export("path", sys.path)
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The laptop that it is tried on."""
    with copied(tmp_path_factory.mktemp("laptop")) as copy:
        yield copy


@pytest.fixture(scope="module")
def own(wheels: Path, install: Install, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a program of somebody's own: wheels only, and no configuration."""
    folder = tmp_path_factory.mktemp("own program")
    for package in PACKAGES:
        interpreter = install(folder / "venv", str(wheels / package.wheel))
    settings = {"name": "shop", "runtime": {"name": "python", "options": {"virtualenv": "venv"}}}
    (folder / "Pulumi.yaml").write_text(json.dumps(settings))
    (folder / "__main__.py").write_text(f"{PROGRAM}\n{OUTPUTS}")
    begun = subprocess.run(
        [str(interpreter), "-m", "ops", "new", "function", "api"],
        cwd=folder, env=CLEAN, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert begun.returncode == 0, begun.stderr
    return folder


def test_it_previews_and_runs_on_the_laptop_without_a_word_changed(checkout: Checkout, own: Path) -> None:
    made = checkout.pulumi("stack", "init", "local", project=own)
    assert made.returncode == 0, made.stderr
    assert not list(own.glob("Pulumi.*.yaml")) or "allowedAccountIds" not in (own / "Pulumi.local.yaml").read_text()
    preview = checkout.pulumi("preview", "--policy-pack", str(checkout.root / "policies"), project=own)
    assert preview.returncode == 0, preview.stdout[-4000:] + preview.stderr
    up = checkout.pulumi("up", "--yes", "--skip-preview", project=own)
    assert up.returncode == 0, up.stdout[-4000:] + up.stderr
    try:
        outputs = json.loads(checkout.pulumi("stack", "output", "--json", project=own).stdout)
        assert outputs["where"].startswith(str(own / "venv"))
        assert not [each for each in outputs["path"] if each.startswith((str(ROOT / "components"), str(checkout.root)))]
        (function,) = [
            each["identifier"]
            for each in checkout.supervisor.resources()
            if each["kind"] == "function" and not each["identifier"].endswith("-admin")
        ]
        code = (
            "import boto3, sys\nanswer = boto3.client('lambda').invoke(FunctionName=sys.argv[1])\n"
            "print(answer['Payload'].read().decode())"
        )
        answer = checkout.run("python", "-c", code, function)
        assert json.loads(answer.stdout) == {"answer": 1}, answer.stdout + answer.stderr
        assert checkout.pinned() == []
        state = json.loads(checkout.pulumi("stack", "export", project=own).stdout)
        runtimes = {
            each["inputs"]["runtime"]
            for each in state["deployment"]["resources"]
            if each["type"] == "aws:lambda/function:Function"
        }
        assert runtimes == {f"python{sys.version_info.major}.{sys.version_info.minor}"}
        again = checkout.pulumi("preview", "--expect-no-changes", project=own)
        assert again.returncode == 0, again.stdout
    finally:
        gone = checkout.pulumi("destroy", "--yes", "--skip-preview", project=own)
    assert gone.returncode == 0, gone.stdout[-4000:] + gone.stderr


def test_the_same_program_is_previewed_with_lambdas_python_where_the_place_is_aws(
    checkout: Checkout, own: Path
) -> None:
    checkout.pulumi("stack", "init", "dev", "--no-select", project=own)
    refused = checkout.pulumi("preview", "-s", "dev", project=own)
    assert refused.returncode != 0
    assert "this stack is not the laptop's" in refused.stdout
    # The stand-in as a team previews its own programs with it (examples/test-the-pack): any stack, and no account.
    elsewhere = {"LAPTOP_PREVIEWS_ANY_STACK": "1", "LAMBDA_RDS_PROXY_ACCOUNT": ""}
    done = checkout.pulumi("preview", "-s", "dev", "--json", project=own, environment=elsewhere)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    steps = json.loads(done.stdout)["steps"]
    functions = [
        each["newState"]["inputs"] for each in steps if each["newState"]["type"] == "aws:lambda/function:Function"
    ]
    assert {(each["runtime"], *each["architectures"]) for each in functions} == {("python3.13", "arm64")}
