"""Asks AWS for the facts that the checks of `lambda_rds_proxy.preflight` judge."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from lambda_rds_proxy.preflight.readings import LOOK_UPS, Reading, readings, wanted_names
from lambda_rds_proxy.regions import WITH_APPLICATION_REPOSITORY

from .calls import Calls, NotAskedError, answer_of, side_by_side

_MOST_NAMES, _MOST_SIMULATIONS = 10, 20
# What says that there is no such thing.
_ABSENT = frozenset(
    {
        *("DBClusterSnapshotNotFoundFault", "DBSnapshotNotFound", "InvalidVpcID.NotFound", "NoSuchEntity"),
        *("NotFoundException", "ResourceNotFoundException", "ValidationError"),
    }
)
_Of = tuple[tuple[str, str], ...]


def look(
    calls: Calls, needs: Needs, caller: facts.Caller, *, started: Callable[[int], None], each_done: Callable[[], None]
) -> facts.Account:
    """Everything that this stack's needs ask of the account of these calls."""
    questions = list(_questions(calls, needs, caller))
    started(len(questions))
    answers = side_by_side([ask for _, ask in questions], each_done=each_done)
    found: dict[str, Any] = {"caller": caller, "names": {}, "log groups": {}}
    for (of, _), answer in zip(questions, answers, strict=True):
        values = answer if isinstance(answer, list) else [answer] * len(of)
        for (name, key), value in zip(of, values, strict=True):
            if key:
                found.setdefault(name, {})[key] = value
            else:
                found[name] = value
    groups = list(found.pop("log groups").values())
    unseen = (each for each in groups if isinstance(each, NotSeen))
    found["names"]["log group"] = next(unseen, None) or frozenset().union(*groups)
    listed, database = found.pop("listed"), needs.database_identifier
    if database is not None:
        # Last, since they are as many as the account has proxies.
        found["proxies"] = listed if isinstance(listed, NotSeen) else _proxies(calls, needs, database, listed)
    return facts.Account(**found)


def caller_of(calls: Calls) -> facts.Caller:
    """Who asks. What AWS refuses here it refuses everywhere, so it is raised."""
    answer = calls("sts", "get_caller_identity")
    return facts.Caller(account=answer["Account"], arn=answer["Arn"])


def _questions(calls: Calls, needs: Needs, caller: facts.Caller) -> Iterator[tuple[_Of, Callable[[], Any]]]:
    """The fields that each answers, and what asks it."""
    for each in readings(needs, partition=caller.arn.split(":")[1]):
        yield each.of, partial(_read, calls, each)
    yield (("decisions", ""),), lambda: _decisions(calls, needs, caller)
    yield (("names", "proxy"), ("quotas", "proxies"), ("listed", "")), lambda: _all_proxies(calls)
    for name, operation, key in (
        ("VPCs", "describe_vpcs", "Vpcs"),
        ("network interfaces", "describe_network_interfaces", "NetworkInterfaces"),
    ):
        if name in needs.counts:
            yield (("quotas", name),), partial(_quota, calls, name, operation, key)
    made, stated, vpc, topic = is_made(needs), needs.database, needs.vpc, needs.topic
    if made is not None:
        yield (("versions", ""), ("offers", "")), lambda: _offers(calls, made)
    if stated is not None and stated.parameters:
        yield (("parameters", ""),), lambda: _parameters(calls, stated)
    if vpc is not None:
        yield (("vpc", ""),), lambda: _vpc(calls, vpc.vpc_id)
    if topic is not None:
        yield (("topic", ""),), lambda: _topic(calls, topic)
    if needs.rotation_application is not None and needs.region not in WITH_APPLICATION_REPOSITORY:
        yield (("rotation", ""),), lambda: False
    for kind in LOOK_UPS:
        wanted = wanted_names(needs, kind)
        if wanted:
            yield (("names", kind),), partial(_names, calls, wanted, kind)


def _read(calls: Calls, reading: Reading) -> Any:  # noqa: ANN401 - a fact
    which = (reading.service, reading.operation)
    if reading.pages is not None:
        key, most = reading.pages
        return reading.fact(calls.pages(*which, key, most=most, **reading.parameters))
    answer = _or_none(lambda: calls(*which, **reading.parameters))
    return reading.absent if answer is None else reading.fact(answer)


