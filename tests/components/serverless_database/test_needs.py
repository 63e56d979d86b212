"""What settings need, held against what the components make of them."""

from pathlib import Path
from typing import Any

import pytest

from lambda_rds_proxy import ServerlessDatabase
from lambda_rds_proxy.function import vpc_function
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.serverless_database.needs import needs_of, provider_settings
from tests.components.declared import REGION, Declared, arguments, declare
from tests.components.preflight.samples import SETTINGS

STACKS: dict[str, dict[str, Any]] = {
    **SETTINGS,
    "users and rotation": {"users": {"reporting": {}}, "rotation_days": 30},
    "the longest name of a function": {"functions": {"a" * 40: {"path": "handler"}}},
}


def _declared(settings: dict[str, Any]) -> Declared:
    args = arguments(ServerlessDatabaseArgs, {"functions": {"app": {"path": "handler"}}, **settings})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vpc_function, "build_package", lambda *_, **__: Path(__file__))
        return declare(lambda: ServerlessDatabase("database", args).proxy_endpoint, stack="dev", project="shop")


# Kind → its type, and the input that has the name.
_NAMED = {
    "function": (":Function", "name"),
    "log group": (":LogGroup", "name"),
    "proxy": (":Proxy", "name"),
    # Pulumi makes up all of these.
    "role": (":Role", "name"),
    "secret": (":Secret", "name"),
    "security group": (":SecurityGroup", "name"),
    "parameter group": ("arameterGroup", "name"),
    "CloudFormation stack": (":CloudFormationStack", "name"),
}
_COUNTED = {
    "VPCs": ":Vpc",
    "proxies": ":Proxy",
    "DBSubnetGroups": ":SubnetGroup",
    "DBParameterGroups": "rds/parameterGroup:ParameterGroup",
    "DBClusterParameterGroups": ":ClusterParameterGroup",
    "DBClusters": "rds/cluster:Cluster",
    "EventSubscriptions": ":EventSubscription",
}


@pytest.mark.parametrize("name", STACKS)
def test_names_and_counts_are_those_of_what_the_components_make(name: str) -> None:
    args = arguments(ServerlessDatabaseArgs, {"functions": {"app": {"path": "handler"}}, **STACKS[name]})
    of, made = needs_of(args, project="shop", stack="dev", region=REGION), _declared(STACKS[name])
    for kind, (type_, field) in _NAMED.items():
        stated = {str(each.inputs[field]) for each in made.all(type_) if each.inputs.get(field)}
        # Of a database whose name Pulumi makes up, its logs are called after it.
        stated = {each for each in stated if not each.startswith(("/aws/rds/instance/", "/aws/rds/cluster/"))}
        prefix = "serverlessrepo-" if kind == "CloudFormation stack" else ""
        assert {f"{prefix}{each}" for each in stated} == set(of.names.get(kind, ())), kind
    counts = {kind: len(made.all(type_)) for kind, type_ in _COUNTED.items() if made.all(type_)}
    assert counts == {kind: count for kind, count in of.counts.items() if kind in _COUNTED}
    instances = len(made.all("rds/instance:Instance")) + len(made.all(":ClusterInstance"))
    assert instances == of.counts.get("DBInstances", 0)
    assert of.makes_endpoint is bool(made.all(":VpcEndpoint"))
    assert set(of.database.parameters if of.database else ()) == {
        each["name"] for group in made.all("arameterGroup") for each in group.inputs.get("parameters", [])
    }


def test_an_adopted_database_and_proxy_are_not_made_and_their_names_are_not_taken() -> None:
    adopted = {
        "database": {"identifier": "orders-db", "subnet_group_name": "orders", "security_group_ids": ["sg-1"]},
        "proxy": {"name": "orders"},
    }
    given = {"functions": {"app": {"path": "handler"}}, "vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}
    args = arguments(ServerlessDatabaseArgs, {**given, "adopted": adopted})
    of = needs_of(args, project="shop", stack="dev", region=REGION)
    assert (of.database, of.target, of.proxy_name) == (None, "orders-db", "orders")
    assert "proxy" not in of.names
    assert (of.counts["proxies"], "DBInstances" in of.counts) == (0, False)


def test_what_the_provider_is_told_of_the_account_is_read() -> None:
    assert provider_settings({}) == {"allowed_accounts": (), "forbidden_accounts": (), "role_to_assume": None}
    found = provider_settings({"aws:allowedAccountIds": '["1"]', "aws:assumeRole": '{"roleArn": "arn:r"}'})
    assert (found["allowed_accounts"], found["role_to_assume"]) == (("1",), "arn:r")
