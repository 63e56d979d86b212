"""The provider through its own protocol, as the engine speaks it."""

from typing import Any
from unittest.mock import Mock

import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider import recorded
from local.provider.properties import differ, from_struct, promoted, to_struct
from local.provider.resource_types import resource_type
from local.provider.servicer import AwsServicer, RefusedError, check_stack
from toolchain.checkout import checkout_cache, checkout_root

SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
ARCHIVE = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7"}


def urn(token: str, name: str = "thing") -> str:
    return f"urn:pulumi:dev::shop::{token}::{name}"


def check(token: str, news: dict[str, Any], olds: dict[str, Any] | None = None, seed: bytes = b"seed") -> Any:
    request = provider_pb2.CheckRequest(
        urn=urn(token), olds=to_struct(olds or {}), news=to_struct(news), randomSeed=seed
    )
    return AwsServicer().Check(request, Mock())


def diff(token: str, old: dict[str, Any], new: dict[str, Any]) -> Any:
    request = provider_pb2.DiffRequest(
        urn=urn(token), olds=to_struct(old), old_inputs=to_struct(old), news=to_struct(new)
    )
    return AwsServicer().Diff(request, Mock())


def preview(token: str, inputs: dict[str, Any]) -> dict[str, Any]:
    request = provider_pb2.CreateRequest(urn=urn(token), properties=to_struct(inputs), preview=True)
    return from_struct(AwsServicer().Create(request, Mock()).properties)


# --- the laptop and AWS never mix -----------------------------------------------------------------------------------


