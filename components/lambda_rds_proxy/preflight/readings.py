"""What is read of an account for a stack: calls of AWS as data, each with what its answer becomes. Pure.

What takes several calls, of which one depends on another, stands with whoever makes them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..regions import WITH_APPLICATION_REPOSITORY, rotation_application_arn
from . import shapes
from .answers import Answer, NotSeen
from .capacity import SERVICE_QUOTAS
from .database import is_made
from .needs import Needs

Of = tuple[str, str]
"""A field of an account, and the key of one that is a mapping."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One call: `of` are the fields that it answers, `fact` makes them of AWS's answer.

    With `pages` it is repeated while there are more, at most so many times, and `fact` gets what all pages have under
    `pages`' key. `absent` is the fact where AWS says that there is no such thing.
    """

    of: tuple[Of, ...]
    service: str
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fact: Callable[[Any], Any]
    pages: tuple[str, int] | None = None
    absent: object = None


# Kind of a name → what tells whether it is there.
LOOK_UPS: Mapping[str, tuple[str, str, str]] = {
    "function": ("lambda", "get_function_configuration", "FunctionName"),
    "CloudFormation stack": ("cloudformation", "describe_stacks", "StackName"),
}


def readings(needs: Needs, *, partition: str) -> Iterator[Reading]:
    """Every one that this stack asks for."""
    yield Reading(
        of=(("service_linked_role", ""),),
        service="iam",
        operation="get_role",
        parameters={"RoleName": "AWSServiceRoleForRDS"},
        fact=bool,
        absent=False,
    )
    yield Reading(
        of=(("concurrency", ""),), service="lambda", operation="get_account_settings", fact=shapes.concurrency
    )
    counted = [name for name in needs.counts if name not in SERVICE_QUOTAS]
    if counted:
        yield Reading(
            of=tuple(("quotas", name) for name in counted),
            service="rds",
            operation="describe_account_attributes",
            fact=partial(_rds_quotas, counted),
        )
    database = is_made(needs)
    if database is not None and database.snapshot is not None:
        kind, called = ("Cluster", "cluster_") if database.is_cluster else ("", "")
        shared = {"IncludeShared": True} if database.snapshot.startswith("arn:") else {}
        yield Reading(
            of=(("snapshot", ""),),
            service="rds",
            operation=f"describe_db_{called}snapshots",
            parameters={f"DB{kind}SnapshotIdentifier": database.snapshot, **shared},
            fact=lambda answer: next(map(shapes.snapshot, answer[f"DB{kind}Snapshots"]), None),
        )
    yield from _of_network(needs)
    for key in dict.fromkeys(each for each in (needs.data_key, needs.log_key) if each is not None):
        yield Reading(
            of=(("keys", key),), service="kms", operation="describe_key", parameters={"KeyId": key}, fact=shapes.key
        )
        yield Reading(
            of=(("key_policies", key),),
            service="kms",
            operation="get_key_policy",
            parameters={"KeyId": key, "PolicyName": "default"},
            fact=lambda answer: str(answer["Policy"]),
        )
    if needs.rotation_application is not None and needs.region in WITH_APPLICATION_REPOSITORY:
        yield Reading(
            of=(("rotation", ""),),
            service="serverlessrepo",
            operation="get_application",
            parameters={"ApplicationId": rotation_application_arn(partition, needs.rotation_application)},
            fact=bool,
            absent=False,
        )
    yield from _of_log_groups(needs)


def wanted_names(needs: Needs, kind: str) -> list[str]:
    """The names of a kind that the stack has not made yet."""
    return [each for each in needs.names.get(kind, ()) if each not in needs.deployed.names.get(kind, ())]


def _rds_quotas(names: Sequence[str], answer: Mapping[str, Any]) -> list[Answer[Any]]:
    told = shapes.rds_quotas(answer)
    return [told.get(name, NotSeen(why="RDS tells no such quota")) for name in names]


def _of_network(needs: Needs) -> Iterator[Reading]:
    if needs.vpc is None:
        wanted = {"opt-in-status": "opt-in-not-required", "state": "available"}
        yield Reading(
            of=(("zones", ""),),
            service="ec2",
            operation="describe_availability_zones",
            parameters={"Filters": [{"Name": name, "Values": [value]} for name, value in wanted.items()]},
            fact=lambda answer: shapes.zones(answer["AvailabilityZones"]),
        )
        return
    yield Reading(
        of=(("subnets", ""),),
        service="ec2",
        operation="describe_subnets",
        parameters={"SubnetIds": list(needs.vpc.subnet_ids)},
        fact=lambda answer: tuple(map(shapes.subnet, answer["Subnets"])),
    )
    of_vpc = {"Filters": [{"Name": "vpc-id", "Values": [needs.vpc.vpc_id]}]}
    yield Reading(
        of=(("endpoints", ""),),
        service="ec2",
        operation="describe_vpc_endpoints",
        parameters=of_vpc,
        pages=("VpcEndpoints", 1),
        fact=lambda found: shapes.endpoints(found, needs.region),
    )
    yield Reading(
        of=(("routes", ""),),
        service="ec2",
        operation="describe_route_tables",
        parameters=of_vpc,
        pages=("RouteTables", 1),
        fact=lambda found: tuple(map(shapes.route_table, found)),
    )


def _of_log_groups(needs: Needs) -> Iterator[Reading]:
    """By the beginning that those of a folder have in common: CloudWatch Logs knows no other way."""
    folders: dict[str, list[str]] = {}
    for each in wanted_names(needs, "log group"):
        folders.setdefault(each.rsplit("/", 1)[0], []).append(each)
    for folder, names in folders.items():
        first, last = min(names), max(names)
        same = sum(1 for _ in _same(first, last))
        yield Reading(
            of=(("log groups", folder),),
            service="logs",
            operation="describe_log_groups",
            parameters={"logGroupNamePrefix": first[:same]},
            pages=("logGroups", 3),
            fact=lambda found: frozenset(str(each["logGroupName"]) for each in found),
        )


def _same(one: str, other: str) -> Iterator[str]:
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            return
        yield mine
