"""Resources made through the laptop's AWS endpoint with AWS's own client: secrets, rotations, and invocations."""

import base64
import json
from typing import Any

from toolchain.checkout import LAPTOP_REGION, checkout_root, gateway_url

from ..supervisor.client import SupervisorClient
from .laptop import BackedError, told
from .properties import Properties
from .recorded import digest


def _client(service: str) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
    import boto3
    import botocore.config

    SupervisorClient.ensure()
    return boto3.client(
        service,
        endpoint_url=gateway_url(checkout_root()),
        region_name=LAPTOP_REGION,
        aws_access_key_id="laptop",
        aws_secret_access_key="laptop",  # noqa: S106 - the laptop's gateway checks no signature
        config=botocore.config.Config(read_timeout=920, retries={"max_attempts": 0}),  # a function's 900 s, and some
    )


def _described(secret: str) -> dict[str, Any] | None:
    """What DescribeSecret answers; None when there is no such secret."""
    with told():
        client = _client("secretsmanager")
        try:
            found: dict[str, Any] = client.describe_secret(SecretId=secret)
        except client.exceptions.ResourceNotFoundException:
            return None
    return found


class Secret:
    """aws:secretsmanager/secret:Secret → moto."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        name, description = str(inputs["name"]), str(inputs.get("description", ""))
        with told():
            client = _client("secretsmanager")
            try:
                arn = client.describe_secret(SecretId=name)["ARN"]
                client.update_secret(SecretId=name, Description=description)
            except client.exceptions.ResourceNotFoundException:
                arn = client.create_secret(Name=name, Description=description)["ARN"]
        return arn, {"arn": arn}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        found = _described(identifier)
        return found and {"arn": found["ARN"], "name": found["Name"]}

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        with told():
            client = _client("secretsmanager")
            try:
                # A recovery window would keep the laptop's supervisor alive for a month.
                client.delete_secret(SecretId=identifier, ForceDeleteWithoutRecovery=True)
            except client.exceptions.ResourceNotFoundException:
                return


class SecretVersion:
    """aws:secretsmanager/secretVersion:SecretVersion → moto."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        secret = str(inputs["secretId"])
        with told():
            stored = _client("secretsmanager").put_secret_value(SecretId=secret, **self._value(secret, inputs))
        return f"{secret}|{stored['VersionId']}", {
            "arn": stored["ARN"],
            "versionId": stored["VersionId"],
            "versionStages": stored["VersionStages"],
            "secretStringWo": None,  # write-only: never in the state
        }

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        secret, version = identifier.rsplit("|", 1)
        with told():
            client = _client("secretsmanager")
            try:
                found = client.get_secret_value(SecretId=secret, VersionId=version)
            except client.exceptions.ResourceNotFoundException:
                return None
        return {"arn": found["ARN"], "versionId": version}

    def delete(self, identifier: str, state: Properties) -> None:
        """The value goes with its secret, as AWSCURRENT cannot be taken away."""

    @staticmethod
    def _value(secret: str, inputs: Properties) -> dict[str, Any]:
        for argument in ("secretString", "secretStringWo"):
            if argument in inputs:
                return {"SecretString": str(inputs[argument])}
        if "secretBinary" in inputs:
            return {"SecretBinary": base64.b64decode(str(inputs["secretBinary"]))}
        raise BackedError(
            f"the version of secret {secret} has no value; give it one of secretString, secretStringWo, secretBinary"
        )


class SecretRotation:
    """aws:secretsmanager/secretRotation:SecretRotation → the laptop's RotateSecret; its calendar is recorded only."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        secret, rules = str(inputs["secretId"]), inputs.get("rotationRules") or {}
        names = {"automaticallyAfterDays": "AutomaticallyAfterDays", "duration": "Duration"}
        names["scheduleExpression"] = "ScheduleExpression"
        function = {"RotationLambdaARN": inputs["rotationLambdaArn"]} if inputs.get("rotationLambdaArn") else {}
        with told():
            _client("secretsmanager").rotate_secret(
                SecretId=secret,
                RotationRules={names[key]: value for key, value in rules.items() if key in names},
                RotateImmediately=inputs.get("rotateImmediately", True),
                **function,
            )
        return secret, {"rotationEnabled": True}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        found = _described(identifier)
        return {"rotationEnabled": True} if found and found.get("RotationEnabled") else None

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        with told():
            client = _client("secretsmanager")
            try:
                client.cancel_rotate_secret(SecretId=identifier)
            except client.exceptions.ResourceNotFoundException:
                return


class Invocation:
    """aws:lambda/invocation:Invocation → real invocations: one at its creation, or (scope CRUD) at every change."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        result = self._invoke(inputs, action="update" if olds else "create", before=olds.get("input"))
        return digest(str(inputs["functionName"]), str(inputs["input"]), length=32), {"result": result}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        return {}

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        """What was done stays done, unless the function follows changes."""
        if state.get("lifecycleScope") == "CRUD":
            self._invoke(state, action="delete", before=state.get("input"))

    def _invoke(self, inputs: Properties, *, action: str, before: str | None) -> str:
        name, payload = str(inputs["functionName"]), str(inputs["input"])
        if inputs.get("lifecycleScope") == "CRUD":
            # As terraform-provider-aws's aws_lambda_invocation tells a function what happens.
            told_of = {"action": action, "prev_input": json.loads(before or "{}")}
            payload = json.dumps({**json.loads(payload), str(inputs.get("terraformKey", "tf")): told_of})
        with told():
            answer = _client("lambda").invoke(FunctionName=name, Payload=payload.encode(), LogType="Tail")
            result: str = answer["Payload"].read().decode()
        if answer.get("FunctionError"):
            raise BackedError(_failure(name, result, answer.get("LogResult", "")))
        return result


def _failure(name: str, payload: str, log: str) -> str:
    try:
        error = json.loads(payload)
        text = f"{error.get('errorType')}: {error.get('errorMessage')}"
    except (ValueError, AttributeError):
        text = payload
    lines = base64.b64decode(log).decode(errors="replace").strip().splitlines()
    return f"function {name} failed: {text}" + (f"\nend of its log:\n{chr(10).join(lines[-5:])}" if lines else "")
