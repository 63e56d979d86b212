"""Asks AWS for the facts that the checks of `lambda_rds_proxy.preflight` judge."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from lambda_rds_proxy.preflight import account as facts
from lambda_rds_proxy.preflight import shapes
from lambda_rds_proxy.preflight.answers import Answer, NotSeen
from lambda_rds_proxy.preflight.capacity import SERVICE_QUOTAS
from lambda_rds_proxy.preflight.database import is_made
from lambda_rds_proxy.preflight.identity import role_of
from lambda_rds_proxy.preflight.needs import Needs, NewDatabase
from lambda_rds_proxy.preflight.network import Vpc
from lambda_rds_proxy.preflight.permissions import simulations
from lambda_rds_proxy.regions import WITH_APPLICATION_REPOSITORY, rotation_application_arn

from .calls import Calls, NotAskedError, answer_of, side_by_side

_MOST_NAMES = 10
_LISTED = ("listed", "")
# What says that there is no such thing.
_ABSENT = frozenset(
    {
        *("DBClusterNotFoundFault", "DBClusterSnapshotNotFoundFault", "DBInstanceNotFound", "DBSnapshotNotFound"),
        *("InvalidVpcID.NotFound", "NoSuchEntity", "NotFoundException", "ResourceNotFoundException", "ValidationError"),
    }
)


@dataclass(frozen=True, kw_only=True)
class _Question:
    """`of`: the fields of an account that it answers, with the key of one that is a mapping."""

    of: tuple[tuple[str, str], ...]
    ask: Callable[[], Any]


def look(
    calls: Calls, needs: Needs, caller: facts.Caller, *, started: Callable[[int], None], each_done: Callable[[], None]
) -> facts.Account:
    """Everything that this stack's needs ask of the account of these calls."""
    questions = list(_questions(calls, needs, caller))
    started(len(questions))
    answers = side_by_side([each.ask for each in questions], each_done=each_done)
    found: dict[str, Any] = {"caller": caller}
    for question, answer in zip(questions, answers, strict=True):
        values = answer if isinstance(answer, list) else [answer] * len(question.of)
        for (name, key), value in zip(question.of, values, strict=True):
            if key:
                found.setdefault(name, {})[key] = value
            else:
                found[name] = value
    listed = found.pop(_LISTED[0])
    if needs.database_identifier is not None:
        # Last, since they are as many as the account has proxies.
        database = needs.database_identifier
        found["proxies"] = listed if isinstance(listed, NotSeen) else _proxies(calls, needs, database, listed)
    return facts.Account(**found)


def caller_of(calls: Calls) -> facts.Caller:
    """Who asks. What AWS refuses here it refuses everywhere, so it is raised."""
    answer = calls("sts", "get_caller_identity")
    return facts.Caller(account=answer["Account"], arn=answer["Arn"])


def _questions(calls: Calls, needs: Needs, caller: facts.Caller) -> Iterator[_Question]:
    def one(name: str, ask: Callable[..., Any], *arguments: object, key: str = "") -> _Question:
        return _Question(of=((name, key),), ask=partial(ask, calls, *arguments))

    yield one("decisions", _decisions, needs, caller)
    yield one("service_linked_role", _is_there, "iam", "get_role", {"RoleName": "AWSServiceRoleForRDS"})
    yield _Question(of=(("concurrency", ""),), ask=lambda: shapes.concurrency(calls("lambda", "get_account_settings")))
    counted = tuple(("quotas", name) for name in needs.counts if name not in SERVICE_QUOTAS)
    if counted:
        yield _Question(of=counted, ask=lambda: _rds_quotas(calls, [name for _, name in counted]))
    for name, operation, key in (
        ("VPCs", "describe_vpcs", "Vpcs"),
        ("network interfaces", "describe_network_interfaces", "NetworkInterfaces"),
    ):
        if name in needs.counts:
            yield one("quotas", _quota, name, operation, key, key=name)
    yield _Question(of=(("names", "proxy"), ("quotas", "proxies"), _LISTED), ask=lambda: _all_proxies(calls))
    database = is_made(needs)
    if database is not None:
        made = database
        yield _Question(of=(("versions", ""), ("offers", "")), ask=lambda: _offers(calls, made))
        if made.snapshot is not None:
            yield one("snapshot", _snapshot, made.is_cluster, made.snapshot)
    if needs.database is not None and needs.database.parameters:
        yield one("parameters", _parameters, needs.database)
    yield from _network(calls, needs)
    for key in dict.fromkeys(each for each in (needs.data_key, needs.log_key) if each is not None):
        yield one("keys", _key, key, key=key)
        yield one("key_policies", _key_policy, key, key=key)
    if needs.topic is not None:
        yield one("topic", _topic, needs.topic)
    if needs.rotation_application is not None:
        yield one("rotation", _rotation, needs.region, caller.arn.split(":")[1], needs.rotation_application)
    for kind, names in needs.names.items():
        wanted = [each for each in names if each not in needs.deployed.names.get(kind, ())]
        if wanted and kind != "proxy":
            yield one("names", _log_groups if kind == "log group" else _names, wanted, kind, key=kind)


