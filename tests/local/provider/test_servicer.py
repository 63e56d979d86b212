"""The provider through its own protocol, as the engine speaks it."""

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider.properties import differ, from_struct, promoted, to_struct
from local.provider.servicer import AwsServicer, RefusedError, check_stack
from local.provider.types import aws_type
from local.provider.types.row import Backed
from tests.local.provider.conftest import Laptop, Recorder, read_by_id
from toolchain.checkout import checkout_cache, checkout_root

SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
ARCHIVE = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7"}


ROLE = "arn:aws:iam::000000000000:role/proxy"


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


def create(token: str, inputs: dict[str, Any], *, servicer: AwsServicer | None = None) -> dict[str, Any]:
    request = provider_pb2.CreateRequest(urn=urn(token), properties=to_struct(inputs))
    return from_struct((servicer or AwsServicer()).Create(request, Mock()).properties)


def configured(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> AwsServicer:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{checkout_cache(checkout_root()) / 'backend'}")
    servicer = AwsServicer()
    request = provider_pb2.ConfigureRequest(args=to_struct({"allowedAccountIds": '["000000000000"]', **config}))
    assert servicer.Configure(request, Mock()).supportsPreview
    return servicer


# --- the laptop and AWS never mix -----------------------------------------------------------------------------------


@pytest.mark.parametrize("accounts", [None, [], ["123456789012"], ["000000000000", "123456789012"], "[]"])
def test_any_account_but_the_laptops_is_refused(accounts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{checkout_cache(checkout_root()) / 'backend'}")
    with pytest.raises(RefusedError, match="not the laptop's"):
        check_stack({"allowedAccountIds": accounts})


def test_a_stack_local_that_states_no_account_is_the_laptops_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{checkout_cache(checkout_root()) / 'backend'}")
    check_stack({}, "urn:pulumi:local::orders::pulumi:providers:aws::default")
    for stack, accounts in (("dev", None), ("local", []), ("local", ["123456789012"])):
        with pytest.raises(RefusedError, match="call the stack local"):
            check_stack({"allowedAccountIds": accounts}, f"urn:pulumi:{stack}::orders::pulumi:providers:aws::default")


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


def test_what_the_real_class_would_refuse_and_what_aws_would_refuse_fail_together() -> None:
    failures = check("aws:rds/proxy:Proxy", {"engineFamily": "ORACLE", "roleARN": "x", "vpcSubnetIds": "a"}).failures
    assert {failure.property for failure in failures} == {"engineFamily", "roleARN", "roleArn", "vpcSubnetIds"}


def test_a_type_that_does_not_exist_is_a_failure_and_not_a_crash() -> None:
    [failure] = check("aws:rds/proxi:Proxi", {"name": "x"}).failures
    assert failure.reason == "aws:rds/proxi:Proxi is not a resource type of pulumi_aws"


def test_a_type_that_this_project_does_not_use_is_named_automatically_too() -> None:
    assert from_struct(check("aws:sqs/queue:Queue", {}).inputs)["name"].startswith("thing-")
    assert "name" not in from_struct(check("aws:ec2/eip:Eip", {}).inputs)


def test_a_pool_of_40_percent_without_an_idle_percent_is_refused_as_aws_does() -> None:
    token = "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup"
    failures = check(token, {"dbProxyName": "p", "connectionPoolConfig": {"maxConnectionsPercent": 40}}).failures
    assert [failure.property for failure in failures] == ["connectionPoolConfig.maxIdleConnectionsPercent"]


def autonamed(proposed: str, mode: int) -> Any:
    autonaming = provider_pb2.CheckRequest.AutonamingOptions(proposed_name=proposed, mode=mode)  # type: ignore[arg-type]
    news = {"engineFamily": "POSTGRESQL", "roleArn": ROLE, "vpcSubnetIds": ["a", "b"]}
    request = provider_pb2.CheckRequest(urn=urn("aws:rds/proxy:Proxy"), news=to_struct(news), autonaming=autonaming)
    return AwsServicer().Check(request, Mock())


def test_the_projects_autonaming_is_followed() -> None:
    assert from_struct(autonamed("orders-proxy", 1).inputs)["name"] == "orders-proxy"


@pytest.mark.parametrize(
    ("proposed", "mode", "words"),
    [
        ("x" * 64, 1, "AWS takes 1 to 63 characters"),
        ("x" * 256, 1, "has 256 characters, and 255 are taken"),
        ("", 2, "name is required"),
    ],
)
def test_an_autonaming_that_cannot_be_followed_is_a_failure(proposed: str, mode: int, words: str) -> None:
    [failure] = autonamed(proposed, mode).failures
    assert words in failure.reason


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
        (
            "aws:lambda/invocation:Invocation",
            {"input": "{}", "lifecycleScope": "CRUD"},
            {"input": '{"a":1}', "lifecycleScope": "CRUD"},
            [],
        ),
        ("aws:sqs/queue:Queue", {"region": "eu-west-1"}, {"region": "eu-central-1"}, ["region"]),
    ],
)
def test_what_forces_a_replacement_is_what_forces_one_on_aws(
    token: str, old: dict[str, Any], new: dict[str, Any], replaces: list[str]
) -> None:
    found = diff(token, old, new)
    assert found.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(found.replaces) == replaces


