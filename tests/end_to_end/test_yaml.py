"""Programs in YAML that use AWS's own types: the engine binds them to the schema of the laptop's provider."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.checkouts import Checkout

pytestmark = [pytest.mark.engine, pytest.mark.servers]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(checkout: Checkout) -> Run:
    """Runs Pulumi on the program; `percent` is what its target group may take."""
    project = checkout.root / "tests" / "end_to_end" / "programs" / "written_in_yaml"
    checkout.pulumi("stack", "init", "yaml", "--no-select", project=project)

    def command(*arguments: str, percent: int = 85) -> "subprocess.CompletedProcess[str]":
        keys = {
            "aws:region": "eu-west-1",
            "aws:allowedAccountIds": ["000000000000"],
            "written-in-yaml:percent": percent,
        }
        (project / "Pulumi.yaml.yaml").write_text(json.dumps({"config": keys}))
        return checkout.pulumi(*arguments, "-s", "yaml", project=project)

    return command


def test_a_yaml_program_on_awss_own_types_comes_up_for_real(checkout: Checkout, run: Run) -> None:
    done = run("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = json.loads(run("stack", "output", "--json").stdout)
    instance = checkout.supervisor.get("instance", "written-in-yaml")
    proxy = checkout.supervisor.get("proxy", "written-in-yaml")
    assert instance is not None and proxy is not None
    assert outputs == {"address": instance["address"], "endpoint": proxy["endpoint"], "region": "eu-west-1"}
    again = run("preview", "--expect-no-changes")
    assert again.returncode == 0, again.stdout
    # The engine warns so of a plugin on PATH, at create and at update.
    assert "warning: using" not in done.stdout + done.stderr + again.stdout + again.stderr
    assert run("destroy", "--yes", "--skip-preview").returncode == 0


def test_the_example_comes_up_and_its_function_answers_through_the_proxy(checkout: Checkout) -> None:
    project = checkout.root / "examples" / "yaml-program"
    (checkout.root / "components" / "venv").symlink_to("../.venv")  # its README's `ln`
    checkout.pulumi("stack", "init", "local", project=project)
    done = checkout.pulumi("up", "--yes", "--skip-preview", "--stack", "local", project=project)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    outputs = json.loads(checkout.pulumi("stack", "output", "--json", project=project).stdout)
    code = (
        "import boto3, sys\nanswer = boto3.client('lambda').invoke(FunctionName=sys.argv[1])\n"
        "print(answer['Payload'].read().decode())"
    )
    answer = checkout.run("python", "-c", code, outputs["functions"]["api"])
    assert json.loads(answer.stdout) == {"answer": 1}, answer.stdout + answer.stderr
    assert checkout.pinned() == []
    the_escape_hatch_is_open_from_yaml_too(checkout, project)
    assert checkout.pulumi("destroy", "--yes", "--skip-preview", project=project).returncode == 0


def the_escape_hatch_is_open_from_yaml_too(checkout: Checkout, project: Path) -> None:
    queue = "arn:aws:sqs:eu-west-1:000000000000:failed"
    program = project / "Pulumi.yaml"
    whole = program.read_text()
    for given, is_taken in (
        (f"deadLetterConfig: {{targetArn: '{queue}'}}, fileSystemConfig: null", True),
        ("snapStart: {applyOn: PublishedVersions}", False),
    ):
        changed = whole.replace("api, reserved", f"api, lambdaArguments: {{{given}}}, reserved")
        assert changed != whole
        program.write_text(changed)
        done = checkout.pulumi("up", "--yes", "--skip-preview", "--stack", "local", project=project)
        assert (done.returncode == 0) is is_taken, done.stdout[-4000:] + done.stderr
        assert is_taken or "lambdaArguments.snapStart cannot be given to a function here" in done.stdout + done.stderr
    program.write_text(whole)
    state = json.loads(checkout.pulumi("stack", "export", "--stack", "local", project=project).stdout)
    queues = [each["inputs"].get("deadLetterConfig") for each in state["deployment"]["resources"] if "inputs" in each]
    assert [each for each in queues if each] == [{"targetArn": queue}]


def test_it_is_judged_by_the_pack(checkout: Checkout, run: Run) -> None:
    refused = run("preview", "--policy-pack", str(checkout.root / "policies"), percent=95)
    assert refused.returncode != 0
    assert "maxConnectionsPercent is 95" in refused.stdout, refused.stdout


def test_an_argument_that_is_missing_is_named_before_anything_is_made(checkout: Checkout, run: Run) -> None:
    program = checkout.root / "tests" / "end_to_end" / "programs" / "written_in_yaml" / "Pulumi.yaml"
    whole = program.read_text()
    program.write_text(whole.replace("engineFamily:", "engineFamilie:"))
    try:
        done = run("preview")
    finally:
        program.write_text(whole)
    assert done.returncode != 0
    assert "Missing required property 'engineFamily'" in done.stdout, done.stdout
