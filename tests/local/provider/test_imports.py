"""What `import` finds on the laptop: resources that no state knows, by the real provider's ids."""

from typing import Any
from unittest.mock import Mock

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider.imports import tellable
from local.provider.properties import from_struct, to_struct
from local.provider.servicer import AwsServicer
from local.supervisor.client import SupervisorClient

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


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch) -> Laptop:
    """An instance, a proxy before it, and nothing else."""
    made = Laptop()
    monkeypatch.setattr(SupervisorClient, "ensure", lambda: made)
    made.facts["instance", "orders"] = INSTANCE_FACTS
    made.specs["instance", "orders"] = {"engine": "postgres", "instanceClass": "db.t4g.small", "username": "shop"}
    made.facts["proxy", "orders"] = PROXY_FACTS
    made.specs["proxy", "orders"] = {"engineFamily": "POSTGRESQL", "auths": None, "idleClientTimeout": 60}
    made.facts["target", "orders/orders"] = TARGET_FACTS
    return made


def read(token: str, import_id: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(id, inputs, outputs) of an import."""
    context = Mock()
    context.abort.side_effect = lambda _, said: pytest.fail(said)
    urn = f"urn:pulumi:local::shop::{token}::thing"
    found = AwsServicer().Read(provider_pb2.ReadRequest(id=import_id, urn=urn), context)
    return found.id, from_struct(found.inputs), from_struct(found.properties)


def test_an_instance_comes_by_its_identifier_and_gets_its_resource_id(laptop: Laptop) -> None:
    identifier, inputs, outputs = read("aws:rds/instance:Instance", "orders")
    assert identifier == outputs["resourceId"] == "db-ABC"
    assert (inputs["identifier"], inputs["username"], inputs["port"]) == ("orders", "shop", 5432)
    assert outputs["arn"] == "arn:aws:rds:eu-west-1:000000000000:db:orders"
    assert outputs["masterUserSecrets"][0]["secretArn"] == INSTANCE_FACTS["masterSecretArn"]
    assert inputs["parameterGroupName"] == "default.postgres15"


def test_what_aws_does_not_tell_is_not_read_and_what_the_providers_importer_sets_is(laptop: Laptop) -> None:
    asked = tellable(
        {"allocatedStorage": 50, "password": "fake", "applyImmediately": True, "manageMasterUserPassword": True}
    )
    laptop.specs["instance", "orders"]["asked"] = asked
    _, inputs, outputs = read("aws:rds/instance:Instance", "orders")
    assert (inputs["allocatedStorage"], outputs["allocatedStorage"]) == (50, 50)
    assert (inputs["skipFinalSnapshot"], inputs["deleteAutomatedBackups"]) == (True, True)
    assert not {"password", "applyImmediately", "manageMasterUserPassword"} & (inputs.keys() | outputs.keys())


def test_a_proxy_that_was_made_by_hand_has_awss_own_defaults(laptop: Laptop) -> None:
    identifier, inputs, outputs = read("aws:rds/proxy:Proxy", "orders")
    assert identifier == inputs["name"] == "orders"
    assert (inputs["requireTls"], inputs["debugLogging"], inputs["idleClientTimeout"]) == (False, False, 60)
    assert (outputs["arn"], outputs["endpoint"]) == (PROXY_FACTS["arn"], PROXY_FACTS["endpoint"])


def test_a_proxy_has_a_default_target_group_that_nobody_made(laptop: Laptop) -> None:
    identifier, inputs, outputs = read("aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup", "orders")
    assert (identifier, inputs["dbProxyName"], outputs["name"]) == ("orders", "orders", "default")
    pool = {"maxConnectionsPercent": 100, "maxIdleConnectionsPercent": 50, "connectionBorrowTimeout": 120}
    assert inputs["connectionPoolConfig"] == outputs["connectionPoolConfig"] == pool


def test_a_target_comes_by_its_four_parts(laptop: Laptop) -> None:
    identifier, inputs, outputs = read("aws:rds/proxyTarget:ProxyTarget", "orders/default/RDS_INSTANCE/orders")
    assert identifier == "orders/default/RDS_INSTANCE/orders"
    assert inputs == {"dbProxyName": "orders", "targetGroupName": "default", "dbInstanceIdentifier": "orders"}
    assert outputs["rdsResourceId"] == "orders"


def test_the_log_group_of_a_proxy_is_there_as_rds_makes_it(laptop: Laptop) -> None:
    identifier, inputs, outputs = read("aws:cloudwatch/logGroup:LogGroup", "/aws/rds/proxy/orders")
    assert (identifier, inputs["retentionInDays"]) == ("/aws/rds/proxy/orders", 0)
    assert outputs["arn"].endswith(":log-group:/aws/rds/proxy/orders")


@pytest.mark.parametrize(
    ("token", "import_id"),
    [
        ("aws:rds/instance:Instance", "other"),
        ("aws:rds/proxy:Proxy", "other"),
        ("aws:rds/parameterGroup:ParameterGroup", "other"),
        ("aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup", "other"),
        ("aws:rds/proxyTarget:ProxyTarget", "orders/default/RDS_INSTANCE/other"),
        ("aws:rds/proxyTarget:ProxyTarget", "orders/default/TRACKED_CLUSTER/orders"),
        ("aws:rds/proxyTarget:ProxyTarget", "orders/orders"),
        ("aws:cloudwatch/logGroup:LogGroup", "/aws/rds/proxy/other"),
        ("aws:cloudwatch/logGroup:LogGroup", "orders"),
    ],
)
def test_what_is_not_there_is_not_found(laptop: Laptop, token: str, import_id: str) -> None:
    assert read(token, import_id) == ("", {}, {})


def test_what_an_import_read_beyond_what_the_program_states_is_no_difference(laptop: Laptop) -> None:
    _, inputs, outputs = read("aws:rds/instance:Instance", "orders")
    stated = {key: inputs[key] for key in ("identifier", "engine", "instanceClass", "skipFinalSnapshot")}
    request = provider_pb2.DiffRequest(
        urn="urn:pulumi:local::shop::aws:rds/instance:Instance::thing",
        old_inputs=to_struct({**inputs, "backupWindow": "03:00-04:00", "maxAllocatedStorage": 100}),
        olds=to_struct(outputs),
        news=to_struct({**stated, "instanceClass": "db.t4g.micro"}),
    )
    changed = list(AwsServicer().Diff(request, Mock()).diffs)
    assert "instanceClass" in changed and "maxAllocatedStorage" in changed
    assert not {"username", "backupWindow", "parameterGroupName", "port"} & set(changed)


def test_a_type_that_is_only_recorded_says_why_it_cannot_be_imported(laptop: Laptop) -> None:
    class Aborted(Exception):  # noqa: N818
        pass

    context = Mock()
    context.abort.side_effect = Aborted
    with pytest.raises(Aborted):
        AwsServicer().Read(provider_pb2.ReadRequest(id="vpc-1", urn="urn:pulumi:l::s::aws:ec2/vpc:Vpc::v"), context)
    status, said = context.abort.call_args.args
    assert status is grpc.StatusCode.NOT_FOUND and "only records" in said