def _or_none(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - AWS's
    """An answer, or None where there is no such thing."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return None
        raise


def _decisions(calls: Calls, needs: Needs, caller: facts.Caller) -> tuple[facts.Decision, ...]:
    source, role = needs.role_to_assume or caller.arn, role_of(caller.arn)
    partition = source.split(":")[1]
    if source.endswith(":root"):
        raise NotAskedError("the root user's permissions cannot be simulated; deploy with a role")
    if needs.role_to_assume is None and role is not None:
        # A session's ARN is without the path of its role.
        seen = answer_of(lambda: str(calls("iam", "get_role", RoleName=role)["Role"]["Arn"]))
        source = f"arn:{partition}:iam::{caller.account}:role/{role}" if isinstance(seen, NotSeen) else seen
    waiting, found = simulations(needs, account=caller.account, partition=partition), list[facts.Decision]()
    which, asked = ("iam", "simulate_principal_policy", "EvaluationResults"), 0
    while waiting:
        each, asked = waiting.pop(), asked + 1
        if asked > _MOST_SIMULATIONS:
            raise NotAskedError(f"IAM takes more than {_MOST_SIMULATIONS} simulations for it")
        try:
            found += shapes.decisions(calls.pages(*which, most=3, **each.parameters(source)), each)
        except ClientError as error:
            parts = each.apart(str(error))
            if error.response["Error"]["Code"] != "InvalidInput" or len(parts) < 2:
                raise
            waiting += parts
    return tuple(found)


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
        Engine=database.rds_engine,
        DBParameterGroupFamily=database.family,
    )
    seen = shapes.versions(versions, database)
    if seen.chosen is None:
        return [seen, NotSeen(why=f"not asked: {database.rds_engine} {database.version} cannot be made")]
    if not database.version_in_full:
        asked = {"Engine": database.rds_engine, "EngineVersion": database.version, "DefaultOnly": True}
        seen = shapes.versions(versions, database, calls("rds", "describe_db_engine_versions", **asked))

    def orderable() -> tuple[facts.Offer, ...]:
        found = calls.pages(
            *("rds", "describe_orderable_db_instance_options", "OrderableDBInstanceOptions"),
            most=2,
            Engine=database.rds_engine,
            EngineVersion=seen.chosen,
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


def _vpc(calls: Calls, vpc_id: str) -> Vpc | None:
    found = _or_none(lambda: calls("ec2", "describe_vpcs", VpcIds=[vpc_id]))
    if found is None:
        return None
    support, hostnames = (
        calls("ec2", "describe_vpc_attribute", VpcId=vpc_id, Attribute=name)
        for name in ("enableDnsSupport", "enableDnsHostnames")
    )
    return shapes.vpc(found["Vpcs"][0], support, hostnames)


def _topic(calls: Calls, arn: str) -> facts.Topic:
    said = calls("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]
    key = said.get("KmsMasterKeyId") or None
    policy: Answer[str] | None = None
    if key is not None and "alias/aws/" not in key:
        policy = answer_of(lambda: _policy_of(calls, key))
    return facts.Topic(policy=said["Policy"], key=key, key_policy=policy)


def _policy_of(calls: Calls, key: str) -> str:
    # It is not told by an alias.
    arn = calls("kms", "describe_key", KeyId=key)["KeyMetadata"]["Arn"]
    return str(calls("kms", "get_key_policy", KeyId=arn, PolicyName="default")["Policy"])


def _names(calls: Calls, wanted: Sequence[str], kind: str) -> frozenset[str]:
    asked, (service, operation, parameter) = wanted[:_MOST_NAMES], LOOK_UPS[kind]
    there = frozenset(
        each for each in asked if _or_none(partial(calls, service, operation, **{parameter: each})) is not None
    )
    if len(asked) < len(wanted) and not there:
        raise NotAskedError(f"of {len(wanted)} the first {len(asked)} are free, and no more were asked for")
    return there


def _proxies(calls: Calls, needs: Needs, database: str, listed: Sequence[Mapping[str, Any]]) -> facts.Proxies:
    """The proxies in front of the database; those of another VPC or engine cannot be, and are not looked at."""
    vpc_id = needs.vpc and needs.vpc.vpc_id
    names = [
        str(each["DBProxyName"])
        for each in listed
        if each.get("EngineFamily", needs.proxy_family) == needs.proxy_family
        and (vpc_id is None or each.get("VpcId", vpc_id) == vpc_id)
    ]
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
