"""What an import may change, and what it says of the rest."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy import Database, DatabaseProxy
from lambda_rds_proxy.adoption import adopting, differences
from lambda_rds_proxy.database.args import DatabaseArgs, DatabaseSettings
from lambda_rds_proxy.engines import Auth, Engine, TargetKind
from lambda_rds_proxy.proxy.args import ProxySettings
from lambda_rds_proxy.settings.spelling import CONFIG
from tests.components.declared import Declared, arguments, declare

NETWORK: Any = {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}
ADOPTED: Any = {
    "identifier": "orders-db",
    "subnet_group_name": "default-vpc-shop",
    "security_group_ids": ["sg-1", "sg-2"],
}


def said(there: dict[str, Any], here: dict[str, Any], *changes: str, part: str = "database") -> list[str]:
    settings = DatabaseSettings if part == "database" else ProxySettings
    return list(differences(part, there, here, changes, settings=settings, call=CONFIG))


@pytest.mark.parametrize(
    ("there", "here"),
    [
        ({"port": 5432.0}, {"port": 5432}),
        ({"port": 5432}, {"port": "5432"}),
        ({"publiclyAccessible": False}, {"publiclyAccessible": False}),
        ({}, {"publiclyAccessible": False}),
        ({"multiAz": False}, {}),
        ({"availabilityZone": "eu-west-1a"}, {}),
        ({"tags": {}}, {}),
        ({"tags": {"a": "b"}}, {"tags": {"a": "b"}}),
        ({"vpcSecurityGroupIds": ["sg-1", "sg-2"]}, {"vpcSecurityGroupIds": ["sg-2", "sg-1"]}),
        ({"filters": [1, {"a": 1, "b": 2}]}, {"filters": [{"a": 1}, 1]}),
        ({"auths": [{"iamAuth": "REQUIRED", "username": ""}]}, {"auths": [{"iamAuth": "REQUIRED"}]}),
        ({"connectionPoolConfig": {"initQuery": "", "x": 1}}, {"connectionPoolConfig": {"x": 1}}),
        ({}, {"applyImmediately": True, "skipFinalSnapshot": True, "finalSnapshotIdentifier": "last"}),
        ({"masterUserSecrets": [{"secretArn": "arn"}]}, {"manageMasterUserPassword": True}),
        ({"engine": "postgres"}, {"engine": "postgres", "__defaults": ["engine"]}),
    ],
)
def test_what_aws_has_already_is_not_mentioned(there: dict[str, Any], here: dict[str, Any]) -> None:
    assert said(there, here) == []


@pytest.mark.parametrize(
    ("there", "here", "sentence"),
    [
        (
            {"instanceClass": "db.r7g.large"},
            {"instanceClass": "db.t4g.micro"},
            'instanceClass is "db.r7g.large" there and "db.t4g.micro" here; set instanceClass to leave it, or name '
            "instanceClass under import.database",
        ),
        (
            {"copyTagsToSnapshot": False},
            {"copyTagsToSnapshot": True},
            "copyTagsToSnapshot is false there and true here; this program decides it: name copyTagsToSnapshot under "
            "import.database",
        ),
        ({"maxAllocatedStorage": 100}, {}, "maxAllocatedStorage is 100 there and nothing here; this program decides"),
        ({"tags": {"team": "shop"}}, {}, 'tags is {team: "shop"} there and nothing here; set tags to leave it'),
        ({"tags": {"a": "1", "b": "2"}}, {"tags": {"a": "1"}}, "tags is "),
        (
            {"vpcSecurityGroupIds": ["sg-1", "sg-2"]},
            {"vpcSecurityGroupIds": ["sg-1"]},
            'vpcSecurityGroupIds is ["sg-1", "sg-2"] there and ["sg-1"] here; set adopted.database.securityGroupIds',
        ),
        ({"groups": ["a", "b"]}, {"groups": ["a", "a"]}, 'groups is ["a", "b"] there and ["a", "a"] here'),
        ({"port": 0}, {"port": 1}, "port is 0 there and 1 here"),
        ({}, {"multiAz": True}, "multiAz is nothing there and true here; set profile"),
        (
            {"vpcSecurityGroupIds": ["sg-1"]},
            {"vpcSecurityGroupIds": ["sg-1", "sg-2"]},
            'vpcSecurityGroupIds is ["sg-1"] there and ["sg-1", "sg-2"] here; set adopted.database.securityGroupIds',
        ),
        (
            {"connectionPoolConfig": {"maxConnectionsPercent": 100.0}},
            {"connectionPoolConfig": {"maxConnectionsPercent": 85}},
            "connectionPoolConfig.maxConnectionsPercent is 100 there and 85 here; set maxConnectionsPercent to leave",
        ),
        ({}, {"manageMasterUserPassword": True}, "RDS does not manage the password of its master user"),
        ({"roleArn": "arn"}, {"roleArn": pulumi.output.UNKNOWN}, 'roleArn is "arn" there and made by this run here'),
    ],
)
def test_each_difference_is_a_sentence_with_what_to_set(
    there: dict[str, Any], here: dict[str, Any], sentence: str
) -> None:
    part = "proxy" if "connectionPoolConfig" in here else "database"
    (found,) = said(there, here, part=part)
    assert found.startswith(sentence)


def test_no_secret_is_shown() -> None:
    (found,) = said({"x": pulumi.Output.secret("fake-word")}, {"x": pulumi.Output.secret("other-word")})
    assert "a secret there and a secret here" in found
    assert "word" not in found


@pytest.mark.parametrize("name", ["connectionPoolConfig", "connectionPoolConfig.maxConnectionsPercent"])
def test_what_is_named_may_change(name: str) -> None:
    there, here = {"maxConnectionsPercent": 100}, {"maxConnectionsPercent": 85}
    found = said({"connectionPoolConfig": there, "port": 1}, {"connectionPoolConfig": here, "port": 2}, name)
    assert len(found) == 1 and found[0].startswith("port is 1 there and 2 here")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["port", "engine", "auths", "tags", "roleArn"]), _JSON))
def test_a_resource_never_differs_from_itself(values: dict[str, Any]) -> None:
    assert said(values, values) == []


@given(st.dictionaries(st.sampled_from(["port", "engine", "auths", "roleArn"]), _JSON), st.text(min_size=1))
def test_whatever_differs_is_named_in_exactly_one_sentence(values: dict[str, Any], other: str) -> None:
    changed = {**values, "engineVersion": other}
    found = said({**values, "engineVersion": f"not {other}"}, changed)
    assert len(found) == 1 and found[0].startswith("engineVersion is ")


# --- what the components register -------------------------------------------------------------------------------------


def adopt(**args: Any) -> Declared:
    given = arguments(DatabaseArgs, {"network": NETWORK, **args})
    return declare(lambda: Database("db", given).reference)


def adopt_proxy(kind: TargetKind = TargetKind.INSTANCE, **args: Any) -> Declared:
    database: Any = {
        "engine": Engine.POSTGRESQL,
        "kind": kind,
        "identifier": "orders-db",
        "endpoint": "orders-db.example",
        "port": 5432,
        "database_name": "orders",
        "resource_id": "db-ABC",
        "security_group_id": "sg-1",
    }
    user: Any = {
        "user": "app",
        "auth": Auth.IAM,
        "secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a",
    }
    given: Any = {"network": NETWORK, "database": database, "user": user, "adopted": {"name": "orders-proxy"}, **args}
    return declare(lambda: DatabaseProxy("db", given).reference)


def test_an_adopted_instance_keeps_its_names_and_is_told_neither_database_nor_master_user() -> None:
    declared = adopt(adopted=ADOPTED, import_changes=[])
    instance = declared.one("rds/instance:Instance")
    assert (instance.import_id, instance.protect) == ("db-EXISTING", True)
    assert instance.inputs["identifier"] == "orders-db"
    assert instance.inputs["dbSubnetGroupName"] == "default-vpc-shop"
    assert instance.inputs["vpcSecurityGroupIds"] == ["sg-1", "sg-2"]
    assert not {"dbName", "username"} & instance.inputs.keys()
    assert declared.result["security_group_id"] == "sg-1"
    assert declared.all("securityGroup:SecurityGroup") == declared.all("subnetGroup:SubnetGroup") == []
    assert instance.hooks == ["adopt-db"]


def test_once_it_is_imported_the_same_resource_is_stated_without_an_import() -> None:
    during = adopt(adopted=ADOPTED, import_changes=[]).one("rds/instance:Instance")
    declared = adopt(adopted=ADOPTED)
    after = declared.one("rds/instance:Instance")
    assert declared.asked == []
    assert (after.import_id, after.protect, after.hooks) == ("", False, [])
    assert (after.urn, after.inputs) == (during.urn, during.inputs)


@pytest.mark.parametrize("kind", TargetKind)
def test_whatever_is_imported_is_imported_by_the_id_that_the_provider_gives_it(kind: TargetKind) -> None:
    """What is imported by anything else is replaced by the next run; only an instance's id is not what it is called."""
    targets = {TargetKind.INSTANCE: "RDS_INSTANCE/{dbInstanceIdentifier}"}
    whose = targets.get(kind, "TRACKED_CLUSTER/{dbClusterIdentifier}")
    ids = {
        "aws:rds/instance:Instance": "db-EXISTING",
        "aws:rds/cluster:Cluster": "{clusterIdentifier}",
        "aws:rds/clusterInstance:ClusterInstance": "{identifier}",
        "aws:rds/proxy:Proxy": "{name}",
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": "{dbProxyName}",
        "aws:rds/proxyTarget:ProxyTarget": f"{{dbProxyName}}/{{targetGroupName}}/{whose}",
        "aws:cloudwatch/logGroup:LogGroup": "{name}",
    }
    members = {"instance_identifiers": ["one", "two"]} if kind is TargetKind.CLUSTER else {}
    sizes: Any = {"instances": 2} if kind is TargetKind.CLUSTER else {}
    database = adopt(kind=kind, adopted={**ADOPTED, **members}, import_changes=[], **sizes)
    imported = [
        each
        for declared in (database, adopt_proxy(kind, import_changes=[]))
        for each in declared.resources
        if each.import_id
    ]
    assert len(imported) == (7 if kind is TargetKind.CLUSTER else 5)
    for each in imported:
        assert each.import_id == ids[each.type].format(**each.inputs), each.urn


