"""A function runs in execution environments on this machine, and an invocation really invokes it."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pulumi.runtime.rpc import UNKNOWN

from lambda_rds_proxy.function.package import this_machine

from ...supervisor.errors import LaptopError
from ..properties import Properties, archive_path
from ..validators import Problem
from .limits import Modelled, Range, known_values
from .row import AwsType, Backed, Resource
from .supervised import Supervised, client, supervisor_errors

_ENVIRONMENT_BYTES = 4096


class Function(Supervised):
    """Execution environments on this machine."""

    kind = "function"
    shown = ("arn", "invokeArn", "version", "lastModified", "codeSha256")

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        name, inputs = resource.name, resource.inputs
        if "code" not in inputs:
            raise LaptopError(
                f"function {name} comes from an image or from S3, and the laptop runs packages from disk only; "
                "give it `code`"
            )
        here = this_machine()
        if inputs.get("runtime") != here.runtime or inputs.get("architectures") not in (None, [here.architecture]):
            raise LaptopError(
                f"function {name} is for {inputs.get('runtime')} on "
                f"{', '.join(inputs.get('architectures') or ['x86_64'])}, and this laptop runs {here.runtime} on "
                f"{here.architecture}; leave python and architecture out on the local stack"
            )
        package = archive_path(inputs.get("code"))
        if package is None:
            raise LaptopError(
                f"the code of function {name} is not a FileArchive; the laptop takes a zip from disk only"
            )
        spec = {
            **{key: inputs.get(key) for key in ("role", "handler", "timeout", "memorySize")},
            "urn": resource.urn,
            "code": str(Path(package).absolute()),  # the supervisor runs elsewhere
            "environment": (inputs.get("environment") or {}).get("variables") or {},
            "reservedConcurrentExecutions": inputs.get("reservedConcurrentExecutions"),
        }
        return name, self.put(name, spec, resource.region)

    def outputs(self, key: str, facts: Properties, region: str) -> Properties:
        qualified, sha, size = f"{facts['arn']}:{facts['version']}", facts["codeSha256"], facts["codeSize"]
        more = {"qualifiedArn": qualified, "sourceCodeHash": sha, "sourceCodeSize": size}
        return {**super().outputs(key, facts, region), **more}


class Invocation(Backed):
    """Real invocations: one at its creation, or at every change where it follows them (scope CRUD)."""

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        inputs, olds = resource.inputs, resource.olds
        result, sent = self._invoke(inputs, action="update" if olds else "create", before=olds.get("input"))
        digest = hashlib.md5(sent, usedforsecurity=False).hexdigest()
        return f"{inputs['functionName']},{_qualifier(inputs)},{digest}", {"result": result}

    def delete(self, identifier: str, state: Properties) -> None:
        """What was done stays done, unless the function follows changes."""
        if _follows_changes(state):
            self._invoke(state, action="delete", before=state.get("input"))

    def _invoke(self, inputs: Properties, *, action: str, before: str | None) -> tuple[str, bytes]:
        """(answer, what was sent)."""
        name, payload = str(inputs["functionName"]), str(inputs["input"])
        if _follows_changes(inputs):
            # As terraform-provider-aws's aws_lambda_invocation tells a function what happens.
            change = {"action": action, "prev_input": json.loads(before) if before else None}
            payload = json.dumps({**json.loads(payload), str(inputs.get("terraformKey", "tf")): change})
        with supervisor_errors():
            answer = client("lambda").invoke(
                FunctionName=name, Payload=payload.encode(), LogType="Tail", Qualifier=_qualifier(inputs)
            )
            result: str = answer["Payload"].read().decode()
        if answer.get("FunctionError"):
            raise LaptopError(_failure(name, result, answer.get("LogResult", "")))
        return result, payload.encode()


def _qualifier(inputs: Properties) -> str:
    return str(inputs.get("qualifier", "$LATEST"))


def _input_of_changes(given: Properties) -> Iterator[Problem]:
    """The change is told inside the input, so it must have room for it."""
    for where, text in known_values(given, "input"):
        with suppress(ValueError):
            if _follows_changes(given) and not isinstance(json.loads(text), dict):
                yield where, f"{where} is {text}; while lifecycleScope is CRUD it must be a JSON object"


def _follows_changes(inputs: Properties) -> bool:
    return inputs.get("lifecycleScope") == "CRUD"


def _failure(name: str, payload: str, log: str) -> str:
    try:
        error = json.loads(payload)
        text = f"{error.get('errorType')}: {error.get('errorMessage')}"
    except (ValueError, AttributeError):
        text = payload
    lines = base64.b64decode(log).decode(errors="replace").strip().splitlines()
    return f"function {name} failed: {text}" + (f"\nend of its log:\n{chr(10).join(lines[-5:])}" if lines else "")


def _environment_size(given: Properties) -> Iterator[Problem]:
    for _, variables in known_values(given, "environment.variables"):
        if isinstance(variables, dict):
            size = sum(len(f"{key}{value}".encode()) for key, value in variables.items() if value != UNKNOWN)
            if size > _ENVIRONMENT_BYTES:
                yield "environment", f"the environment has {size} bytes; Lambda takes {_ENVIRONMENT_BYTES}"


TYPES = (
    AwsType(
        "aws:lambda/function:Function",
        limits=(
            Modelled("lambda", "CreateFunctionRequest", "handler", "description", name="FunctionName"),
            Range("memorySize", 128, 10_240),  # Lambda's quota: its model lets 32 GB pass, as the provider does
            Range("reservedConcurrentExecutions", -1, 1_000_000),  # -1 takes it away; the account's limit is AWS's
            _environment_size,
        ),
        fills={
            "architectures": ["x86_64"],
            "ephemeralStorage": {"size": 512},
            "tracingConfig": {"mode": "PassThrough"},
        },
        backed=Function(),
    ),
    AwsType("aws:lambda/invocation:Invocation", limits=(_input_of_changes,), backed=Invocation()),
    AwsType("aws:lambda/permission:Permission"),
)
