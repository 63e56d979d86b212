"""What the provider asks, recorded: the supervisor, Secrets Manager and Lambda; and its protocol."""

import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider.properties import from_struct
from local.provider.servicer import AwsServicer
from local.provider.types import aws_type
from local.provider.types.row import Resource
from local.supervisor.client import SupervisorClient
from local.supervisor.errors import LaptopError

URN = "urn:pulumi:local::shop::aws:x/y:Y::thing"
INSTANCE_FACTS = {
    "address": "orders.0123456789ab.eu-west-1.rds.amazonaws.com",
    "port": 5432,
    "resourceId": "db-ABC",
    "hostedZoneId": "Z",
    "availabilityZone": "eu-west-1a",
    "engineVersionActual": "15.18",
    "masterSecretArn": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:rds!db-1",
}
PROXY_FACTS = {"arn": "arn:aws:rds:eu-west-1:000000000000:db-proxy:prx-1", "endpoint": "orders.proxy-x.example"}
TARGET_FACTS = {"endpoint": "e", "port": 5432, "rdsResourceId": "orders", "targetArn": "arn", "type": "RDS_INSTANCE"}


class Recorder:
    """A supervisor, Secrets Manager and Lambda that remember what they were asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answer: dict[str, Any] = {}
        self.qualifiers: list[str] = []
        self.secrets: dict[str, dict[str, Any]] = {}
        self.exceptions = SimpleNamespace(ResourceNotFoundException=KeyError)

    def put(self, kind: str, identifier: str, spec: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(("put", kind, identifier, spec))
        return {"arn": "arn", "endpoint": f"{identifier}.proxy-x.eu-west-1.rds.amazonaws.com"}

    def get(self, kind: str, identifier: str) -> None:
        raise LaptopError(f"no {kind} {identifier}")

    def delete(self, kind: str, identifier: str) -> None:
        self.calls.append(("delete", kind, identifier))

    def put_secret_value(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(("put_secret_value", arguments))
        return {"ARN": "arn", "VersionId": "1", "VersionStages": ["AWSCURRENT"]}

    def rotate_secret(self, **arguments: Any) -> None:
        self.calls.append(("rotate_secret", arguments))

    def describe_secret(self, **arguments: Any) -> dict[str, Any]:
        return self.secrets[arguments["SecretId"]]

    def cancel_rotate_secret(self, **arguments: Any) -> dict[str, Any]:
        return self.secrets[arguments["SecretId"]]

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        self.qualifiers.append(arguments["Qualifier"])
        self.calls.append(("invoke", json.loads(arguments["Payload"])))
        return self.answer


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(SupervisorClient, "ensure", lambda: made)
    monkeypatch.setattr(boto3, "client", lambda *_, **__: made)
    return made


class Laptop:
    """A supervisor that has these resources."""

    def __init__(self) -> None:
        self.specs: dict[tuple[str, str], dict[str, Any]] = {}
        self.facts: dict[tuple[str, str], dict[str, Any]] = {}

    def put(self, kind: str, identifier: str, spec: dict[str, Any]) -> dict[str, Any]:
        self.specs[kind, identifier] = spec
        self.facts.setdefault((kind, identifier), {"arn": "arn", "name": "default"})
        return self.facts[kind, identifier]

    def spec(self, kind: str, identifier: str) -> dict[str, Any] | None:
        return self.specs.get((kind, identifier))

    def get(self, kind: str, identifier: str) -> dict[str, Any] | None:
        return self.facts.get((kind, identifier))

    def resources(self) -> list[dict[str, Any]]:
        return [
            {"kind": kind, "identifier": identifier, "spec": spec, "facts": self.facts[kind, identifier]}
            for (kind, identifier), spec in self.specs.items()
        ]


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch) -> Laptop:
    """An instance, a proxy in front of it, and nothing else."""
    made = Laptop()
    monkeypatch.setattr(SupervisorClient, "ensure", lambda: made)
    made.facts["instance", "orders"] = INSTANCE_FACTS
    made.specs["instance", "orders"] = {"engine": "postgres", "instanceClass": "db.t4g.small", "username": "shop"}
    made.facts["proxy", "orders"] = PROXY_FACTS
    made.specs["proxy", "orders"] = {"engineFamily": "POSTGRESQL", "auths": None, "idleClientTimeout": 60}
    made.facts["target", "orders/orders"] = TARGET_FACTS
    return made


def recorded(token: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(id, outputs) of a resource that is only recorded."""
    resource = Resource(aws_type(token), URN, inputs, region="eu-west-1")
    return resource.id, resource.row.outputs(resource)


def apply(token: str, inputs: dict[str, Any], olds: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    """(id, outputs) of a resource that is made for real."""
    row = aws_type(token)
    assert row.backed is not None
    return row.backed.apply(Resource(row, URN, inputs, region="eu-west-1", olds=olds or {}))


def read(token: str, identifier: str, state: dict[str, Any]) -> dict[str, Any] | None:
    """The outputs of a resource that is there for real, as they are now."""
    backed = aws_type(token).backed
    assert backed is not None
    return backed.read(identifier, state)


def delete(token: str, identifier: str, state: dict[str, Any]) -> None:
    backed = aws_type(token).backed
    assert backed is not None
    backed.delete(identifier, state)


def read_by_id(token: str, import_id: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(id, inputs, outputs) of an import."""
    context = Mock()
    context.abort.side_effect = lambda _, sentence: pytest.fail(sentence)
    urn = f"urn:pulumi:local::shop::{token}::thing"
    found = AwsServicer().Read(provider_pb2.ReadRequest(id=import_id, urn=urn), context)
    return found.id, from_struct(found.inputs), from_struct(found.properties)