def test_an_instance_that_cannot_be_looked_up_is_named_with_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise Exception("couldn't find resource")  # as Pulumi's own invoke does

    monkeypatch.setattr(aws.rds, "get_instance", refuse)
    with pytest.raises(pulumi.RunError, match=r'adopted.* is "orders-db", which cannot be looked up: couldn\'t find'):
        adopt(adopted=ADOPTED, import_changes=[])


def test_each_instance_of_an_adopted_cluster_is_imported_by_its_own_name() -> None:
    adopted = {**ADOPTED, "instance_identifiers": ["one", "two"]}
    declared = adopt(kind=TargetKind.CLUSTER, instances=2, adopted=adopted, import_changes=[])
    assert declared.one("rds/cluster:Cluster").import_id == "orders-db"
    assert [each.import_id for each in declared.all("ClusterInstance")] == ["one", "two"]
    assert [each.inputs["identifier"] for each in declared.all("ClusterInstance")] == ["one", "two"]
    assert not {"databaseName", "masterUsername"} & declared.one("rds/cluster:Cluster").inputs.keys()


def test_an_adopted_cluster_needs_the_name_of_each_instance() -> None:
    with pytest.raises(ValueError, match=r"adopted\.instance_identifiers has 1 names; it needs the identifier of"):
        adopt(kind=TargetKind.CLUSTER, instances=2, adopted={**ADOPTED, "instance_identifiers": ["one"]})


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (TargetKind.INSTANCE, "orders-proxy/default/RDS_INSTANCE/orders-db"),
        (TargetKind.CLUSTER, "orders-proxy/default/TRACKED_CLUSTER/orders-db"),
    ],
)
def test_an_adopted_proxy_brings_its_target_its_target_group_and_its_log_group(kind: TargetKind, target: str) -> None:
    declared = adopt_proxy(kind, import_changes=[])
    imported = {each.type: each.import_id for each in declared.resources if each.import_id}
    assert imported == {
        "aws:rds/proxy:Proxy": "orders-proxy",
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": "orders-proxy",
        "aws:rds/proxyTarget:ProxyTarget": target,
        "aws:cloudwatch/logGroup:LogGroup": "/aws/rds/proxy/orders-proxy",
    }
    assert all(each.protect for each in declared.resources if each.import_id)
    assert declared.one("rds/proxy:Proxy").delete_before_replace


def test_an_adopted_proxy_keeps_its_name_when_it_is_imported() -> None:
    declared = adopt_proxy()
    assert declared.one("rds/proxy:Proxy").inputs["name"] == "orders-proxy"
    assert not [each for each in declared.resources if each.import_id or each.protect]


def test_an_update_of_something_imported_fails_before_it_is_sent() -> None:
    options: list[pulumi.ResourceOptions] = []
    declare(
        lambda: options.append(
            adopting(
                "database",
                "db",
                "db-ABC",
                [],
                pulumi.ResourceOptions(),
                settings=DatabaseSettings,
                called="orders-db",
            )
        )
    )
    binding = options[0].hooks
    assert binding is not None and binding.before_update is not None
    args = pulumi.ResourceHookArgs(
        "urn", "id", "db", "aws:rds/instance:Instance", new_inputs={"port": 2}, old_outputs={"port": 1}
    )
    with pytest.raises(ValueError, match="orders-db would be changed by its import: port is 1 there and 2 here"):
        binding.before_update[0](args)