@pytest.mark.parametrize("accounts", [None, [], ["123456789012"], ["000000000000", "123456789012"], "[]"])
def test_any_account_but_the_laptops_is_refused(accounts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{checkout_cache(checkout_root()) / 'backend'}")
    with pytest.raises(RefusedError, match="not the laptop's"):
        check_stack({"allowedAccountIds": accounts})


@pytest.mark.parametrize("backend", ["", "https://api.pulumi.com", "file:///elsewhere"])
def test_any_backend_but_the_checkouts_own_is_refused(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", backend)
    with pytest.raises(RefusedError, match="make -s env"):
        check_stack({"allowedAccountIds": '["000000000000"]'})


def test_the_laptops_account_on_the_checkouts_backend_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{checkout_cache(checkout_root()) / 'backend'}")
    check_stack({"allowedAccountIds": '["000000000000"]'})


# --- check ----------------------------------------------------------------------------------------------------------


def test_an_automatic_name_has_the_logical_name_and_seven_digits_and_is_kept() -> None:
    first = from_struct(check("aws:iam/role:Role", {"assumeRolePolicy": "{}"}).inputs)
    assert first["name"].startswith("thing-") and len(first["name"]) == len("thing-") + 7
    again = from_struct(check("aws:iam/role:Role", {"assumeRolePolicy": "{}"}, olds=first, seed=b"other").inputs)
    assert again["name"] == first["name"]


def test_a_name_that_the_program_gives_up_is_made_anew() -> None:
    named = from_struct(check("aws:iam/role:Role", {"assumeRolePolicy": "{}", "name": "mine"}).inputs)
    assert from_struct(check("aws:iam/role:Role", {"assumeRolePolicy": "{}"}, olds=named).inputs)["name"] != "mine"


def test_a_pool_that_is_given_without_a_percent_gets_awss_100_and_one_that_is_not_given_gets_nothing() -> None:
    token = "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup"
    given = from_struct(check(token, {"dbProxyName": "p", "connectionPoolConfig": {"initQuery": "x"}}).inputs)
    assert given["connectionPoolConfig"]["maxConnectionsPercent"] == 100
    assert "connectionPoolConfig" not in from_struct(check(token, {"dbProxyName": "p"}).inputs)


def test_require_tls_that_is_not_given_stays_ungiven() -> None:
    inputs = {"engineFamily": "POSTGRESQL", "roleArn": "x", "vpcSubnetIds": ["a", "b"]}
    assert "requireTls" not in from_struct(check("aws:rds/proxy:Proxy", inputs).inputs)


# --- diff -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "old", "new", "replaces"),
    [
        ("aws:rds/proxy:Proxy", {"engineFamily": "MYSQL"}, {"engineFamily": "POSTGRESQL"}, ["engineFamily"]),
        ("aws:rds/proxy:Proxy", {"vpcSubnetIds": ["a"]}, {"vpcSubnetIds": ["b"]}, ["vpcSubnetIds"]),
        ("aws:rds/proxy:Proxy", {"requireTls": True}, {"requireTls": False}, []),
        ("aws:rds/proxy:Proxy", {"name": "a"}, {"name": "b"}, []),
        ("aws:lambda/invocation:Invocation", {"input": "{}"}, {"input": '{"a":1}'}, ["input"]),
        ("aws:lambda/function:Function", {"timeout": 3}, {"timeout": 4}, []),
    ],
)
def test_what_forces_a_replacement_is_what_forces_one_on_aws(
    token: str, old: dict[str, Any], new: dict[str, Any], replaces: list[str]
) -> None:
    found = diff(token, old, new)
    assert found.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(found.replaces) == replaces


def test_nothing_changed_is_no_difference() -> None:
    same = {"timeout": 3, "code": {**ARCHIVE, "hash": "1", "path": "/a"}}
    moved = {"timeout": 3, "code": {**ARCHIVE, "hash": "1", "path": "/b"}}
    assert diff("aws:lambda/function:Function", same, moved).changes == provider_pb2.DiffResponse.DIFF_NONE
    assert differ(same["code"], {**ARCHIVE, "hash": "2", "path": "/a"})


# --- preview: no friendlier than AWS --------------------------------------------------------------------------------


def test_computed_outputs_are_unknown_at_preview() -> None:
    shown = preview("aws:rds/instance:Instance", {"engine": "postgres", "identifier": "db"})
    assert shown["engine"] == "postgres"
    for computed in ("address", "endpoint", "arn", "resourceId", "masterUserSecrets"):
        assert shown[computed] == SENTINEL


def test_a_functions_whole_environment_is_unknown_when_one_value_is() -> None:
    variables = {"DB_HOST": SENTINEL, "STAGE": "dev"}
    shown = preview("aws:lambda/function:Function", {"environment": {"variables": variables}})
    assert shown["environment"] == SENTINEL
    known = preview("aws:lambda/function:Function", {"environment": {"variables": {"STAGE": "dev"}}})
    assert known["environment"] == {"variables": {"STAGE": "dev"}}


def test_an_unknown_spreads_to_the_collection_that_holds_it() -> None:
    assert promoted({"a": SENTINEL, "b": 1}) == SENTINEL
    assert promoted({"a": {"b": [SENTINEL]}, "c": 1}) == {"a": {"b": SENTINEL}, "c": 1}


# --- recorded -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "prefix"),
    [
        ("aws:ec2/vpc:Vpc", "vpc-"),
        ("aws:ec2/subnet:Subnet", "subnet-"),
        ("aws:ec2/securityGroup:SecurityGroup", "sg-"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "vpce-"),
    ],
)
def test_recorded_ids_have_awss_shape_and_the_same_resource_gets_the_same_one(token: str, prefix: str) -> None:
    made = [recorded.outputs(token, urn(token), {"tags": {}}, resource_type(token), "eu-west-1") for _ in range(2)]
    assert made[0] == made[1]
    assert made[0][0].startswith(prefix) and len(made[0][0]) == len(prefix) + 17
    assert made[0][1]["arn"].startswith("arn:aws:ec2:eu-west-1:000000000000:")


def test_a_replacement_does_not_have_the_id_of_what_it_replaces() -> None:
    token = "aws:ec2/vpc:Vpc"
    old, new = (
        recorded.outputs(token, urn(token), {"cidrBlock": cidr}, resource_type(token), "eu-west-1")[0]
        for cidr in ("10.0.0.0/16", "10.1.0.0/16")
    )
    assert old != new