def _network(calls: Calls, needs: Needs) -> Iterator[_Question]:
    if needs.vpc is None:
        names = {"opt-in-status": "opt-in-not-required", "state": "available"}
        wanted = [{"Name": name, "Values": [value]} for name, value in names.items()]
        yield _Question(
            of=(("zones", ""),),
            ask=lambda: shapes.zones(calls("ec2", "describe_availability_zones", Filters=wanted)["AvailabilityZones"]),
        )
        return
    vpc_id, ids = needs.vpc.vpc_id, list(needs.vpc.subnet_ids)
    of_vpc = [{"Name": "vpc-id", "Values": [vpc_id]}]

    def subnets() -> tuple[Any, ...]:
        return tuple(map(shapes.subnet, calls("ec2", "describe_subnets", SubnetIds=ids)["Subnets"]))

    def endpoints() -> tuple[Any, ...]:
        found = calls.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints", most=1, Filters=of_vpc)
        return shapes.endpoints(found, needs.region)

    def routes() -> tuple[Any, ...]:
        found = calls.pages("ec2", "describe_route_tables", "RouteTables", most=1, Filters=of_vpc)
        return tuple(map(shapes.route_table, found))

    for name, ask in (("subnets", subnets), ("endpoints", endpoints), ("routes", routes)):
        yield _Question(of=((name, ""),), ask=ask)
    yield _Question(of=(("vpc", ""),), ask=lambda: _vpc(calls, vpc_id))


