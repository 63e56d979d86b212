import re
from typing import Any

import pytest

from lambda_rds_proxy import Database
from lambda_rds_proxy.database.args import DatabaseArgs
from lambda_rds_proxy.engines import Engine, Profile, TargetKind
from tests.components.declared import Declared, Registered, arguments, declare

NETWORK: Any = {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}


def database(**args: Any) -> Declared:
    return declare(lambda: Database("db", arguments(DatabaseArgs, {"network": NETWORK, **args})).reference)


def test_an_instance_is_private_encrypted_and_its_master_password_is_managed_by_rds() -> None:
    instance = database().one("rds/instance:Instance").inputs
    assert instance["publiclyAccessible"] is False
    assert instance["storageEncrypted"] is True
    assert instance["manageMasterUserPassword"] is True
    assert "password" not in instance
    assert (instance["engine"], instance["engineVersion"], instance["storageType"]) == ("postgres", "17", "gp3")


@pytest.mark.parametrize(
    ("engine", "kind", "version", "stated"),
    [
        # A default is left unsaid where its method would come back as another one, which a cluster's group would show.
        (Engine.POSTGRESQL, TargetKind.INSTANCE, "14", ("rds.force_ssl", "1", "pending-reboot")),
        (Engine.POSTGRESQL, TargetKind.INSTANCE, "17", ("rds.force_ssl", "1", "pending-reboot")),
        (Engine.POSTGRESQL, TargetKind.CLUSTER, "16.8", ("rds.force_ssl", "1", "immediate")),
        (Engine.POSTGRESQL, TargetKind.CLUSTER, "17.7", None),
        (Engine.POSTGRESQL, TargetKind.CLUSTER, "18.3", None),
        (Engine.MYSQL, TargetKind.INSTANCE, "8.4", ("require_secure_transport", "1", "pending-reboot")),
        (Engine.MYSQL, TargetKind.CLUSTER, "8.0.mysql_aurora.3.10.4", ("require_secure_transport", "ON", "immediate")),
        (Engine.MYSQL, TargetKind.CLUSTER, "8.4.mysql_aurora.8.4.7", None),
    ],
)
def test_the_parameter_group_refuses_plain_text_in_the_words_of_its_target(
    engine: Engine, kind: TargetKind, version: str, stated: tuple[str, str, str] | None
) -> None:
    found = parameters(database(engine=engine, kind=kind, engine_version=version))
    assert [(name, *rest) for name, rest in found.items()] == ([stated] if stated else [])


@pytest.mark.parametrize("name", ["rds.force_ssl", "RDS.Force_SSL"])
def test_the_parameter_that_demands_tls_is_nobodys_to_set_however_it_is_written(name: str) -> None:
    with pytest.raises(ValueError, match="the database refuses plain text in any case"):
        database(parameters={name: "0"})


@pytest.mark.parametrize(
    ("engine", "kind", "version", "family"),
    [
        (Engine.POSTGRESQL, TargetKind.INSTANCE, "16.3", "postgres16"),
        (Engine.MYSQL, TargetKind.INSTANCE, "8.4.3", "mysql8.4"),
        (Engine.POSTGRESQL, TargetKind.INSTANCE, "18", "postgres18"),
        (Engine.POSTGRESQL, TargetKind.CLUSTER, "17.4", "aurora-postgresql17"),
        (Engine.POSTGRESQL, TargetKind.CLUSTER, "18.3", "aurora-postgresql18"),
        (Engine.MYSQL, TargetKind.CLUSTER, "8.0", "aurora-mysql8.0"),
        (Engine.MYSQL, TargetKind.CLUSTER, "8.0.mysql_aurora.3.08.0", "aurora-mysql8.0"),
        (Engine.MYSQL, TargetKind.CLUSTER, "8.4.mysql_aurora.8.4.7", "aurora-mysql8.4"),
    ],
)
def test_the_parameter_group_family_follows_engine_kind_and_version(
    engine: Engine, kind: TargetKind, version: str, family: str
) -> None:
    declared = database(engine=engine, kind=kind, engine_version=version)
    token = "ClusterParameterGroup" if kind is TargetKind.CLUSTER else "rds/parameterGroup:ParameterGroup"
    assert declared.one(token).inputs["family"] == family