def test_a_name_of_the_programs_own_is_deleted_before_its_replacement_is_made_and_an_automatic_one_after() -> None:
    old, new = {"name": "p", "engineFamily": "MYSQL"}, {"name": "p", "engineFamily": "POSTGRESQL"}
    assert diff("aws:rds/proxy:Proxy", old, new).deleteBeforeReplace
    automatic = {"__defaults": ["name"]}
    assert not diff("aws:rds/proxy:Proxy", {**old, **automatic}, {**new, **automatic}).deleteBeforeReplace


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


def test_what_the_program_leaves_out_is_unknown_only_where_aws_fills_it_in() -> None:
    shown = preview("aws:rds/proxy:Proxy", {"engineFamily": "POSTGRESQL"})
    assert shown["idleClientTimeout"] == SENTINEL
    assert "requireTls" not in shown
    assert "environment" not in preview("aws:lambda/function:Function", {"role": "r"})


def test_an_update_keeps_what_aws_computed_before() -> None:
    request = provider_pb2.UpdateRequest(
        urn=urn("aws:rds/proxy:Proxy"), preview=True,
        olds=to_struct({"endpoint": "p.proxy-x.eu-west-1.rds.amazonaws.com", "requireTls": True}),
        news=to_struct({"engineFamily": "POSTGRESQL"}),
    )  # fmt: skip
    shown = from_struct(AwsServicer().Update(request, Mock()).properties)
    assert shown["endpoint"] == "p.proxy-x.eu-west-1.rds.amazonaws.com"
    assert "requireTls" not in shown


def test_an_unknown_spreads_to_the_collection_that_holds_it() -> None:
    assert promoted({"a": SENTINEL, "b": 1}) == SENTINEL
    assert promoted({"a": {"b": [SENTINEL]}, "c": 1}) == {"a": {"b": SENTINEL}, "c": 1}


# --- recorded -------------------------------------------------------------------------------------------------------


def test_a_composite_alarm_is_known_by_its_name_and_another_name_is_another_alarm() -> None:
    token = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
    made = create(token, {"alarmName": "bottleneck", "alarmRule": 'ALARM("full")'})
    assert made["arn"] == f"arn:aws:cloudwatch:{made['region']}:000000000000:alarm:bottleneck"
    assert list(diff(token, {"alarmName": "a"}, {"alarmName": "b"}).replaces) == ["alarmName"]


def test_default_tags_and_a_resources_own_make_all_its_tags_at_preview_and_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    servicer = configured({"defaultTags": '{"tags": {"team": "shop", "stage": "dev"}}'}, monkeypatch)
    made = create("aws:ec2/vpc:Vpc", {"tags": {"stage": "prod"}}, servicer=servicer)
    assert made["tagsAll"] == {"team": "shop", "stage": "prod"}
    for tags, wanted in (({}, {"team": "shop", "stage": "dev"}), ({"tags": {"a": SENTINEL}}, SENTINEL)):
        request = provider_pb2.CheckRequest(urn=urn("aws:ec2/vpc:Vpc"), news=to_struct(tags))
        checked = servicer.Check(request, Mock()).inputs
        shown = provider_pb2.CreateRequest(urn=urn("aws:ec2/vpc:Vpc"), properties=checked, preview=True)
        assert from_struct(servicer.Create(shown, Mock()).properties)["tagsAll"] == wanted