def _or_none(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - AWS's
    """An answer, or None where there is no such thing."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return None
        raise


def _is_there(calls: Calls, service: str, operation: str, parameters: Mapping[str, Any]) -> bool:
    return _or_none(lambda: calls(service, operation, **parameters)) is not None


def _decisions(calls: Calls, needs: Needs, caller: facts.Caller) -> tuple[facts.Decision, ...]:
    source, role = needs.role_to_assume or caller.arn, role_of(caller.arn)
    partition = source.split(":")[1]
    if source.endswith(":root"):
        raise NotAskedError("the root user's permissions cannot be simulated; deploy with a role")
    if needs.role_to_assume is None and role is not None:
        # A session's ARN is without the path of its role.
        seen = answer_of(lambda: str(calls("iam", "get_role", RoleName=role)["Role"]["Arn"]))
        source = f"arn:{partition}:iam::{caller.account}:role/{role}" if isinstance(seen, NotSeen) else seen
    found: list[facts.Decision] = []
    for each in simulations(needs, account=caller.account, partition=partition):
        if each.requests:
            context = [
                {"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": "string"}
                for key, values in each.context.items()
            ]
            results = calls.pages(
                *("iam", "simulate_principal_policy", "EvaluationResults"),
                most=3,
                PolicySourceArn=source,
                ActionNames=list(each.actions),
                ResourceArns=list(each.resources),
                ContextEntries=context,
                MaxItems=1000,
            )
            found += shapes.decisions(results, each)
    return tuple(found)


def _rds_quotas(calls: Calls, names: Sequence[str]) -> list[Answer[facts.Quota]]:
    told = shapes.rds_quotas(calls("rds", "describe_account_attributes"))
    return [told.get(name, NotSeen(why="RDS tells no such quota")) for name in names]


def _most_of(calls: Calls, name: str) -> tuple[int, bool]:
    """How many there may be, and whether that is AWS's default: of a quota that nobody raised it may tell nothing."""
    service, code, default = SERVICE_QUOTAS[name]
    said = answer_of(
        lambda: int(calls("service-quotas", "get_service_quota", ServiceCode=service, QuotaCode=code)["Quota"]["Value"])
    )
    return (default, True) if isinstance(said, NotSeen) else (said, False)


def _quota(calls: Calls, name: str, operation: str, key: str) -> facts.Quota:
    used = calls("ec2", operation, MaxResults=1000)
    most, is_default = _most_of(calls, name)
    return facts.Quota(used=len(used[key]), most=most, is_default=is_default, is_at_least=bool(used.get("NextToken")))


def _all_proxies(calls: Calls) -> list[Any]:
    found = calls.pages("rds", "describe_db_proxies", "DBProxies", most=3)
    most, is_default = _most_of(calls, "proxies")
    names = frozenset(str(each["DBProxyName"]) for each in found)
    return [names, facts.Quota(used=len(found), most=most, is_default=is_default), tuple(found)]


def _offers(calls: Calls, database: NewDatabase) -> list[Any]:
    versions = calls.pages(
        *("rds", "describe_db_engine_versions", "DBEngineVersions"),
        most=2,
        Engine=database.engine,
        DBParameterGroupFamily=database.family,
    )
    offered = sorted((str(each["EngineVersion"]) for each in versions), key=shapes.by_number)
    fit = [each for each in offered if each == database.version or each.startswith(f"{database.version}.")]
    chosen = fit[-1] if fit else None
    if fit and not database.version_in_full:
        asked = {"Engine": database.engine, "EngineVersion": database.version, "DefaultOnly": True}
        default = calls("rds", "describe_db_engine_versions", **asked)["DBEngineVersions"]
        chosen = str(default[0]["EngineVersion"]) if default else chosen
    deprecated = frozenset(str(each["EngineVersion"]) for each in versions if each.get("Status") == "deprecated")
    seen = facts.Versions(offered=tuple(offered), chosen=chosen, deprecated=deprecated)
    if chosen is None:
        return [seen, NotSeen(why=f"not asked: {database.engine} {database.version} cannot be made")]

    def orderable() -> tuple[facts.Offer, ...]:
        found = calls.pages(
            *("rds", "describe_orderable_db_instance_options", "OrderableDBInstanceOptions"),
            most=2,
            Engine=database.engine,
            EngineVersion=chosen,
            DBInstanceClass=database.instance_class,
            Vpc=True,
        )
        return tuple(map(shapes.offer, found))

    return [seen, answer_of(orderable)]


def _parameters(calls: Calls, database: NewDatabase) -> dict[str, facts.Parameter]:
    wanted, family = sorted(database.parameters), {"DBParameterGroupFamily": database.family}
    if not database.is_cluster:
        named = [{"Name": "parameter-name", "Values": wanted}]
        page = calls("rds", "describe_engine_default_parameters", **family, Filters=named)
        return shapes.parameters(page["EngineDefaults"]["Parameters"])
    # Those of a cluster AWS does not filter.
    found: dict[str, facts.Parameter] = {}
    more: dict[str, str] = {}
    for _ in range(8):
        page = calls("rds", "describe_engine_default_cluster_parameters", **family, **more)["EngineDefaults"]
        found |= shapes.parameters(page["Parameters"])
        if not page.get("Marker") or found.keys() >= set(wanted):
            return found
        more = {"Marker": page["Marker"]}
    raise NotAskedError(f"{database.family} has more than {len(found)} parameters")


def _snapshot(calls: Calls, is_cluster: bool, name: str) -> facts.Snapshot | None:
    kind, operation = ("Cluster", "describe_db_cluster_snapshots") if is_cluster else ("", "describe_db_snapshots")
    shared = {"IncludeShared": True} if name.startswith("arn:") else {}
    found = _or_none(lambda: calls("rds", operation, **{f"DB{kind}SnapshotIdentifier": name}, **shared))
    described = found[f"DB{kind}Snapshots"] if found else []
    return shapes.snapshot(described[0]) if described else None


def _vpc(calls: Calls, vpc_id: str) -> Vpc | None:
    found = _or_none(lambda: calls("ec2", "describe_vpcs", VpcIds=[vpc_id]))
    if found is None:
        return None
    support, hostnames = (
        calls("ec2", "describe_vpc_attribute", VpcId=vpc_id, Attribute=name)
        for name in ("enableDnsSupport", "enableDnsHostnames")
    )
    return shapes.vpc(found["Vpcs"][0], support, hostnames)


def _key(calls: Calls, key: str) -> facts.Key:
    return shapes.key(calls("kms", "describe_key", KeyId=key))


def _key_policy(calls: Calls, key: str) -> str:
    return str(calls("kms", "get_key_policy", KeyId=key, PolicyName="default")["Policy"])


def _topic(calls: Calls, arn: str) -> facts.Topic:
    said = calls("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]
    key = said.get("KmsMasterKeyId") or None
    policy: Answer[str] | None = None
    if key is not None and "alias/aws/" not in key:
        # Its policy is not told by an alias.
        policy = answer_of(lambda: _key_policy(calls, _key(calls, key).arn))
    return facts.Topic(policy=said["Policy"], key=key, key_policy=policy)


def _rotation(calls: Calls, region: str, partition: str, application: str) -> bool:
    if region not in WITH_APPLICATION_REPOSITORY:
        return False
    arn = rotation_application_arn(partition, application)
    return _is_there(calls, "serverlessrepo", "get_application", {"ApplicationId": arn})


def _log_groups(calls: Calls, wanted: Sequence[str], _kind: str) -> frozenset[str]:
    folders: dict[str, list[str]] = {}
    for each in wanted:
        folders.setdefault(each.rsplit("/", 1)[0], []).append(each)
    there: set[str] = set()
    for names in folders.values():
        first, last = min(names), max(names)
        same = next(
            (index for index, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first)
        )
        found = calls.pages("logs", "describe_log_groups", "logGroups", most=3, logGroupNamePrefix=first[:same])
        there |= {str(each["logGroupName"]) for each in found}
    return frozenset(there)


def _names(calls: Calls, wanted: Sequence[str], kind: str) -> frozenset[str]:
    asked = wanted[:_MOST_NAMES]
    there = frozenset(each for each in asked if any(_is_there(calls, *which) for which in _LOOKED_UP[kind](each)))
    if len(asked) < len(wanted) and not there:
        raise NotAskedError(f"of {len(wanted)} the first {len(asked)} are free, and no more were asked for")
    return there


_LOOKED_UP: Mapping[str, Callable[[str], Collection[tuple[str, str, Mapping[str, str]]]]] = {
    "function": lambda name: [("lambda", "get_function_configuration", {"FunctionName": name})],
    "CloudFormation stack": lambda name: [("cloudformation", "describe_stacks", {"StackName": name})],
    "secret": lambda name: [("secretsmanager", "describe_secret", {"SecretId": name})],
    "role": lambda name: [("iam", "get_role", {"RoleName": name})],
    "database": lambda name: [
        ("rds", "describe_db_instances", {"DBInstanceIdentifier": name}),
        ("rds", "describe_db_clusters", {"DBClusterIdentifier": name}),
    ],
}


def _proxies(calls: Calls, needs: Needs, database: str, listed: Sequence[Mapping[str, Any]]) -> facts.Proxies:
    """The proxies in front of the database. One stands in its database's VPC, so those of others are not looked at."""
    near = [each for each in listed if needs.vpc is None or each.get("VpcId") in (None, needs.vpc.vpc_id)]
    names = [str(each["DBProxyName"]) for each in near]
    answers = side_by_side([partial(_share, calls, name, database) for name in names], each_done=lambda: None)
    shares = tuple(each for each in answers if isinstance(each, facts.Share))
    not_seen = {name: each.why for name, each in zip(names, answers, strict=True) if isinstance(each, NotSeen)}
    return facts.Proxies(shares=shares, not_seen=not_seen)


def _share(calls: Calls, name: str, database: str) -> facts.Share | None:
    if not shapes.is_target(calls("rds", "describe_db_proxy_targets", DBProxyName=name)["Targets"], database):
        return None

    def percent() -> int:
        group = calls("rds", "describe_db_proxy_target_groups", DBProxyName=name)["TargetGroups"][0]
        return int(group["ConnectionPoolConfig"]["MaxConnectionsPercent"])

    return facts.Share(proxy=name, percent=answer_of(percent))
