"""The roles of docs/roles are enough for every stack that the program makes, and no more."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from lambda_rds_proxy import ServerlessDatabase
from lambda_rds_proxy.engines import Auth, Engine, Profile, TargetKind
from lambda_rds_proxy.function import vpc_function
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from tests.components.declared import ACCOUNT, REGION, Declared, arguments, declare
from tests.contracts.iam import ROLES, Statement, allowed, filled, listed, statements
from tests.contracts.role_requests import (
    NEEDS,
    OPERATIONS,
    TAG,
    Request,
    excluded,
    handlers,
    needed,
    requests,
    resource_types,
    schema_date,
    service_authorization,
    template_url,
)

DATA_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1111"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/lambda-rds-proxy-dev-boundary"
FILL = {
    "ACCOUNT": ACCOUNT,
    "REGION": REGION,
    "STATES": "acme-states",
    "STATE_KEY": "2222",
    "DATA_KEY": "1111",
    "STACK": "dev",
    "VPC": "vpc-0123",
    "CHANGESETS": f"awsserverlessrepo-changesets-0123.s3.{REGION}.amazonaws.com",
    "SECURITY_GROUP": "sg-0da7a",
    "DATABASE": "orders-db",
}
# Role → its policies.
PREVIEW = ["preview"]
DRIFT = ["preview", "drift"]
DEPLOY = ["preview", "drift", "network", "database", "deploy"]
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
_EXISTING: Any = {
    "engine": Engine.POSTGRESQL,
    "kind": TargetKind.INSTANCE,
    "identifier": "orders-db",
    "endpoint": f"orders-db.abcdefghijkl.{REGION}.rds.amazonaws.com",
    "port": 6432,
    "database_name": "orders",
    "resource_id": "db-ABCDEFGHIJKL",
    "security_group_id": "sg-0da7a",
    "max_connections": 405,
}
_VPC: Any = {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}
_KEYS: Any = {"kms_key_arn": DATA_KEY, "log_kms_key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/logs"}
_LAYER = f"arn:aws:lambda:{REGION}:580247275435:layer:LambdaInsightsExtension-Arm64:23"
_PROD: Any = {"profile": Profile.PROD, "rotation_days": 30, "auth": Auth.IAM}
# Name → arguments, and the policies that such a stack needs beside those of every stack.
SHAPES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "dev": ({}, []),
    "prod": (_PROD, ["rotation"]),
    "prod with keys, from a snapshot": (
        {**_PROD, **_KEYS, "snapshot_identifier": "rds:database-1a2b3c4-2026-11-01-03-10"},
        ["rotation"],
    ),
    "secret": ({"auth": Auth.SECRET, "users": {"reporting": {}}}, []),
    "end-to-end": ({"auth": Auth.IAM_END_TO_END, "users": {"reporting": {}}}, []),
    "mysql": ({"engine": Engine.MYSQL, **_PROD}, ["rotation"]),
    "cluster": ({"kind": TargetKind.CLUSTER, "instances": 2, "reader_endpoint": True, **_PROD, **_KEYS}, ["rotation"]),
    "cluster from a snapshot": (
        {"kind": TargetKind.CLUSTER, "snapshot_identifier": "lambda-rds-proxy-dev-database-final-1a2b3c4"},
        [],
    ),
    "serverless": ({"kind": TargetKind.CLUSTER, "instance_class": "db.serverless", "profile": Profile.PROD}, []),
    "mysql cluster": ({"kind": TargetKind.CLUSTER, "engine": Engine.MYSQL, **_PROD}, ["rotation"]),
    "existing VPC": (_VPC, []),
    "flow logs": ({"flow_logs": True}, []),
    "endpoint in an existing VPC": ({**_VPC, "secrets_endpoint": True}, []),
    "existing database": ({**_VPC, "existing_database": _EXISTING, "auth": Auth.IAM_END_TO_END}, ["existing"]),
    "existing cluster": (
        {
            **_VPC,
            "existing_database": {**_EXISTING, "kind": TargetKind.CLUSTER, "resource_id": "cluster-ABCDEFGHIJKL"},
            "auth": Auth.IAM_END_TO_END,
        },
        ["existing"],
    ),
    "alarms to a topic": ({"alarm_topic_arn": TOPIC, "profile": Profile.PROD}, []),
    "layers, tracing, reservation": (
        {"functions": {"app": {"path": "handler", "layers": [_LAYER], "tracing": True, "reserved_concurrency": 5}}},
        [],
    ),
}


def policies(*names: str) -> list[Statement]:
    return statements(*names, fill=FILL)


@cache
def declared(shape: str) -> Declared:
    given = {
        "functions": {"app": {"path": "handler"}},
        "tags": {TAG: "lambda-rds-proxy/dev", "team": "orders"},
        "permissions_boundary_arn": BOUNDARY,
        **SHAPES[shape][0],
    }
    args = arguments(ServerlessDatabaseArgs, given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vpc_function, "build_package", lambda *_, **__: Path(__file__))
        return declare(
            lambda: ServerlessDatabase("database", args).proxy_endpoint, stack="dev", project="lambda-rds-proxy"
        )


@cache
def asked(shape: str, *operations: str) -> list[Request]:
    """What IAM is asked for each resource of a stack."""
    made = [each for each in declared(shape).resources if each.type.startswith("aws:")]
    return [
        request for each in made for operation in operations for request in requests(declared(shape), each, operation)
    ]


def refused(found: list[Request], *names: str) -> list[str]:
    has = policies(*names)
    return sorted({f"{each.action} on {each.resource}" for each in found if not allowed(has, *_parts(each))})


def _parts(request: Request) -> tuple[str, str, Any]:
    return request.action, request.resource, request.context


# What the engine asks for is tried in test_roles_state.py; the transform is CloudFormation's own resource.
_UNUSED = {"WriteState", "Transform"}


# Enough


@pytest.mark.parametrize("shape", SHAPES)
def test_the_role_that_deploys_creates_reads_changes_and_deletes_every_resource(shape: str) -> None:
    assert refused(asked(shape, *OPERATIONS), *DEPLOY, *SHAPES[shape][1]) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_the_role_of_drift_reads_every_resource(shape: str) -> None:
    assert refused(asked(shape, "read"), *DRIFT) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_the_role_of_requests_looks_up_all_that_the_program_asks_the_provider(shape: str) -> None:
    actions = {action for token in declared(shape).asked for action in NEEDS["functions"][token]}
    assert [
        each for each in actions if not allowed(policies("preview"), each, "*", {"aws:RequestedRegion": REGION})
    ] == []


def test_every_type_of_the_program_is_among_the_needs_and_no_other() -> None:
    made = {each.type.removeprefix("aws:") for shape in SHAPES for each in declared(shape).resources}
    assert {each for each in made if not re.match(r"lambda-rds-proxy:|pulumi:", each)} == set(NEEDS["types"])


def test_the_needs_are_of_the_schemas_that_are_installed() -> None:
    """Newer schemas may need more: look at what has changed, then state their date."""
    assert NEEDS["handlers"] == schema_date()


def test_every_permission_that_is_left_out_is_in_some_schema() -> None:
    of = {
        (schema, through, action)
        for kind in NEEDS["types"].values()
        for schema, through in [(kind.get("schema"), False), *((each, True) for each in kind.get("through", {}))]
        if schema
        for actions in handlers(schema).values()
        for action in actions
    }
    reasons = {excluded(schema, action, through=through) for schema, through, action in of}
    assert {each["because"] for each in NEEDS["notNeeded"]} <= reasons
    assert all(each.get("source") for each in NEEDS["types"].values() if each.get("beyond") or "schema" not in each)


# No more


def _actions(*names: str) -> set[str]:
    return {action for each in policies(*names) for action in listed(each["Action"])}


def test_every_action_is_one_of_aws_and_none_is_a_pattern() -> None:
    for action in _actions(*DEPLOY, "rotation", "existing", "boundary"):
        service, name = action.split(":")
        assert name.lower() in service_authorization()[service]["Actions"], action


def test_no_role_has_an_action_that_no_stack_needs() -> None:
    state = {"s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject", "kms:Decrypt"}
    # Settings that change later: a key or days of logs are taken away, a boundary is put on roles that are there, the
    # proxy of an existing database gets other rules.
    later = {"iam:PutRolePermissionsBoundary"}
    looked_up = {action for actions in NEEDS["functions"].values() for action in actions}
    read = {action for kind in NEEDS["types"] for action, _ in needed(kind, "read")}
    all_of = {action for kind in NEEDS["types"] for each in OPERATIONS for action, _ in needed(kind, each)}
    assert _actions(*PREVIEW) == looked_up | (state & _actions(*PREVIEW))
    assert _actions(*DRIFT) - read - looked_up - state == set()
    assert _actions(*DEPLOY, "rotation", "existing") - all_of - looked_up - state - later == set()


def test_every_action_and_resource_of_every_statement_is_used_by_some_stack() -> None:
    """Taken out, each would refuse something; so none is there for nothing."""
    has = [*policies("network", "database", "deploy", "rotation", "existing", "drift")]
    by_action: dict[str, list[Request]] = {}
    for shape in SHAPES:
        for request in asked(shape, *OPERATIONS):
            by_action.setdefault(request.action, []).append(request)
    unused = []
    for each in has:
        if each["Sid"] in _UNUSED:
            continue
        for action in listed(each["Action"]):
            for_one = {**each, "Action": action}
            if not any(allowed([for_one], *_parts(request)) for request in by_action.get(action, [])):
                unused.append(f"{each['Sid']}: {action}")
        for resource in listed(each["Resource"]):
            for_one = {**each, "Resource": resource}
            requests_of = (request for action in listed(each["Action"]) for request in by_action.get(action, []))
            if not any(allowed([for_one], *_parts(request)) for request in requests_of):
                unused.append(f"{each['Sid']}: {resource}")
    assert unused == []


def test_what_reads_cannot_change_anything_and_reads_no_secrets_value() -> None:
    actions = _actions(*DRIFT)
    assert [each for each in actions if not re.match(r"[\w-]+:(Describe|Get|List)|kms:Decrypt$", each)] == []
    assert "secretsmanager:GetSecretValue" not in actions | _actions(*DEPLOY, "rotation", "existing")
    assert "rds-db:connect" not in actions | _actions(*DEPLOY, "rotation", "existing")


def test_the_role_of_requests_reads_no_function_no_policy_and_no_secret() -> None:
    assert {each.split(":")[0] for each in _actions(*PREVIEW)} == {"ec2", "rds", "s3", "kms"}


def test_every_action_that_can_be_limited_to_resources_and_changes_something_is() -> None:
    """Describing takes all; so does what makes a proxy, which has no name in its ARN, and a composite alarm."""
    broad = {
        action
        for each in policies(*DEPLOY, "rotation", "existing")
        if "*" in listed(each["Resource"])
        for action in listed(each["Action"])
        if resource_types(action)
    }
    assert {each for each in broad if not re.match(r"\w+:Describe|rds:ListTags", each)} == {
        "cloudwatch:PutCompositeAlarm",
        "rds:CreateDBProxyEndpoint",
    }


def _iam(action: str, role: str, **context: Any) -> bool:
    return allowed(
        policies(*DEPLOY, "rotation", "existing"), f"iam:{action}", f"arn:aws:iam::{ACCOUNT}:{role}", context
    )


@pytest.mark.parametrize("role", ["role/app-1a2b3c4", "role/database-admin-1a2b3c4"])
def test_the_role_that_deploys_makes_roles_within_the_boundary_alone(role: str) -> None:
    within: Any = {"iam:PermissionsBoundary": BOUNDARY}
    for action in ("CreateRole", "PutRolePolicy"):
        assert _iam(action, role, **within)
        assert not _iam(action, role)
        assert not _iam(action, role, **{"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/other"})
        assert not _iam(action, role, **{"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"})
    for action in ("DeleteRolePermissionsBoundary", "AttachRolePolicy", "CreatePolicyVersion"):
        assert not _iam(action, role, **within), action


@pytest.mark.parametrize("role", ["role/pulumi-deploy", "role/admin", "role/other/app-1", "user/app-1", "role/aws-x"])
def test_the_role_that_deploys_touches_no_other_role_and_not_itself(role: str) -> None:
    actions = [each.removeprefix("iam:") for each in _actions(*DEPLOY, "rotation") if each.startswith("iam:")]
    assert len(actions) > 10
    assert [each for each in actions if _iam(each, role, **{"iam:PermissionsBoundary": BOUNDARY})] == []


def test_roles_are_passed_to_lambda_rds_and_flow_logs_alone() -> None:
    for service in ("lambda.amazonaws.com", "rds.amazonaws.com", "vpc-flow-logs.amazonaws.com"):
        assert _iam("PassRole", "role/app-1", **{"iam:PassedToService": service})
    for service in ("ec2.amazonaws.com", "cloudformation.amazonaws.com", "ecs-tasks.amazonaws.com"):
        assert not _iam("PassRole", "role/app-1", **{"iam:PassedToService": service})
    assert not _iam("PassRole", "role/app-1")


def test_the_boundary_itself_lets_a_role_change_no_policy_and_no_infrastructure() -> None:
    services = {each.split(":")[0] for each in _actions("boundary")}
    assert services == {"ec2", "kms", "logs", "rds-db", "secretsmanager", "xray"}
    changing = {each for each in _actions("boundary") if re.match(r"ec2:(?!Describe)", each)}
    assert changing == {
        *("ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
        *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_all_that_the_programs_roles_may_do_is_within_the_boundary(shape: str) -> None:
    boundary = policies("boundary")
    given = [each for policy in declared(shape).all("RolePolicy") for each in declared(shape).statements(policy)]
    assert given
    denied = [each for each in given if each["Effect"] == "Deny"]
    assert all(each["Condition"]["ArnEquals"].keys() == {"lambda:SourceFunctionArn"} for each in denied)
    for each in [each for each in given if each["Effect"] == "Allow"]:
        context = {"aws:RequestedRegion": REGION, **each.get("Condition", {}).get("StringEquals", {})}
        for action in listed(each["Action"]):
            for resource in listed(each["Resource"]):
                arn = re.sub(r"(secret:database(-reporting)?)$", r"\1-1a2b3c4", resource)
                arn = re.sub(r"log-group:(database-flow-logs)", r"log-group:/aws/vpc/lambda-rds-proxy-dev-\1", arn)
                arn = re.sub(r"log-group:(\w.*)", r"log-group:/aws/lambda/lambda-rds-proxy-dev-\1", arn)
                assert allowed(boundary, action, arn, context), f"{action} on {arn}"


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("lambda:UpdateFunctionCode", "arn:aws:lambda:{}:function:billing", {}),
        ("lambda:GetFunction", "arn:aws:lambda:{}:function:lambda-rds-proxy-prod-app", {}),
        ("lambda:InvokeFunction", "arn:aws:lambda:{}:function:lambda-rds-proxy-prod-database-admin", {}),
        ("secretsmanager:UpdateSecret", "arn:aws:secretsmanager:{}:secret:billing-AbCdEf", {}),
        ("secretsmanager:DeleteSecret", "arn:aws:secretsmanager:{}:secret:rds!db-0-AbCdEf", {}),
        ("rds:DeleteDBInstance", "arn:aws:rds:{}:db:billing", {}),
        ("rds:DeleteDBProxy", "arn:aws:rds:{}:db-proxy:prx-1", {}),
        ("rds:DeleteDBProxy", "arn:aws:rds:{}:db-proxy:prx-1", {f"aws:ResourceTag/{TAG}": "lambda-rds-proxy/prod"}),
        (
            "rds:AddTagsToResource",
            "arn:aws:rds:{}:db-proxy:prx-1",
            {f"aws:ResourceTag/{TAG}": "lambda-rds-proxy/prod", f"aws:RequestTag/{TAG}": "lambda-rds-proxy/dev"},
        ),
        ("rds:RestoreDBInstanceFromDBSnapshot", "arn:aws:rds:{}:snapshot:billing", {}),
        ("ec2:DeleteVpc", "arn:aws:ec2:{}:vpc/vpc-1", {}),
        ("ec2:CreateTags", "arn:aws:ec2:{}:vpc/vpc-1", {f"aws:RequestTag/{TAG}": "lambda-rds-proxy/dev"}),
        ("ec2:DeleteSecurityGroup", "arn:aws:ec2:{}:security-group/sg-1", {f"aws:ResourceTag/{TAG}": "other"}),
        ("ec2:RevokeSecurityGroupIngress", "arn:aws:ec2:{}:security-group/sg-1", {}),
        ("ec2:DetachNetworkInterface", "arn:aws:ec2:{}:network-interface/eni-1", {"ec2:Vpc": "other"}),
        ("ec2:RunInstances", "*", {}),
        ("logs:DeleteLogGroup", "arn:aws:logs:{}:log-group:/aws/lambda/billing", {}),
        ("logs:GetLogEvents", "arn:aws:logs:{}:log-group:/aws/lambda/lambda-rds-proxy-dev-app", {}),
        ("cloudwatch:DeleteAlarms", "arn:aws:cloudwatch:{}:alarm:billing", {}),
        ("kms:Decrypt", "arn:aws:kms:{}:key/3333", {}),
        ("kms:Decrypt", DATA_KEY, {}),
        ("kms:Decrypt", "arn:aws:kms:{}:key/3333", {"kms:ViaService": f"rds.{REGION}.amazonaws.com"}),
        ("kms:ScheduleKeyDeletion", DATA_KEY, {}),
        ("cloudformation:CreateStack", "arn:aws:cloudformation:{}:stack/serverlessrepo-lambda-rds-proxy-dev-x/1", {}),
        (
            "cloudformation:CreateChangeSet",
            "arn:aws:cloudformation:{}:stack/serverlessrepo-lambda-rds-proxy-dev-x/1",
            {},
        ),
        (
            "cloudformation:CreateChangeSet",
            "arn:aws:cloudformation:{}:stack/serverlessrepo-lambda-rds-proxy-dev-x/1",
            {
                "cloudformation:TemplateUrl": "https://evil.s3.eu-west-1.amazonaws.com/SecretsManagerRDSRotationSingleUser"
            },
        ),
        (
            "cloudformation:CreateChangeSet",
            "arn:aws:cloudformation:{}:stack/serverlessrepo-lambda-rds-proxy-dev-x/1",
            {
                "cloudformation:TemplateUrl": template_url(
                    "arn:aws:serverlessrepo:us-east-1:666666666666:applications/x"
                )
            },
        ),
        (
            "serverlessrepo:CreateCloudFormationChangeSet",
            "arn:aws:serverlessrepo:us-east-1:666666666666:applications/SecretsManagerRDSRotationSingleUser",
            {},
        ),
        ("ec2:DescribeSubnets", "*", {"aws:RequestedRegion": "us-east-1"}),
        ("ec2:DescribeVpcs", "*", {"aws:RequestedRegion": "us-east-1"}),
        ("cloudwatch:PutCompositeAlarm", "*", {"aws:RequestedRegion": "us-east-1"}),
        ("rds:CreateDBProxy", "*", {}),
        ("ec2:RevokeSecurityGroupIngress", "arn:aws:ec2:{}:security-group/sg-other", {}),
        (
            "ec2:RevokeSecurityGroupEgress",
            "arn:aws:ec2:{}:security-group/sg-other",
            {"ec2:Vpc": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-other"},
        ),
        (
            "rds:CreateDBProxy",
            "*",
            {"aws:RequestedRegion": "us-east-1", f"aws:RequestTag/{TAG}": "lambda-rds-proxy/dev"},
        ),
        ("rds:AddTagsToResource", "arn:aws:rds:{}:db-proxy:prx-1", {"aws:RequestTag/team": "orders"}),
        ("ec2:CreateVpc", "arn:aws:ec2:{}:vpc/*", {f"aws:RequestTag/{TAG}": "lambda-rds-proxy/prod"}),
        ("ec2:CreateTags", "arn:aws:ec2:{}:vpc/vpc-1", {"ec2:CreateAction": "CreateVpc"}),
        ("lambda:AddPermission", "arn:aws:lambda:{}:function:lambda-rds-proxy-dev-app", {}),
        ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
    ],
)
def test_the_role_that_deploys_leaves_alone_what_is_not_of_its_stack(action: str, resource: str, context: Any) -> None:
    asked_for = resource.format(f"{REGION}:{ACCOUNT}")
    whole = {"aws:RequestedRegion": REGION, **context}
    assert not allowed(policies(*DEPLOY, "rotation", "existing"), action, asked_for, whole)


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("rds:ModifyDBProxyTargetGroup", "arn:aws:rds:{}:target-group:prx-tg-other", {}),
        ("rds:AddTagsToResource", "arn:aws:rds:{}:db-proxy:prx-1", {f"aws:RequestTag/{TAG}": "lambda-rds-proxy/dev"}),
        ("cloudwatch:PutCompositeAlarm", "arn:aws:cloudwatch:{}:alarm:billing", {}),
        ("lambda:UpdateFunctionCode", "arn:aws:lambda:{}:function:lambda-rds-proxy-dev-eu-app", {}),
    ],
)
def test_what_the_page_says_cannot_be_told_from_its_own(action: str, resource: str, context: Any) -> None:
    """When AWS lets one of them be limited, the page says less."""
    whole = {"aws:RequestedRegion": REGION, **context}
    assert allowed(policies(*DEPLOY), action, resource.format(f"{REGION}:{ACCOUNT}"), whole)


def test_the_rotations_role_is_made_by_cloudformation_and_not_by_hand() -> None:
    role = "role/serverlessrepo-lambda-rd-SecretsManagerRDSPostgre-ABCD"
    for action in ("CreateRole", "PutRolePolicy", "AttachRolePolicy", "PassRole"):
        assert _iam(action, role, **{"aws:CalledVia": ["cloudformation.amazonaws.com"]})
        assert not _iam(action, role, **{"iam:PassedToService": "lambda.amazonaws.com"})


@pytest.mark.parametrize("names", [PREVIEW, DRIFT, [*DEPLOY, "rotation", "existing"]])
def test_state_and_its_key_are_those_of_the_stack(names: list[str]) -> None:
    bucket, has = "arn:aws:s3:::acme-states", policies(*names)
    own = f"{bucket}/.pulumi/stacks/lambda-rds-proxy/dev.json"
    assert allowed(has, "s3:GetObject", own)
    assert allowed(has, "s3:PutObject", own) is (names is not PREVIEW and names is not DRIFT)
    assert allowed(has, "kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/2222")
    for other in ("stacks/lambda-rds-proxy/prod.json", "stacks/shop/dev.json", "history/lambda-rds-proxy/prod/x.json"):
        for action in ("GetObject", "PutObject", "DeleteObject"):
            assert not allowed(has, f"s3:{action}", f"{bucket}/.pulumi/{other}"), other
    assert not allowed(has, "s3:GetObject", f"{bucket}/.pulumi/stacks/lambda-rds-proxy/dev-eu.json")


@pytest.mark.parametrize("shape", SHAPES)
def test_who_asks_the_doctor_looks_at_the_stacks_own_functions_and_proxy(shape: str) -> None:
    has, made = policies("doctor"), declared(shape)
    functions = [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{each.inputs['name']}" for each in made.all(":Function")]
    assert [each for each in functions if not allowed(has, "lambda:GetFunctionConfiguration", each)] == []
    assert allowed(has, "iam:SimulatePrincipalPolicy", f"arn:aws:iam::{ACCOUNT}:role/database-1a2b3c4")
    other = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:billing"
    assert not allowed(has, "lambda:GetFunctionConfiguration", other)


# As files


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_stacks_of_the_workflows_have_the_tag_that_their_role_asks_for(stack: str) -> None:
    config = yaml.safe_load((ROLES.parents[1] / f"Pulumi.{stack}.yaml").read_text())["config"]
    tags = {
        value
        for each in statements(*DEPLOY, fill={**FILL, "STACK": stack})
        for keys in each.get("Condition", {}).values()
        for key, value in keys.items()
        if key.endswith(f"Tag/{TAG}") and value != "true"
    }
    assert tags == {config["lambda-rds-proxy:tags"][TAG]}


def test_every_policy_has_the_size_of_a_managed_policy_with_the_longest_names() -> None:
    """6,144 characters without white space (source: IAM User Guide, "IAM and STS quotas"), and ten for a role."""
    longest = {**FILL, "REGION": "ap-northeast-1", "STACK": "production-eu", "STATES": "s" * 63, "STATE_KEY": "k" * 40}
    for path in ROLES.glob("*.json"):
        text = filled(path.read_text(), longest)
        assert len(re.sub(r"\s", "", text)) <= 6144, path.name
    assert len([*DEPLOY, "rotation", "existing"]) <= 10


def test_every_policy_belongs_to_a_role_and_has_no_placeholder_that_is_not_explained() -> None:
    assert {path.stem for path in ROLES.glob("*.json")} == {
        *DEPLOY,
        "rotation",
        "existing",
        "boundary",
        "trust",
        "doctor",
        "preflight",
        "acceptance",
    }
    page = (ROLES.parent / "pull-requests.md").read_text()
    table = page[page.index("| placeholder |") :].split("\n\n")[0]
    explained = {each for row in table.splitlines() for each in re.findall(r"`([A-Z_]+)`", row.split("|")[1])}
    used = {
        each for path in ROLES.glob("*.json") for each in re.findall(r"\b[A-Z]{3,}(?:_[A-Z]+)*\b", path.read_text())
    }
    assert used - {"RDS"} == explained
    assert {*FILL, "OWNER", "REPOSITORY", "ENVIRONMENT"} == explained


def test_every_statement_is_named_once_in_a_role() -> None:
    for names in (PREVIEW, DRIFT, DEPLOY):
        for name in names:
            sids = [each["Sid"] for each in json.loads((ROLES / f"{name}.json").read_text())["Statement"]]
            assert len(sids) == len(set(sids))