def test_a_region_of_the_providers_or_of_the_resources_own_stands_in_the_arn(monkeypatch: pytest.MonkeyPatch) -> None:
    servicer = configured({"region": "eu-central-1"}, monkeypatch)
    made = create("aws:sqs/queue:Queue", {"name": "q"}, servicer=servicer)
    assert (made["region"], made["arn"].split(":")[3]) == ("eu-central-1", "eu-central-1")
    own = create("aws:sqs/queue:Queue", {"name": "q", "region": "us-east-1"}, servicer=servicer)
    assert (own["region"], own["arn"].split(":")[3]) == ("us-east-1", "us-east-1")


def test_a_type_without_an_arn_gets_none() -> None:
    assert "arn" not in create("aws:ec2/routeTableAssociation:RouteTableAssociation", {"subnetId": "subnet-1"})


def test_a_recorded_resource_that_no_state_knows_cannot_be_read() -> None:
    class Aborted(Exception):  # noqa: N818
        pass

    context = Mock()
    context.abort.side_effect = Aborted
    with pytest.raises(Aborted):
        AwsServicer().Read(provider_pb2.ReadRequest(id="vpc-1", urn=urn("aws:ec2/vpc:Vpc")), context)
    status, sentence = context.abort.call_args.args
    assert status is grpc.StatusCode.NOT_FOUND and "only records resources of type aws:ec2/vpc:Vpc" in sentence
    state = to_struct({"cidrBlock": "10.0.0.0/16"})
    request = provider_pb2.ReadRequest(id="vpc-1", urn=urn("aws:ec2/vpc:Vpc"), properties=state)
    assert from_struct(AwsServicer().Read(request, context).properties) == {"cidrBlock": "10.0.0.0/16"}


def test_what_was_changed_elsewhere_is_so_among_the_inputs_and_the_next_update_states_it_again() -> None:
    class Changed(Backed):
        def read(self, identifier: str, state: dict[str, Any]) -> dict[str, Any]:
            return {"retentionInDays": 7, "kmsKeyId": None}

    token, stated = "aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 14, "kmsKeyId": "arn:aws:kms:x"}
    servicer = AwsServicer(lambda asked: replace(aws_type(asked), backed=Changed()))
    request = provider_pb2.ReadRequest(
        id="a", urn=urn(token), properties=to_struct(stated), inputs=to_struct({"name": "a", **stated})
    )
    found = from_struct(servicer.Read(request, Mock()).inputs)
    assert found == {"name": "a", "retentionInDays": 7}
    assert list(diff(token, found, {"name": "a", **stated}).diffs) == ["kmsKeyId", "retentionInDays"]


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
    assert read_by_id(token, import_id) == ("", {}, {})


@pytest.mark.parametrize(
    ("token", "state", "words"),
    [
        ("aws:rds/instance:Instance", {"skipFinalSnapshot": False}, "finalSnapshotIdentifier is required when"),
        ("aws:rds/cluster:Cluster", {"skipFinalSnapshot": False}, "finalSnapshotIdentifier is required when"),
        ("aws:rds/instance:Instance", {"skipFinalSnapshot": True, "deletionProtection": True}, "protected DB Instance"),
        ("aws:rds/cluster:Cluster", {"skipFinalSnapshot": True, "deletionProtection": True}, "protected Cluster"),
    ],
)
def test_what_aws_does_not_delete_is_not_deleted(
    recorder: Recorder, token: str, state: dict[str, Any], words: str
) -> None:
    context = Mock()
    context.abort.side_effect = ValueError
    with pytest.raises(ValueError):
        AwsServicer().Delete(provider_pb2.DeleteRequest(id="db", urn=urn(token), properties=to_struct(state)), context)
    assert words in context.abort.call_args.args[1] and recorder.calls == []


@pytest.mark.parametrize(("kept", "calls"), [(True, []), (False, [("delete", "function", "f")])])
def test_what_the_program_wants_kept_stays_when_it_is_destroyed(
    recorder: Recorder, kept: bool, calls: list[object]
) -> None:
    state = to_struct({"name": "f", "skipDestroy": kept})
    request = provider_pb2.DeleteRequest(id="f", urn=urn("aws:lambda/function:Function"), properties=state)
    AwsServicer().Delete(request, Mock())
    assert recorder.calls == calls


def test_an_import_may_name_the_region(laptop: Laptop) -> None:
    identifier, inputs, _ = read_by_id("aws:rds/instance:Instance", "orders@eu-west-1")
    assert (identifier, inputs["identifier"]) == ("db-ABC", "orders")