@pytest.mark.parametrize(
    ("engine", "kind", "version", "upgraded"),
    [
        (Engine.POSTGRESQL, TargetKind.INSTANCE, None, True),
        (Engine.POSTGRESQL, TargetKind.INSTANCE, "16", True),
        (Engine.POSTGRESQL, TargetKind.INSTANCE, "17.4", False),
        (Engine.MYSQL, TargetKind.INSTANCE, None, True),
        (Engine.MYSQL, TargetKind.INSTANCE, "8.4", True),
        (Engine.MYSQL, TargetKind.INSTANCE, "8.4.6", False),
        (Engine.POSTGRESQL, TargetKind.CLUSTER, None, True),
        (Engine.POSTGRESQL, TargetKind.CLUSTER, "17", True),
        (Engine.POSTGRESQL, TargetKind.CLUSTER, "17.4", False),
        (Engine.MYSQL, TargetKind.CLUSTER, None, True),
        (Engine.MYSQL, TargetKind.CLUSTER, "8.0", True),
        (Engine.MYSQL, TargetKind.CLUSTER, "8.0.mysql_aurora.3.10.4", False),
        (Engine.MYSQL, TargetKind.CLUSTER, "8.4.mysql_aurora.8.4.7", False),
    ],
)
def test_aws_upgrades_minor_versions_but_of_a_version_that_is_given_in_full(
    engine: Engine, kind: TargetKind, version: str | None, upgraded: bool
) -> None:
    declared = database(engine=engine, kind=kind, **({"engine_version": version} if version else {}))
    for made in declared.all("rds/instance:Instance") + declared.all("ClusterInstance"):
        assert made.inputs["autoMinorVersionUpgrade"] is upgraded


def cluster(**args: Any) -> Registered:
    return database(kind=TargetKind.CLUSTER, **args).one("rds/cluster:Cluster")


@pytest.mark.parametrize("engine", list(Engine))
def test_a_cluster_whose_version_is_not_given_stays_at_what_aws_upgraded_it_to(engine: Engine) -> None:
    assert "engineVersion" in cluster(engine=engine).ignore_changes
    assert "engineVersion" not in cluster(engine=engine, engine_version="17.7").ignore_changes


def test_an_instance_keeps_a_version_that_is_all_of_a_major_one_by_itself() -> None:
    assert "engineVersion" not in database().one("rds/instance:Instance").ignore_changes


def test_what_is_imported_says_its_version_or_is_refused() -> None:
    adopted = {
        "identifier": "orders",
        "subnet_group_name": "private",
        "security_group_ids": ["sg-0a"],
        "instance_identifiers": ["orders-0"],
    }
    assert cluster(adopted=adopted, import_changes=[]).ignore_changes == []
    assert cluster(adopted=adopted).ignore_changes == ["engineVersion"]


def test_an_instance_of_a_cluster_has_the_clusters_version_whoever_upgrades_that() -> None:
    assert "engineVersion" not in database(kind=TargetKind.CLUSTER).one("ClusterInstance").inputs


@pytest.mark.parametrize(
    ("args", "warned"),
    [
        ({"kind": TargetKind.CLUSTER, "engine_version": "17"}, True),
        ({"kind": TargetKind.CLUSTER, "engine_version": "8.0", "engine": Engine.MYSQL}, True),
        ({"kind": TargetKind.CLUSTER, "engine_version": "17.7"}, False),
        ({"kind": TargetKind.CLUSTER}, False),
        ({"engine_version": "17"}, False),
    ],
)
def test_a_clusters_version_that_is_all_of_a_major_one_is_warned_about_with_one_in_full(
    args: Any, warned: bool
) -> None:
    said = [each for each in database(**args).messages if "settings.engine_version is" in each]
    assert bool(said) is warned
    assert all("give one in full such as" in each for each in said)


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
    assert resource.inputs["finalSnapshotIdentifier"].startswith("lambda-rds-proxy-test-db-final-")
    assert resource.inputs["backupRetentionPeriod"] >= 7
    if kind == "instance":
        assert resource.inputs["multiAz"] is True


