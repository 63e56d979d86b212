"""The pack under the real engine: exports, previews, updates, other languages, and the pack all by itself."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.supervisor.client import SupervisorClient
from tests.end_to_end.checkouts import Checkout
from tests.end_to_end.exported import exported
from tests.policies.topologies import Topology, corpus
from toolchain.shell import install_plugins

PROXIED = "orders.proxy-abc123def456.eu-west-1.rds.amazonaws.com"
DIRECT = "orders.abc123def456.eu-west-1.rds.amazonaws.com"
STACK = {"aws:region": "eu-west-1", "aws:allowedAccountIds": ["000000000000"]}
# Together they make every policy speak, and keep silent.
ANALYZED = {
    "aurora-data-api",
    "component-hands-out-a-database",
    "key-called-proxy-holds-an-instance",
    "matchya-ssm-endpoint",
    "only-a-secret-with-a-direct-host",
    "open-database-behind-a-proxy",
    "prisma-migrations-exempt",
    "spring-jdbc-url",
    "sst-postgres-with-proxy",
    "stack-reference-to-a-proxy",
    "two-proxies-on-one-cluster",
}

pytestmark = pytest.mark.engine


def analyzed(
    checkout: Checkout, state: dict[str, Any], folder: Path, *arguments: str, pack: str = "policies"
) -> "subprocess.CompletedProcess[str]":
    """`pulumi policy analyze --file`, with a backend that nobody can log in to: it needs none."""
    file = folder / "state.json"
    file.write_text(json.dumps(state))
    install_plugins(checkout.root, folder / "home")
    return checkout.pulumi(
        "policy", "analyze", "--file", str(file), "--policy-pack", pack, "--json", *arguments,
        environment={"PULUMI_BACKEND_URL": "https://api.example.invalid", "PULUMI_HOME": str(folder / "home")},
    )  # fmt: skip


def findings(done: "subprocess.CompletedProcess[str]") -> dict[tuple[str, str], str]:
    """(policy, resource) → level, out of the engine's events."""
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = [event["policyEvent"] for event in events if "policyEvent" in event]
    return {(each["policyName"], each["resourceUrn"].rsplit("::", 1)[-1]): each["enforcementLevel"] for each in found}


def configured(config: Any, folder: Path) -> list[str]:
    """The arguments that hand a policy group's configuration to the engine."""
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    return ["--policy-pack-config", str(file)]


@pytest.mark.parametrize(
    "topology", [each for each in corpus() if each.name in ANALYZED], ids=lambda topology: topology.name
)
def test_an_export_of_a_public_topology_gets_the_expected_verdict(
    checkout: Checkout, topology: Topology, tmp_path: Path
) -> None:
    config = configured(topology.config, tmp_path) if topology.config else []
    done = analyzed(checkout, exported(topology.shown("analyze")), tmp_path, *config)
    found = findings(done)
    wanted = topology.wanted("analyze")
    assert {(policy, name.removesuffix(" (undecided)")) for policy, name in wanted} == set(found), done.stderr
    assert (done.returncode != 0) == ("mandatory" in found.values()), done.stderr
    undecided = {(policy, name.removesuffix(" (undecided)")) for policy, name in wanted if "undecided" in name}
    assert {found[each] for each in undecided} <= {"advisory"}


def test_a_secret_that_the_engine_cannot_decrypt_is_unknown_and_no_crash(checkout: Checkout, tmp_path: Path) -> None:
    """It stands for the whole map of variables as the text `[secret]`."""
    (topology,) = [each for each in corpus() if each.name == "fastfood-lambda-register"]
    state = exported(topology.shown("analyze"))
    redacted = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:AAAA:AAAA"}
    elsewhere = {"url": "https://api.example.invalid", "owner": "acme", "project": "shop", "stack": "dev"}
    state["deployment"]["secrets_providers"] = {"type": "service", "state": elsewhere}
    function = state["deployment"]["resources"][-1]
    for shown in ("inputs", "outputs"):
        function[shown]["environment"] = {"variables": redacted}
    done = analyzed(checkout, state, tmp_path)
    assert "secret values redacted" in done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert findings(done) == {}


def test_a_wrong_value_of_the_configuration_fails_no_stack_and_is_one_advisory_finding_each(
    checkout: Checkout, tmp_path: Path
) -> None:
    wrong: dict[str, Any] = {"rds-proxy-max-connections": {"maxPercent": "ninety", "exemptions": {}}}
    config = configured({"all": "mandatory", **wrong, "rds-proxy-settings": {"requireIam": [1]}}, tmp_path)
    done = analyzed(checkout, exported([]), tmp_path, *config)
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("maxPercent must be a number", "exemptions must be a list", "requireIam must be true or false"):
        assert (done.stdout + done.stderr).count(said) == 1


