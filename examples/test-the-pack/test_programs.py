"""What the policy pack finds in each program of programs/, at a first preview with the real engine."""

import json
import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PACK = HERE.parents[1] / "policies"
PROGRAMS = sorted(each.parent for each in HERE.glob("programs/*/expected.json"))


def findings(program: Path, backend: Path) -> list[list[str]]:
    """(policy, name of the resource, level) of everything that the pack finds."""
    environment = {
        **os.environ,
        "PULUMI_BACKEND_URL": backend.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "1",  # without it --json has no findings
        "LAPTOP_PREVIEWS_ANY_STACK": "1",
    }
    pack = ["--policy-pack", str(PACK), "--policy-pack-config", str(HERE / "config.json")]
    preview = ["preview", "--json", "--config", "aws:region=eu-west-1", *pack]

    def pulumi(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = ["pulumi", *arguments, "--stack", "test", "--non-interactive"]
        return subprocess.run(command, cwd=program, env=environment, capture_output=True, text=True, check=False)

    try:
        made = pulumi("stack", "init", "--no-select")
        assert made.returncode == 0, made.stderr
        done = pulumi(*preview)
    finally:
        (program / "Pulumi.test.yaml").unlink(missing_ok=True)
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = [event["policyEvent"] for event in events if "policyEvent" in event]
    blocked = any(each["enforcementLevel"] == "mandatory" for each in found)
    assert (done.returncode != 0) == blocked, done.stdout + done.stderr  # or the program itself failed
    return sorted([each["policyName"], each["resourceUrn"].split("::")[-1], each["enforcementLevel"]] for each in found)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_pack_finds_in_a_program_what_is_expected(program: Path, tmp_path: Path) -> None:
    assert findings(program, tmp_path) == json.loads((program / "expected.json").read_text())