@pytest.mark.parametrize(("kind", "token"), [("instance", "rds/instance:Instance"), ("cluster", "rds/cluster:Cluster")])
def test_no_two_databases_leave_a_final_snapshot_of_one_name(kind: str, token: str) -> None:
    """The second of a stack that was destroyed, or the one that replaced the first, would never be deleted."""
    made = [database(profile=Profile.PROD, kind=TargetKind(kind)) for _ in range(2)]
    assert len({each.one(token).inputs["finalSnapshotIdentifier"] for each in made}) == 2
    kept = made[0].one("pulumi:index:Stash")
    assert kept.ignore_changes == ["input"], "every run draws a name, and only what is made takes it"
    assert kept.inputs["input"] in made[0].one(token).inputs["finalSnapshotIdentifier"]


@pytest.mark.parametrize(
    "replacing",
    [
        {"engine": Engine.MYSQL},
        {"database_name": "orders"},
        {"kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/0123"},
        {"snapshot_identifier": "orders-before"},
    ],
)
@pytest.mark.parametrize("kind", list(TargetKind))
def test_what_replaces_a_database_draws_the_name_of_its_final_snapshot_anew(kind: TargetKind, replacing: Any) -> None:
    def kept(**args: Any) -> Registered:
        return database(profile=Profile.PROD, kind=kind, **args).one("pulumi:index:Stash")

    before, again, after = kept(), kept(), kept(**replacing)
    assert before.replacement_trigger == again.replacement_trigger
    assert before.replacement_trigger != after.replacement_trigger


def test_a_database_without_a_final_snapshot_keeps_no_name_for_one() -> None:
    assert database().all("pulumi:index:Stash") == []


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


KEY = "arn:aws:kms:eu-west-1:123456789012:key/0123"


def parameters(declared: Declared) -> dict[str, tuple[str, str]]:
    group = (declared.all("rds/parameterGroup:ParameterGroup") + declared.all("ClusterParameterGroup"))[0]
    return {each["name"]: (each["value"], each["applyMethod"]) for each in group.inputs.get("parameters", [])}


@pytest.mark.parametrize("kind", list(TargetKind))
def test_a_customer_managed_key_encrypts_storage_master_secret_and_insights(kind: TargetKind) -> None:
    declared = database(kind=kind, kms_key_arn=KEY)
    made = (declared.all("rds/instance:Instance") + declared.all("rds/cluster:Cluster"))[0].inputs
    assert (made["kmsKeyId"], made["masterUserSecretKmsKeyId"], made["storageEncrypted"]) == (KEY, KEY, True)
    insights = (declared.all("rds/instance:Instance") + declared.all("ClusterInstance"))[0].inputs
    assert insights["performanceInsightsKmsKeyId"] == KEY
    assert declared.result["admin_secret_kms_key_arn"] == KEY


@pytest.mark.parametrize("kind", list(TargetKind))
def test_a_restored_database_takes_master_user_and_database_from_its_snapshot(kind: TargetKind) -> None:
    declared = database(kind=kind, snapshot_identifier="orders-final")
    made = (declared.all("rds/instance:Instance") + declared.all("rds/cluster:Cluster"))[0].inputs
    assert made["snapshotIdentifier"] == "orders-final"
    assert not {"username", "masterUsername", "dbName", "databaseName"} & set(made)
    assert made["manageMasterUserPassword"] is True


def test_a_restored_instance_is_encrypted_as_its_snapshot_and_a_restored_cluster_with_the_key() -> None:
    args = {"snapshot_identifier": "orders-final", "kms_key_arn": KEY}
    instance = database(**args).one("rds/instance:Instance").inputs
    assert "kmsKeyId" not in instance, "another key than the snapshot's would replace what was restored"
    # Left out it would replace as well: the provider does not take it from AWS.
    assert instance["storageEncrypted"] is True
    assert instance["masterUserSecretKmsKeyId"] == KEY
    assert cluster(**args).inputs["kmsKeyId"] == KEY


@pytest.mark.parametrize("prod", [True, False], ids=["prod", "dev"])
@pytest.mark.parametrize("kind", list(TargetKind))
def test_a_production_database_says_what_waits_for_its_maintenance_window(kind: TargetKind, prod: bool) -> None:
    declared = database(kind=kind, profile=Profile.PROD if prod else Profile.DEV)
    made = declared.all("rds/instance:Instance") + declared.all("rds/cluster:Cluster") + declared.all("ClusterInstance")
    assert [each.hooks for each in made] == [[f"maintenance-{each.name}"] if prod else [] for each in made]
    assert [each.inputs["applyImmediately"] for each in made] == [not prod for each in made]


