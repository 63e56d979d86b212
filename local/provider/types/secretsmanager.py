"""Secrets, their versions and rotations: moto, behind the laptop's AWS endpoint."""

import base64
from typing import Any

from ...supervisor.errors import LaptopError
from ..properties import Properties
from .limits import Modelled
from .row import AwsType, Backed, Resource
from .supervised import client, supervisor_errors


def _ask(operation: str, **arguments: Any) -> dict[str, Any] | None:  # noqa: ANN401 - those of the operation
    """What Secrets Manager answers; None when there is no such secret."""
    with supervisor_errors():
        manager = client("secretsmanager")
        try:
            answer: dict[str, Any] = getattr(manager, operation)(**arguments)
        except manager.exceptions.ResourceNotFoundException:
            return None
    return answer


class Secret(Backed):
    """A secret, by its name whoever made it."""

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        name, description = resource.name, str(resource.inputs.get("description", ""))
        stored = _ask("update_secret", SecretId=name, Description=description)
        arn = (stored or _ask("create_secret", Name=name, Description=description) or {})["ARN"]
        return arn, {"arn": arn}

    def read(self, identifier: str, state: Properties) -> Properties | None:
        found = _ask("describe_secret", SecretId=identifier)
        return found and {"arn": found["ARN"], "name": found["Name"]}

    def delete(self, identifier: str, state: Properties) -> None:
        # A recovery window would keep the laptop's supervisor alive for a month.
        _ask("delete_secret", SecretId=identifier, ForceDeleteWithoutRecovery=True)


class SecretVersion(Backed):
    """A value of a secret; it goes with the secret, as AWSCURRENT cannot be taken away."""

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        secret = str(resource.inputs["secretId"])
        text = [resource.inputs[each] for each in ("secretString", "secretStringWo") if each in resource.inputs]
        if not text and "secretBinary" not in resource.inputs:
            wanted = "secretString, secretStringWo, secretBinary"
            raise LaptopError(f"the version of secret {secret} has no value; give it one of {wanted}")
        binary = base64.b64decode(str(resource.inputs.get("secretBinary", "")))
        value = {"SecretString": str(text[0])} if text else {"SecretBinary": binary}
        with supervisor_errors():
            stored = client("secretsmanager").put_secret_value(SecretId=secret, **value)
        return f"{secret}|{stored['VersionId']}", {
            "arn": stored["ARN"],
            "versionId": stored["VersionId"],
            "versionStages": stored["VersionStages"],
            "secretStringWo": None,  # write-only: never in the state
        }

    def read(self, identifier: str, state: Properties) -> Properties | None:
        secret, version = identifier.rsplit("|", 1)
        found = _ask("get_secret_value", SecretId=secret, VersionId=version)
        return found and {"arn": found["ARN"], "versionId": version}


class SecretRotation(Backed):
    """The laptop's RotateSecret; its calendar is recorded only."""

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        inputs, asked = resource.inputs, ("secretId", "rotationRules", "rotationLambdaArn")
        if resource.olds and all(inputs.get(key) == resource.olds.get(key) for key in asked):
            return str(inputs["secretId"]), {"rotationEnabled": True}  # rotateImmediately alone asks for nothing
        secret, rules = str(inputs["secretId"]), inputs.get("rotationRules") or {}
        function = {"RotationLambdaARN": inputs["rotationLambdaArn"]} if inputs.get("rotationLambdaArn") else {}
        with supervisor_errors():
            client("secretsmanager").rotate_secret(
                SecretId=secret,
                RotationRules={key[0].upper() + key[1:]: value for key, value in rules.items()},
                RotateImmediately=inputs.get("rotateImmediately", True),
                **function,
            )
        return secret, {"rotationEnabled": True}

    def read(self, identifier: str, state: Properties) -> Properties | None:
        found = _ask("describe_secret", SecretId=identifier)
        if found is None or found.get("RotationEnabled"):
            return found and {"rotationEnabled": True}
        return {"rotationEnabled": False, "rotationRules": None}  # switched off elsewhere: drift, not a loss

    def delete(self, identifier: str, state: Properties) -> None:
        if _ask("cancel_rotate_secret", SecretId=identifier) is None:
            raise LaptopError(f"Secrets Manager can't find the secret {identifier}, whose rotation is to be cancelled")


TYPES = (
    AwsType(
        "aws:secretsmanager/secret:Secret",
        limits=(Modelled("secretsmanager", "CreateSecretRequest", name="Name"),),
        backed=Secret(),
    ),
    AwsType("aws:secretsmanager/secretVersion:SecretVersion", backed=SecretVersion()),
    AwsType("aws:secretsmanager/secretRotation:SecretRotation", backed=SecretRotation()),
)
