"""`make up`: the local stack under the policy pack, then a real invocation and what to type next."""

import importlib
import json
import threading
import time
from pathlib import Path
from typing import Any

from toolchain.checkout import laptop_state

from . import pulumi_cli
from .pulumi_cli import console
from .supervisor.client import SupervisorClient
from .supervisor.errors import LaptopError
from .topology import show_topology

# Programs of other projects have a stack of that name, too.
_PROJECT = "lambda-rds-proxy"


def up(root: Path) -> None:
    """Bring the stack up and show that it answers.

    Raises:
        LaptopError, PulumiError: with one sentence.
    """
    pulumi_cli.enter_shell(root)
    with pulumi_cli.only_one(root):
        console.print("· the stack: local")
        _bring_back(root, pulumi_cli.ensured(root))
        # What invokes the function at the end takes half a second to load, and the engine waits a lot.
        threading.Thread(target=importlib.import_module, args=("boto3",), daemon=True).start()
        # As Pulumi's Automation API does: a preview nobody is asked about is half of the time. The pack judges both.
        pulumi_cli.run(root, "up", "--yes", "--skip-preview", "--policy-pack", "policies")
        client = SupervisorClient.running(root)
        if client is None:
            raise LaptopError("the supervisor is not there after pulumi up; run `make down`, then `make up`")
        exported = pulumi_cli.output(root, "stack", "export")
        _remove_what_a_killed_run_left(client, exported)
    outputs = _outputs(exported)
    answers = {name: _invoke(function) for name, function in outputs["functions"].items()}
    _show(client, outputs, answers)


def _outputs(exported: str) -> dict[str, Any]:
    """Those of the stack, none of which is secret: one run of the engine less than asking it for them."""
    resources = json.loads(exported)["deployment"]["resources"]
    found: dict[str, Any] = next(each for each in resources if each["type"] == "pulumi:pulumi:Stack")["outputs"]
    return found


def _bring_back(root: Path, exported: str) -> None:
    """After a reboot or a killed supervisor: start it again, and let Pulumi see what is gone for good."""
    running = SupervisorClient.running(root)
    if running is not None and running.is_outdated:
        console.print("· the code of the laptop cloud has changed: restarting its servers, with their data")
        running.restart()
    if not json.loads(exported).get("deployment", {}).get("resources"):
        # The stack is new to the backend; servers of an older one (its state was removed by hand) are nobody's.
        if (laptop_state(root) / "resources.json").exists():
            _remove_what_a_killed_run_left(SupervisorClient.ensure(root), exported)
        return
    client = SupervisorClient.ensure(root)
    for problem in client.problems():
        console.print(f"· could not bring back {problem}")
    if not client.resources() or client.problems():
        console.print("· the laptop's servers are gone but the stack remembers them: pulumi refresh")
        pulumi_cli.run(root, "refresh", "--yes", "--skip-preview")


def _remove_what_a_killed_run_left(client: SupervisorClient, exported: str) -> None:
    """A resource that was made when a run was killed is in no state: the next run makes another under a new name."""
    for each in client.resources():
        if (
            str(each["spec"].get("urn")).startswith(f"urn:pulumi:{pulumi_cli.STACK}::{_PROJECT}::")
            and f'"{each["identifier"]}"' not in exported
        ):
            console.print(f"· removing the {each['kind']} {each['identifier']} of a run that was killed")
            client.delete(each["kind"], each["identifier"])


def _invoke(function: str) -> tuple[dict[str, Any], float]:
    """A real invocation through the Lambda API: (answer, milliseconds)."""
    import boto3

    started = time.perf_counter()
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    payload = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise LaptopError(
            f"function {function} answered with an error: {payload.get('errorType')}: {payload.get('errorMessage')}"
        )
    return payload, (time.perf_counter() - started) * 1000


def _show(client: SupervisorClient, outputs: dict[str, Any], answers: dict[str, tuple[dict[str, Any], float]]) -> None:
    budget = outputs["connectionBudget"]
    show_topology(client.url, client.resources())
    console.print(
        f"max_connections {budget['maxConnections']}, the proxy may take {budget['percent']} % = {budget['ceiling']}; "
        f"{budget['clients']} clients at most ({budget['verdict']})"
    )
    for name, (payload, milliseconds) in answers.items():
        console.print(f"\n{name} answered in {milliseconds:.0f} ms:", style="bold")
        console.print(json.dumps(payload, ensure_ascii=False))
    console.print(_NEXT)


_NEXT = """next:
  eval "$(make -s env)"                # pulumi, python and boto3 of this stack in your shell
  python -m ops logs                   # what the functions wrote; `psql` is a session at the database
  pulumi up --policy-pack policies     # after a change
  make down                            # ends everything"""
