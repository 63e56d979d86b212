"""The commands of the acceptance workflow, read out of it, on the laptop as far as they go.

From `configure` to `remove` on PostgreSQL, which really runs. What the laptop cannot show: `preflight` and the doctor
of a stack by name ask AWS for what only AWS has, so they end with 2 (they could not look); MySQL and Aurora are
configured, and refused at `up`; that a cancelled run is destroyed, and what GitHub says of a run's steps
(tests/workflows/test_acceptance.py has its documented answer).
"""

import json
import subprocess

import pytest
import yaml

from lambda_rds_proxy.serverless_database.config import project_values, read_config
from tests.end_to_end.checkouts import Checkout
from tests.workflows.workflow import script, workflow

pytestmark = [pytest.mark.engine, pytest.mark.servers]

_JOBS = workflow("acceptance")["jobs"]
_STACK = "acceptance-10123456789"
_GIVEN = {
    "REGION": "eu-west-1",
    "BOUNDARY": "arn:aws:iam::000000000000:policy/lambda-rds-proxy-acceptance-boundary",
    "SECRETS_PROVIDER": "",
    "ENVIRONMENTS": "5",
}


class Run:
    """A run of the workflow: its steps by name, with what GitHub would put in their environment."""

    def __init__(self, checkout: Checkout, stack: str, database: str) -> None:
        self.checkout, self.stack = checkout, stack
        self._given = {**_GIVEN, "STACK": stack, "DATABASE": database}
        self._file = checkout.root / f"{stack}.outputs"

    def step(self, job: str, name: str) -> "subprocess.CompletedProcess[str]":
        steps = _JOBS[job]["steps"]
        wanted = next(each for each in steps if each.get("name") == name).get("env", {})
        environment = {"STACK": self.stack, "GITHUB_OUTPUT": str(self._file)}
        environment |= {variable: self._given[variable] for variable in wanted}
        return self.checkout.run(
            "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script(steps, name), environment=environment
        )

    def works(self, job: str, name: str) -> str:
        done = self.step(job, name)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def said(self) -> dict[str, str]:
        """What steps wrote as their outputs."""
        return dict(line.split("=", 1) for line in self._file.read_text().splitlines())


def configured(checkout: Checkout, stack: str, database: str) -> Run:
    """The template belongs to this account alone, as everything on the laptop."""
    template = checkout.root / "Pulumi.acceptance.yaml"
    content = yaml.safe_load(template.read_text())
    content["config"]["aws:allowedAccountIds"] = ["000000000000"]
    template.write_text(json.dumps(content))
    run = Run(checkout, stack, database)
    run.works("acceptance", "configure")
    return run


def test_a_run_goes_from_configure_to_drift_and_another_checkout_destroys_and_removes_it(checkout: Checkout) -> None:
    run = configured(checkout, _STACK, "postgresql")
    done = run.step("acceptance", "preflight")  # gets as far as asking AWS
    assert done.returncode == 2, done.stdout + done.stderr
    run.works("acceptance", "up")
    assert json.loads(run.works("acceptance", "invoke"))["ok"] is True

    done = run.step("acceptance", "doctor")  # gets as far as asking AWS
    assert done.returncode == 2, done.stdout + done.stderr
    assert "who answers is not AWS" in " ".join(done.stderr.split())

    storm = json.loads(run.works("acceptance", "storm").rpartition("}")[0] + "}")
    assert storm["phases"]["proxy"]["served"] > 0
    run.works("acceptance", "drift")

    (checkout.root / f"Pulumi.{_STACK}.yaml").unlink()  # the other job has only the repository and the state
    for name in ("find", "cost", "unlock", "pending", "destroy", "remove"):
        run.works("destroy", name)
    assert set(run.said) == {"stack", "cost"}  # nothing is pending
    assert run.said["stack"] == _STACK
    assert json.loads(run.said["cost"])["total"] > 0
    assert _STACK not in checkout.pulumi("stack", "ls", "--json").stdout


def test_another_database_is_configured_as_the_program_takes_it(checkout: Checkout) -> None:
    """Each choice: tests/workflows/test_acceptance.py."""
    stack = "acceptance-aurora"
    configured(checkout, stack, "aurora-mysql")
    config = yaml.safe_load((checkout.root / f"Pulumi.{stack}.yaml").read_text())["config"]
    assert (config["lambda-rds-proxy:engine"], config["lambda-rds-proxy:kind"]) == ("mysql", "cluster")
    assert config["lambda-rds-proxy:tags"] == {"pulumi-stack": "lambda-rds-proxy/acceptance", "acceptance": stack}
    assert config["lambda-rds-proxy:permissionsBoundaryArn"] == _GIVEN["BOUNDARY"]
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    read_config(project_values(texts, project="lambda-rds-proxy"), project=checkout.root)  # the program takes it


def test_a_stack_that_is_not_there_is_not_looked_for_any_longer(checkout: Checkout) -> None:
    assert "nothing was made" in Run(checkout, "acceptance-0", "postgresql").works("destroy", "find")
