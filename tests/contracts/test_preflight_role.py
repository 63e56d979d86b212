"""What preflight asks for is in docs/roles/preflight.json, reads only, and simulates what docs/roles allow."""

import json
import re
from typing import Any

import pytest

from lambda_rds_proxy.engines import TargetKind
from lambda_rds_proxy.preflight.needs import Needs
from lambda_rds_proxy.preflight.permissions import simulations
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.serverless_database.needs import needs_of
from ops.preflight.account import caller_of, look
from ops.preflight.calls import Calls
from tests.components.declared import ACCOUNT, REGION, arguments
from tests.components.preflight.samples import SETTINGS
from tests.contracts.iam import ROLES, allowed, listed, statements
from tests.contracts.role_requests import TAG, service_authorization
from tests.contracts.test_roles import BOUNDARY, DEPLOY, FILL, SHAPES, asked, policies
from tests.ops.preflight.recorded import Recorded, good, proxies


def _stacks() -> dict[str, Needs]:
    """Stacks that together have every question asked."""
    more: dict[str, dict[str, Any]] = {
        **SETTINGS,
        "restored cluster": {"kind": TargetKind.CLUSTER, "snapshot_identifier": "x", "parameters": {"work_mem": "4"}},
    }
    found = {}
    for name, settings in more.items():
        args = arguments(ServerlessDatabaseArgs, {"functions": {"app": {"path": "handler"}}, **settings})
        found[name] = needs_of(args, project="lambda-rds-proxy", stack="dev", region=REGION)
    return found


def _resource(action: str, sent: dict[str, Any]) -> str:
    """What IAM holds the request against."""
    for parameter, pattern in (
        ("FunctionName", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{}}"),
        ("StackName", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{{}}/0123"),
        ("RoleName", f"arn:aws:iam::{ACCOUNT}:role/{{}}"),
        *((each, "{}") for each in ("KeyId", "TopicArn", "ApplicationId", "PolicySourceArn")),
    ):
        if parameter in sent:
            return pattern.format(sent[parameter])
    return "*"


@pytest.fixture(scope="module")
def made() -> list[tuple[str, str]]:
    """(action, resource) of every call for every stack."""
    found: list[tuple[str, str]] = []
    for name, of in _stacks().items():
        topic: dict[str, Any] = {
            "Attributes": {"Policy": "{}", "KmsMasterKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/3"}
        }
        answers = good(of) | {"GetTopicAttributes": topic} | (proxies(2, of_database=1) if name == "existing" else {})
        if "cluster" in name:
            answers["DescribeDBClusterSnapshots"] = "DBClusterSnapshotNotFoundFault"
        recorded = Recorded(answers)
        calls = Calls(recorded.session())
        look(calls, of, caller_of(calls), started=lambda _: None, each_done=lambda: None)
        sent = {
            operation: [each for asked, each in recorded.asked if asked == operation] for operation, _ in recorded.asked
        }
        found += [
            (action, _resource(action, each)) for action in set(calls.made) for each in sent[action.split(":")[1]]
        ]
    return found


def test_every_call_is_in_the_documented_policy(made: list[tuple[str, str]]) -> None:
    has = statements("preflight", fill=FILL)
    refused = {pair for pair in made if not allowed(has, *pair, {"aws:RequestedRegion": REGION})}
    # Which everybody may.
    assert {action for action, _ in refused} == {"sts:GetCallerIdentity"}


def test_the_policy_has_no_action_that_no_stack_asks_for(made: list[tuple[str, str]]) -> None:
    has = {action for each in statements("preflight", fill=FILL) for action in listed(each["Action"])}
    assert has - {action for action, _ in made} == set()


def test_all_of_it_reads_and_none_of_it_reads_a_value(made: list[tuple[str, str]]) -> None:
    levels = {action: _level(action) for action in {action for action, _ in made}}
    assert set(levels.values()) <= {"Read", "List"}
    assert not {"secretsmanager:GetSecretValue", "lambda:GetFunction", "kms:Decrypt"} & set(levels)


def _level(action: str) -> str:
    service, name = action.split(":")
    assert service_authorization()[service]["Actions"].get(name.lower()) is not None, action
    return "Read" if re.match(r"(Describe|Get|List|Simulate)", name) else "Write"


def test_the_policy_is_a_document_that_iam_takes() -> None:
    document = json.loads((ROLES / "preflight.json").read_text())
    assert document["Version"] == "2012-10-17"
    assert len(json.dumps(document, separators=(",", ":"))) < 6144  # of a managed policy


# What is simulated


def _needs(shape: str) -> Needs:
    given = {
        "functions": {"app": {"path": "handler"}},
        "tags": {TAG: "lambda-rds-proxy/dev"},
        "permissions_boundary_arn": BOUNDARY,
        **SHAPES[shape][0],
    }
    args = arguments(ServerlessDatabaseArgs, given)
    return needs_of(args, project="lambda-rds-proxy", stack="dev", region=REGION)


def _simulated(shape: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (action, request.resource, {key: values[0] for key, values in each.context.items()})
        for each in simulations(_needs(shape), account=ACCOUNT, partition="aws")
        for request in each.requests
        for action in request.actions
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_whoever_has_the_documented_roles_is_allowed_all_that_is_simulated(shape: str) -> None:
    has = policies(*DEPLOY, *SHAPES[shape][1])
    refused = {
        (action, resource)
        for action, resource, context in _simulated(shape)
        if not allowed(has, action, resource, context)
    }
    # An administrator makes that role, once per account.
    assert {action for action, _ in refused} == {"iam:CreateServiceLinkedRole"}


# What describes takes all resources; the rest is asked in the middle of others, by CloudFormation, or by few stacks.
_NOT_SIMULATED = re.compile(
    r"(cloudformation:(CreateChangeSet|DescribeStackEvents)|cloudwatch:DescribeAlarms|ec2:(DeleteTags|Describe\w+)"
    r"|iam:(AttachRolePolicy|UntagRole)|kms:Decrypt|lambda:(AddPermission|GetLayerVersion|GetPolicy|GetRuntime\w+)"
    r"|logs:Describe\w+|rds:(CreateDBProxyEndpoint|Describe\w+|ListTags\w+|RebootDBInstance|RemoveTags\w+)|s3:GetObject)"
)
# By the settings that need them, of which the types' schemas know nothing.
_BY_SETTING = {
    "lambda:PutFunctionConcurrency": "reserved_concurrency",
    "rds:RestoreDBClusterFromSnapshot": "snapshot_identifier",
    "rds:RestoreDBInstanceFromDBSnapshot": "snapshot_identifier",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_makes_a_resource_is_simulated(shape: str) -> None:
    simulated = {action for action, _, _ in _simulated(shape)}
    creates = {each.action for each in asked(shape, "create")}
    creates -= {each for each, setting in _BY_SETTING.items() if setting not in str(SHAPES[shape])}
    if "rds:RestoreDBClusterFromSnapshot" in simulated:  # whose instances are made, not restored
        creates -= {"rds:RestoreDBInstanceFromDBSnapshot"}
    assert {each for each in creates - simulated if not _NOT_SIMULATED.fullmatch(each)} == set()


def test_what_makes_a_role_is_simulated_with_the_stacks_boundary() -> None:
    context = next(context for action, _, context in _simulated("dev") if action == "iam:CreateRole")
    assert context["iam:PermissionsBoundary"] == BOUNDARY
    assert context[f"aws:RequestTag/{TAG}"] == "lambda-rds-proxy/dev"