@pytest.mark.parametrize("kind", list(TargetKind))
def test_a_database_listens_on_any_port_it_is_given(kind: TargetKind) -> None:
    declared = database(kind=kind, port=6432)
    made = (declared.all("rds/instance:Instance") + declared.all("rds/cluster:Cluster"))[0].inputs
    assert made["port"] == 6432
    assert declared.result["port"] == 6432


def test_more_parameters_wait_for_the_next_start_and_leave_tls_alone() -> None:
    found = parameters(database(parameters={"log_min_duration_statement": "500"}))
    assert found == {
        "log_min_duration_statement": ("500", "pending-reboot"),
        "rds.force_ssl": ("1", "pending-reboot"),
    }


@pytest.mark.parametrize(
    ("args", "on"),
    [
        ({}, True),
        ({"performance_insights": False}, False),
        ({"engine": Engine.MYSQL}, False),
        ({"engine": Engine.MYSQL, "instance_class": "db.m7g.large"}, True),
        ({"engine": Engine.MYSQL, "kind": TargetKind.CLUSTER}, True),
        ({"engine": Engine.MYSQL, "kind": TargetKind.CLUSTER, "instance_class": "db.t3.medium"}, False),
        ({"engine": Engine.MYSQL, "instance_class": "db.t2.medium"}, True),
        ({"engine": Engine.MYSQL, "kind": TargetKind.CLUSTER, "instance_class": "db.r6g.large"}, True),
    ],
)
def test_performance_insights_is_on_where_the_class_has_it(args: Any, on: bool) -> None:
    declared = database(**args)
    made = (declared.all("rds/instance:Instance") + declared.all("ClusterInstance"))[0].inputs
    assert made.get("performanceInsightsEnabled", False) is on


def test_a_serverless_cluster_scales_between_its_capacities_and_the_highest_says_how_many_connections() -> None:
    declared = database(kind=TargetKind.CLUSTER, instance_class="db.serverless", min_capacity=1, max_capacity=16)
    scaling = declared.one("rds/cluster:Cluster").inputs["serverlessv2ScalingConfiguration"]
    assert scaling == {"minCapacity": 1, "maxCapacity": 16}
    assert declared.one("ClusterInstance").inputs["instanceClass"] == "db.serverless"
    assert declared.result["max_connections"] == 3360


def test_a_prod_cluster_survives_the_loss_of_a_zone() -> None:
    declared = database(profile=Profile.PROD, kind=TargetKind.CLUSTER)
    assert len(declared.all("ClusterInstance")) == 2
    assert declared.result["readers"] == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            {"kind": TargetKind.CLUSTER, "instance_class": "db.serverless", "min_capacity": 0},
            "which keeps connections open, it never scales to zero",
        ),
        ({"kind": TargetKind.CLUSTER, "instance_class": "db.serverless", "min_capacity": 0.7}, "in steps of 0.5"),
        (
            {"kind": TargetKind.CLUSTER, "instance_class": "db.serverless", "min_capacity": 8, "max_capacity": 4},
            "settings.max_capacity is 4; it must not be below settings.min_capacity (8)",
        ),
        ({"instance_class": "db.serverless"}, "only a cluster is serverless"),
        ({"max_capacity": 8}, "are for settings.instance_class db.serverless only"),
        ({"kind": TargetKind.CLUSTER, "instance_class": "db.t4g.micro"}, "the smallest is db.t4g.medium"),
        ({"parameters": {"rds.force_ssl": "0"}}, "the database refuses plain text in any case"),
        ({"parameters": {"max_connections": "50"}}, "give it as settings.max_connections"),
        ({"backup_retention_days": 0}, 'settings.backup_retention_days is "0"; it must be a whole number from 1 to 35'),
        (
            {"backup_retention_days": 3, "profile": Profile.PROD},
            "settings.backup_retention_days is 3; it must be at least 7 with stack.profile prod",
        ),
        ({"kind": TargetKind.CLUSTER, "instances": 1, "profile": Profile.PROD}, "needs 2"),
        ({"port": 80}, 'settings.port is "80"; it must be a whole number from 1150 to 65535'),
    ],
)
def test_what_cannot_go_together_is_refused_with_the_reason(args: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        database(**args)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ValueError, match=r"backup_retention_days is \"0\".*port is \"80\""):
        database(backup_retention_days=0, port=80)


