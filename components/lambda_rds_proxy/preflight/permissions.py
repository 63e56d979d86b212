"""What the identity that deploys is asked to be allowed, by IAM's simulation: what makes, changes and deletes a stack.

Actions of docs/roles on one resource each, with the tags and the boundary that this stack gives: whether the roles'
conditions hold is a part of the answer. A contract test holds them against docs/roles and what the types need.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..regions import DNS_SUFFIXES, WITH_APPLICATION_REPOSITORY, rotation_application_arn
from .needs import Needs

_SUFFIX = "0000000"
# Whose roles are asked for by name.
_MOST_FUNCTIONS = 10


@dataclass(frozen=True, kw_only=True)
class Request:
    """Actions on one resource."""

    actions: tuple[str, ...]
    resource: str


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """Requests that are sent together, with the keys that their conditions may ask for."""

    requests: tuple[Request, ...]
    context: Mapping[str, tuple[str, ...]]

    @property
    def actions(self) -> tuple[str, ...]:
        """Of all requests, each once."""
        return tuple(dict.fromkeys(action for each in self.requests for action in each.actions))

    @property
    def resources(self) -> tuple[str, ...]:
        """Of all requests, each once."""
        return tuple(dict.fromkeys(each.resource for each in self.requests))

    def parameters(self, source: str) -> dict[str, Any]:
        """What SimulatePrincipalPolicy is called with, for one whose ARN this is."""
        context = [
            {"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": "string"}
            for key, values in self.context.items()
        ]
        return {
            "PolicySourceArn": source,
            "ActionNames": list(self.actions),
            "ResourceArns": list(self.resources),
            "ContextEntries": context,
            "MaxItems": 1000,
        }

    def apart(self, message: str) -> "list[Simulation]":
        """The same in as many parts as a refusal of IAM names; itself alone if it names none.

        What creates by a tag of the request is not simulated beside what reads a tag of the resource: "Invalid Input
        Actions: [a:B] and [a:C,a:D] require different authorization information" is on record, and no list of which.
        """
        groups = [set(each.split(",")) for each in re.findall(r"\[([\w:,]+)\]", message.replace(" ", ""))]
        named = set().union(*groups)
        groups.append({each for each in self.actions if each not in named})
        parts = [self._only(each) for each in groups]
        return [each for each in parts if each.requests]

    def _only(self, actions: Collection[str]) -> "Simulation":
        kept = (
            replace(each, actions=tuple(action for action in each.actions if action in actions))
            for each in self.requests
        )
        return replace(self, requests=tuple(each for each in kept if each.actions))

    def asks(self, action: str, resource: str) -> bool:
        """Whether this pair is of a request: a simulation answers for all actions on all resources."""
        return any(action in each.actions and each.resource == resource for each in self.requests)


# Name → what IAM asks for, by the kind of resource.
_FUNCTION = (
    "lambda:CreateFunction DeleteFunction GetFunction GetFunctionCodeSigningConfig InvokeFunction "
    "ListVersionsByFunction TagResource UpdateFunctionCode UpdateFunctionConfiguration"
)
_LOG_GROUP = "logs:CreateLogGroup DeleteLogGroup ListTagsForResource PutMetricFilter PutRetentionPolicy TagResource"
_ALARM = "cloudwatch:DeleteAlarms ListTagsForResource PutMetricAlarm TagResource"
_ROLE = (
    "iam:CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies "
    "ListInstanceProfilesForRole ListRolePolicies PassRole PutRolePolicy TagRole"
)
_LINKED = "role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS"
_GROUP = (
    "ec2:AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateSecurityGroup CreateTags "
    "DeleteSecurityGroup RevokeSecurityGroupEgress RevokeSecurityGroupIngress"
)
_PASSWORDS = "secretsmanager:CreateSecret DeleteSecret DescribeSecret GetResourcePolicy TagResource"
_ROTATION_STACK = "cloudformation:DeleteStack DescribeChangeSet DescribeStacks ExecuteChangeSet TagResource"


def simulations(needs: Needs, *, account: str, partition: str) -> list[Simulation]:
    """What to ask: one simulation for what IAM is asked in one context."""
    tags = {
        f"aws:{kind}/{key}": (value,) for key, value in needs.tags.items() for kind in ("RequestTag", "ResourceTag")
    }
    known: dict[str, tuple[str, ...]] = {**tags, "aws:RequestedRegion": (needs.region,)}
    if needs.permissions_boundary is not None:
        known["iam:PermissionsBoundary"] = (needs.permissions_boundary,)
    arns = _Arns(partition=partition, region=needs.region, account=account)
    kinds: list[tuple[Iterator[tuple[str, str]], dict[str, str]]] = [
        (_functions(needs, arns), {}),
        (
            _roles(needs, arns),
            {"iam:PassedToService": "lambda.amazonaws.com", "iam:AWSServiceName": "rds.amazonaws.com"},
        ),
        (_rds(needs, arns), {}),
        (_network(needs, arns), {"ec2:CreateAction": "CreateSecurityGroup"}),
        (_secrets(needs, arns), {"kms:ViaService": f"rds.{needs.region}.{DNS_SUFFIXES[partition]}"}),
        (_rotation(needs, arns), {}),
    ]
    found = [
        Simulation(
            requests=tuple(Request(actions=_actions(said), resource=resource) for said, resource in requests),
            context={**known, **{key: (value,) for key, value in more.items()}},
        )
        for requests, more in kinds
    ]
    return [each for each in found if each.requests]


@dataclass(frozen=True, kw_only=True)
class _Arns:
    partition: str
    region: str
    account: str

    def of(self, service: str, resource: str) -> str:
        region = "" if service == "iam" or resource.startswith("dashboard/") else self.region
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{resource}"


def _actions(said: str) -> tuple[str, ...]:
    """`lambda:A B` is lambda:A and lambda:B."""
    service, names = said.split(":", 1)
    return tuple(f"{service}:{name}" for name in names.split())


def _functions(needs: Needs, arns: _Arns) -> Iterator[tuple[str, str]]:
    own = f"{needs.project}-{needs.stack}"
    for each in needs.names["function"][:1]:
        reserves = " PutFunctionConcurrency" if needs.reserved_concurrency else ""
        yield f"{_FUNCTION}{reserves}", arns.of("lambda", f"function:{each}")
    # One of each folder: of 200 functions each would be asked the same.
    for each in {name.rsplit("/", 1)[0]: name for name in needs.names["log group"]}.values():
        yield f"{_LOG_GROUP}{' AssociateKmsKey' if needs.log_key else ''}", arns.of("logs", f"log-group:{each}")
    yield _ALARM, arns.of("cloudwatch", f"alarm:{own}-database-pool-full")
    yield "cloudwatch:DeleteDashboards GetDashboard PutDashboard", arns.of("cloudwatch", f"dashboard/{own}-database")
    # source: CloudWatch API Reference, PutCompositeAlarm: a permission scoped to * is needed.
    yield "cloudwatch:PutCompositeAlarm", "*"


def _roles(needs: Needs, arns: _Arns) -> Iterator[tuple[str, str]]:
    for each in (*needs.functions[:_MOST_FUNCTIONS], "database"):
        yield _ROLE, arns.of("iam", f"role/{each}-{_SUFFIX}")
    yield "iam:CreateServiceLinkedRole", arns.of("iam", _LINKED)


def _rds(needs: Needs, arns: _Arns) -> Iterator[tuple[str, str]]:
    if needs.database is not None:
        kind, group, arn = (
            ("Cluster", "ClusterParameterGroup", "cluster")
            if needs.database.is_cluster
            else ("Instance", "ParameterGroup", "db")
        )
        from_what = "" if needs.database.is_cluster else "DB"
        restores = f" RestoreDB{kind}From{from_what}Snapshot" if needs.database.snapshot else ""
        yield (
            f"rds:AddTagsToResource CreateDB{kind} DeleteDB{kind} ModifyDB{kind}{restores}",
            arns.of("rds", f"{arn}:database-{_SUFFIX}"),
        )
        if needs.database.is_cluster:
            yield "rds:CreateDBInstance DeleteDBInstance ModifyDBInstance", arns.of("rds", f"db:database-0-{_SUFFIX}")
        of_group = f"rds:AddTagsToResource CreateDB{group} DeleteDB{group} ModifyDB{group}"
        yield of_group, arns.of("rds", f"{'cluster-pg' if needs.database.is_cluster else 'pg'}:database-{_SUFFIX}")
        yield (
            "rds:AddTagsToResource CreateDBSubnetGroup DeleteDBSubnetGroup",
            arns.of("rds", f"subgrp:database-{_SUFFIX}"),
        )
    if needs.target is not None:
        kind = "cluster" if needs.target_is_cluster else "db"
        yield "rds:DeregisterDBProxyTargets RegisterDBProxyTargets", arns.of("rds", f"{kind}:{needs.target}")
    # CreateDBProxy takes no narrower resource: Service Authorization Reference, "Amazon RDS".
    yield "rds:CreateDBProxy", "*"
    yield "rds:AddTagsToResource DeleteDBProxy ModifyDBProxy", arns.of("rds", "db-proxy:prx-0123456789abcdef0")
    yield (
        "rds:DeregisterDBProxyTargets ModifyDBProxyTargetGroup RegisterDBProxyTargets",
        arns.of("rds", "target-group:prx-tg-0123456789abcdef0"),
    )
    if needs.topic is not None:
        yield "rds:CreateEventSubscription DeleteEventSubscription", arns.of("rds", f"es:database-{_SUFFIX}")


def _network(needs: Needs, arns: _Arns) -> Iterator[tuple[str, str]]:
    yield _GROUP, arns.of("ec2", "security-group/sg-0123456789abcdef0")
    if needs.target_group is not None:
        theirs = "ec2:AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress"
        yield theirs, arns.of("ec2", f"security-group/{needs.target_group}")
    if needs.vpc is None:
        yield "ec2:CreateTags CreateVpc DeleteVpc ModifyVpcAttribute", arns.of("ec2", "vpc/vpc-0123456789abcdef0")
        yield (
            "ec2:CreateSubnet CreateTags DeleteSubnet ModifySubnetAttribute",
            arns.of("ec2", "subnet/subnet-0123456789abcdef0"),
        )
        yield (
            "ec2:AssociateRouteTable CreateRouteTable CreateTags DeleteRouteTable",
            arns.of("ec2", "route-table/rtb-0123456789abcdef0"),
        )
    if needs.makes_endpoint:
        yield (
            "ec2:CreateTags CreateVpcEndpoint DeleteVpcEndpoints",
            arns.of("ec2", "vpc-endpoint/vpce-0123456789abcdef0"),
        )
    if needs.flow_logs:
        yield "ec2:CreateFlowLogs DeleteFlowLogs", arns.of("ec2", "vpc-flow-log/fl-0123456789abcdef0")


def _secrets(needs: Needs, arns: _Arns) -> Iterator[tuple[str, str]]:
    rotates = " RotateSecret" if needs.rotation_application else ""
    yield f"{_PASSWORDS}{rotates}", arns.of("secretsmanager", f"secret:database-{_SUFFIX}-AbCdEf")
    if needs.database is not None:  # RDS makes the master user's in the name of whoever makes the database
        kind = "cluster" if needs.database.is_cluster else "db"
        yield "secretsmanager:CreateSecret TagResource", arns.of("secretsmanager", f"secret:rds!{kind}-0-AbCdEf")
    if needs.data_key is not None:
        yield "kms:CreateGrant DescribeKey GenerateDataKey", needs.data_key


def _rotation(needs: Needs, arns: _Arns) -> Iterator[tuple[str, str]]:
    # Elsewhere it is a question of its own.
    if needs.rotation_application is not None and needs.region in WITH_APPLICATION_REPOSITORY:
        application = rotation_application_arn(arns.partition, needs.rotation_application)
        yield "serverlessrepo:CreateCloudFormationChangeSet GetApplication", application
        stack = f"stack/serverlessrepo-{needs.project}-{needs.stack}-database-rotation/{_SUFFIX}"
        yield _ROTATION_STACK, arns.of("cloudformation", stack)
