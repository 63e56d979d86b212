from typing import Any

import pytest

from lambda_rds_proxy import Database
from lambda_rds_proxy.engines import Engine, Profile, TargetKind
from tests.components.declared import Declared, declare

NETWORK: Any = {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}


def database(**args: Any) -> Declared:
    return declare(lambda: Database("db", {"network": NETWORK, **args}).reference)  # type: ignore[typeddict-item]


def test_an_instance_is_private_encrypted_and_its_master_password_is_managed_by_rds() -> None:
    instance = database().one("rds/instance:Instance").inputs
    assert instance["publiclyAccessible"] is False
    assert instance["storageEncrypted"] is True
    assert instance["manageMasterUserPassword"] is True
    assert "password" not in instance
    assert (instance["engine"], instance["engineVersion"], instance["storageType"]) == ("postgres", "17", "gp3")


@pytest.mark.parametrize(
    ("engine", "parameter"), [(Engine.POSTGRESQL, "rds.force_ssl"), (Engine.MYSQL, "require_secure_transport")]
)
@pytest.mark.parametrize("kind", list(TargetKind))
def test_the_parameter_group_refuses_plain_text(engine: Engine, kind: TargetKind, parameter: str) -> None:
    declared = database(engine=engine, kind=kind)
    token = "ClusterParameterGroup" if kind is TargetKind.CLUSTER else "rds/parameterGroup:ParameterGroup"
    (setting,) = declared.one(token).inputs["parameters"]
    assert (setting["name"], setting["applyMethod"]) == (parameter, "immediate")
    assert setting["value"] in ("1", "ON")


@pytest.mark.parametrize(
    ("engine", "kind", "version", "family"),
    [
        (Engine.POSTGRESQL, TargetKind.INSTANCE, "16.3", "postgres16"),
        (Engine.MYSQL, TargetKind.INSTANCE, "8.4.3", "mysql8.4"),
        (Engine.POSTGRESQL, TargetKind.CLUSTER, "17.4", "aurora-postgresql17"),
        (Engine.MYSQL, TargetKind.CLUSTER, "8.0.mysql_aurora.3.08.0", "aurora-mysql8.0"),
    ],
)
def test_the_parameter_group_family_follows_engine_kind_and_version(
    engine: Engine, kind: TargetKind, version: str, family: str
) -> None:
    declared = database(engine=engine, kind=kind, engine_version=version)
    token = "ClusterParameterGroup" if kind is TargetKind.CLUSTER else "rds/parameterGroup:ParameterGroup"
    assert declared.one(token).inputs["family"] == family


def test_max_connections_can_be_overridden_and_is_applied_at_the_next_start() -> None:
    declared = database(max_connections=200)
    settings = {each["name"]: each for each in declared.one("rds/parameterGroup:ParameterGroup").inputs["parameters"]}
    assert settings["max_connections"]["value"] == "200"
    assert settings["max_connections"]["applyMethod"] == "pending-reboot"
    assert declared.result["max_connections"] == 200


def test_max_connections_is_that_of_the_class_otherwise() -> None:
    assert database(instance_class="db.t3.small").result["max_connections"] == 191


def test_the_security_group_states_no_rule_of_its_own() -> None:
    group = database().one("securityGroup:SecurityGroup").inputs
    assert "ingress" not in group
    assert "egress" not in group


def test_a_dev_database_goes_with_its_stack() -> None:
    instance = database().one("rds/instance:Instance")
    assert instance.inputs["skipFinalSnapshot"] is True
    assert instance.inputs["deletionProtection"] is False
    assert not instance.protect


@pytest.mark.parametrize(("kind", "token"), [("instance", "rds/instance:Instance"), ("cluster", "rds/cluster:Cluster")])
def test_a_prod_database_is_protected_in_every_way(kind: str, token: str) -> None:
    resource = database(profile=Profile.PROD, kind=TargetKind(kind)).one(token)
    assert resource.protect
    assert resource.inputs["deletionProtection"] is True
    assert resource.inputs["skipFinalSnapshot"] is False
    assert resource.inputs["finalSnapshotIdentifier"] == "lambda-rds-proxy-test-db-final"
    assert resource.inputs["backupRetentionPeriod"] >= 7
    if kind == "instance":
        assert resource.inputs["multiAz"] is True


def test_a_clusters_endpoint_is_known_only_when_its_instances_are_there() -> None:
    declared = database(kind=TargetKind.CLUSTER, instances=3)
    assert len(declared.all("ClusterInstance")) == 3
    assert declared.result["endpoint"].startswith("db.cluster-")


def test_the_reference_names_what_a_proxy_needs() -> None:
    reference = database().result
    assert reference["identifier"] == "db-1a2b3c4"
    assert reference["resource_id"].startswith("db-")
    assert reference["admin_secret_arn"].startswith("arn:aws:secretsmanager:")
    assert reference["endpoint"] == "db.abcdefghijkl.eu-west-1.rds.amazonaws.com"