def test_a_policy_that_does_not_exist_is_refused_by_the_engine_itself(checkout: Checkout, tmp_path: Path) -> None:
    done = analyzed(checkout, exported([]), tmp_path, *configured({"rds-proxy-setings": {"maxPercent": 80}}, tmp_path))
    assert done.returncode != 0
    assert 'invalid enforcement level ""' in done.stdout + done.stderr


def test_a_higher_limit_and_a_lower_level_from_the_configuration_hold(checkout: Checkout, tmp_path: Path) -> None:
    (topology,) = [each for each in corpus() if each.name == "klotho-orm-connection-string"]
    config = configured(
        {
            "rds-proxy-max-connections": {"maxPercent": 100},
            "rds-proxy-settings": "disabled",
            "lambda-database-credentials": {"enforcementLevel": "advisory"},
        },
        tmp_path,
    )
    done = analyzed(checkout, exported(topology.shown("analyze")), tmp_path, *config)
    assert findings(done) == {("lambda-database-credentials", "unit"): "advisory"}
    assert done.returncode == 0


def test_the_pack_alone_in_an_empty_folder_runs_from_its_own_requirements(checkout: Checkout, tmp_path: Path) -> None:
    alone = tmp_path / "published"
    shutil.copytree(checkout.root / "policies", alone, ignore=shutil.ignore_patterns("venv", "__pycache__"))
    subprocess.run([sys.executable, "-m", "venv", str(alone / "venv")], check=True)
    pip = [str(alone / "venv" / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(alone / "requirements.txt")], check=True)
    (topology,) = [each for each in corpus() if each.name == "key-called-proxy-holds-an-instance"]
    done = analyzed(checkout, exported(topology.shown("analyze")), tmp_path, pack=str(alone))
    assert findings(done) == {("lambda-uses-rds-proxy", "api"): "mandatory"}, done.stderr
    assert not list(alone.glob("tests")) and not list(alone.glob("pyproject.toml"))


@pytest.fixture
def ended(checkout: Checkout) -> Iterator[Checkout]:
    """The checkout, with nothing running any more afterwards: other tests expect to find it so."""
    yield checkout
    client = SupervisorClient.running(checkout.root)
    if client is not None:
        client.stop()
    shutil.rmtree(checkout.state, ignore_errors=True)


@pytest.mark.servers
def test_an_update_that_goes_straight_to_a_database_stops_before_the_function_is_touched(ended: Checkout) -> None:
    checkout = ended
    project = checkout.root / "tests" / "end_to_end" / "programs" / "hosted"
    pack = ["--policy-pack", str(checkout.root / "policies")]

    def run(command: str, host: str) -> "subprocess.CompletedProcess[str]":
        (project / "Pulumi.hosted.yaml").write_text(json.dumps({"config": {**STACK, "hosted:host": host}}))
        approved = ["--yes", "--skip-preview"] if command == "up" else []
        return checkout.pulumi(command, "-s", "hosted", *pack, *approved, project=project)

    def host_in_state() -> str | None:
        state = json.loads(checkout.pulumi("stack", "export", "-s", "hosted", project=project).stdout)
        resources = state["deployment"].get("resources", [])
        made = [each for each in resources if each["type"] == "aws:lambda/function:Function"]
        return made[0]["outputs"]["environment"]["variables"]["DB_HOST"] if made else None

    checkout.pulumi("stack", "init", "hosted", "--no-select", project=project)
    refused = run("up", DIRECT)
    assert refused.returncode != 0
    assert "lambda-uses-rds-proxy" in refused.stdout
    assert DIRECT not in refused.stdout + refused.stderr
    assert host_in_state() is None
    made = run("up", PROXIED)
    assert made.returncode == 0, made.stdout + made.stderr
    assert host_in_state() == PROXIED
    assert run("preview", DIRECT).returncode != 0
    assert run("up", DIRECT).returncode != 0
    assert host_in_state() == PROXIED
    assert checkout.pulumi("destroy", "-s", "hosted", "--yes", project=project).returncode == 0


def test_a_yaml_program_on_a_component_of_another_package_is_judged_like_a_python_program(
    checkout: Checkout,
) -> None:
    project = checkout.root / "tests" / "end_to_end" / "programs" / "component"
    venv = checkout.root / "components" / "venv"
    if not venv.exists():
        venv.symlink_to(checkout.root / ".venv")
    checkout.pulumi("stack", "init", "component", "--no-select", project=project)

    def preview(percent: int) -> "subprocess.CompletedProcess[str]":
        (project / "Pulumi.component.yaml").write_text(json.dumps({"config": {**STACK, "component:percent": percent}}))
        pack = ["--policy-pack", str(checkout.root / "policies")]
        return checkout.pulumi("preview", "-s", "component", *pack, project=project)

    accepted = preview(85)
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert "violation" not in accepted.stdout.lower()
    refused = preview(95)
    assert refused.returncode != 0
    assert "maxConnectionsPercent is 95" in refused.stdout