@pytest.mark.parametrize(("version", "warned"), [("16.3", False), ("99", True), ("1", True)])
def test_a_version_that_no_proxy_is_documented_for_is_warned_about(version: str, warned: bool) -> None:
    assert any("RDS Proxy is documented for" in each for each in database(engine_version=version).messages) is warned


@pytest.mark.parametrize("kind", list(TargetKind))
def test_a_very_long_logical_name_still_gives_identifiers_that_rds_accepts(kind: TargetKind) -> None:
    whole: Any = {"network": NETWORK, "settings": {"kind": kind}}
    declared = declare(lambda: Database("Orders-" * 12, whole).reference)
    made = declared.all("rds/instance:Instance") + declared.all("ClusterInstance") + declared.all("rds/cluster:Cluster")
    names = [each.inputs.get("identifier") or each.inputs["clusterIdentifier"] for each in made]
    assert all(re.fullmatch(r"[a-z](?:-?[a-z0-9])*", each) and len(each) <= 63 for each in names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", list(TargetKind))
def test_nobody_reaches_the_database_but_through_its_own_group_in_private(kind: TargetKind) -> None:
    declared = database(kind=kind)
    made = (declared.all("rds/instance:Instance") + declared.all("rds/cluster:Cluster"))[0].inputs
    assert made["vpcSecurityGroupIds"] == ["db-id"]
    for instance in declared.all("rds/instance:Instance") + declared.all("ClusterInstance"):
        assert instance.inputs["publiclyAccessible"] is False


@pytest.mark.parametrize(
    ("engine", "kind", "names"),
    [
        ("postgresql", "instance", {"/aws/rds/instance/{}/postgresql", "/aws/rds/instance/{}/upgrade"}),
        ("postgresql", "cluster", {"/aws/rds/cluster/{}/postgresql"}),
        ("mysql", "instance", None),
        ("mysql", "cluster", None),
    ],
)
def test_the_group_of_every_exported_log_is_there_before_the_database(
    engine: str, kind: str, names: set[str] | None
) -> None:
    declared = database(
        engine=engine, kind=kind, profile="prod", log_retention_days=365, log_kms_key_arn=KEY, tags={"team": "orders"}
    )
    made = declared.one("rds/instance:Instance" if kind == "instance" else "rds/cluster:Cluster")
    identifier = made.inputs["identifier" if kind == "instance" else "clusterIdentifier"]
    groups = declared.all("logGroup:LogGroup")
    assert {each.inputs["name"] for each in groups} == {
        f"/aws/rds/{kind}/{identifier}/{log}" for log in made.inputs["enabledCloudwatchLogsExports"]
    }
    if names is not None:
        assert {each.inputs["name"] for each in groups} == {each.format(identifier) for each in names}
    for each in groups:
        assert (each.inputs["retentionInDays"], each.inputs["kmsKeyId"], each.inputs["tags"]) == (
            *(365, KEY),
            {"team": "orders"},
        )
        assert declared.waits_for(made, each)
        # RDS may write once more while the database goes: the groups go last.
        assert declared.waits_for(declared.one("securityGroup:SecurityGroup"), each)


@pytest.mark.parametrize("profile", ["dev", "prod"])
@pytest.mark.parametrize(("kind", "named"), [("instance", "identifier"), ("cluster", "clusterIdentifier")])
def test_an_identifier_that_logs_carry_lasts_as_long_as_the_stack_and_leaves_databases_of_before_theirs(
    kind: str, named: str, profile: str
) -> None:
    """In dev as well, for the stack may become prod."""
    declared = database(kind=kind, profile=profile)
    made = declared.one("rds/instance:Instance" if kind == "instance" else "rds/cluster:Cluster")
    assert made.property_dependencies[named] == {declared.one("subnetGroup:SubnetGroup").urn}
    assert named in made.ignore_changes
    assert made.delete_before_replace


@pytest.mark.parametrize("kind", ["instance", "cluster"])
def test_a_dev_database_exports_no_logs_and_has_no_groups(kind: str) -> None:
    declared = database(kind=kind)
    assert not declared.all("logGroup:LogGroup")
    made = declared.one("rds/instance:Instance" if kind == "instance" else "rds/cluster:Cluster")
    assert not made.inputs.get("enabledCloudwatchLogsExports")
