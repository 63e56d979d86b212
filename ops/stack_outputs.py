"""What `pulumi` says of a stack: its outputs, its proxies, its configuration. A StackError says why it says nothing."""

import difflib
import json
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import OpsError
from .places import place_here, program_here, project, stack_or_the_places

_PROXY = "aws:rds/proxy:Proxy"
# Type → which of its outputs is its host.
_DATABASES = {"aws:rds/cluster:Cluster": "endpoint", "aws:rds/instance:Instance": "address"}
# The program's outputs that a whole has under these names among its own, and those that its proxy's reference has.
_WHOLE = "lambda-rds-proxy:index:ServerlessDatabase"
_OF_PROXY = {
    "proxyEndpoint": "endpoint",
    "proxyPort": "port",
    "readerEndpoint": "reader_endpoint",
    "databaseName": "database_name",
    "databaseUser": "user",
}
# In the type of what the component DatabaseFunction made; that of an admin function has DatabaseUser.
_FUNCTION = "DatabaseFunction$aws:lambda/function:Function"


class StackError(OpsError):
    """A stack that cannot be read, or has not what is asked of it."""


def stack_outputs(stack: str) -> dict[str, Any]:
    """The outputs by name, without secrets."""
    return _pulumi(stack, "stack", "output", "--json")


def known_outputs(stack: str, resources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The outputs, and what its resources have of those that a program of one's own does not export."""
    told = stack_outputs(stack)
    return told if "databaseUser" in told else outputs_so_far(resources) | told


def stack_functions(stack: str, function: str | None = None) -> dict[str, str]:
    """The stack's functions, or the one that is asked for: name in the stack → name on AWS.

    Raises:
        StackError: there is none, or none of that name.
    """
    names: dict[str, str] = (
        stack_outputs(stack).get("functions") or (outputs_so_far(stack_resources(stack))["functions"])
    )
    if not names:
        raise StackError(f'the stack "{stack}" has no functions; run `pulumi up --stack {stack}`')
    if function is None:
        return names
    if function not in names:
        near = difflib.get_close_matches(function, names, 1)
        fix = f'did you mean "{near[0]}"?' if near else f"it has {', '.join(names)}"
        raise StackError(f'the stack "{stack}" has no function "{function}"; {fix}')
    return {function: names[function]}


def complete_function(incomplete: str) -> list[str]:
    """Names of functions of the laptop stack, for the shell's completion."""
    try:
        return [name for name in stack_functions(stack_or_the_places(None)) if name.startswith(incomplete)]
    except OpsError:
        return []


def stack_proxies(resources: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The proxies among a stack's resources: name → endpoint."""
    found = [each.get("outputs") or {} for each in resources if each.get("type") == _PROXY]
    return {each["name"]: each["endpoint"] for each in found if "name" in each and "endpoint" in each}


def outputs_so_far(resources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Outputs as the program's own, out of what a stack has: of an `up` that failed, or of a program without them."""
    found: dict[str, Any] = {"functions": {}}
    for each in resources:
        outputs, kind, urn = each.get("outputs") or {}, str(each.get("type")), str(each.get("urn"))
        if kind == _PROXY and "endpoint" in outputs:
            found.setdefault("proxyEndpoint", outputs["endpoint"])
        elif kind in _DATABASES and _DATABASES[kind] in outputs:
            found.setdefault("databaseEndpoint", outputs[_DATABASES[kind]])
        elif _FUNCTION in urn and "name" in outputs:
            found["functions"][urn.rsplit("::", 1)[-1]] = outputs["name"]
        elif kind == _WHOLE and "proxy" in outputs:
            found |= {name: outputs["proxy"][key] for name, key in _OF_PROXY.items() if key in outputs["proxy"]}
    return found


def stack_resources(stack: str) -> list[dict[str, Any]]:
    """What a stack's state has, none before its first `up`. Nothing is decrypted."""
    return (stack_export(stack).get("deployment") or {}).get("resources") or []


def stack_export(stack: str) -> dict[str, Any]:
    """A stack's state. Nothing is decrypted."""
    return _pulumi(stack, "stack", "export")


def stack_configuration(stack: str) -> dict[str, Any]:
    """What is configured, as `pulumi config --json` prints it; secrets have no value."""
    return _pulumi(stack, "config", "--json")


def _with_the_fix(stack: str, reason: str) -> str:
    """What `pulumi` says; of a stack that there is not, where it was looked for, and how there is one."""
    folder, place = project(), place_here()
    if reason.startswith("no Pulumi.yaml"):
        return f"there is no Pulumi.yaml in {folder} or above it; go to the folder of yours"
    if not reason.startswith("no stack named"):
        return reason
    made = place is not None and (stack, folder) == (place.STACK, place.project())
    go = "" if program_here() else "go to the folder of your Pulumi.yaml, or "
    return f"{reason} in {folder}; {go}run {'`make up`' if made else f'`pulumi stack init {stack}`'}"


def _pulumi(stack: str, *command: str) -> dict[str, Any]:
    try:
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            ["pulumi", *command, "--stack", stack, "--non-interactive"],  # noqa: S607 - the engine of this shell
            cwd=project(),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise StackError('there is no `pulumi` on PATH; in this checkout: eval "$(make -s env)"') from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1].removeprefix("error: ")
        raise StackError(f'the stack "{stack}" cannot be read: {_with_the_fix(stack, reason)}')
    document: dict[str, Any] = json.loads(done.stdout or "{}")
    return document
