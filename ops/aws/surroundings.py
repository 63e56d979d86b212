"""Looks at what a proxy on AWS needs around it: addresses, security groups, and its secret."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import boto3

from lambda_rds_proxy.engines import ENGINES, TargetKind
from ops.doctor.drift import Surroundings

from .cloudwatch import Target
from .errors import AwsErrors, reason

# By the engine that RDS names; SQL Server has four.
_FAMILIES = {facts.target(kind).engine: facts.proxy_family for facts in ENGINES.values() for kind in TargetKind} | {
    "mariadb": "MYSQL",
    **{f"sqlserver-{edition}": "SQLSERVER" for edition in ("ee", "se", "ex", "web")},
}


def surroundings(proxy: dict[str, Any], target: Target, *, proxy_port: int) -> Surroundings:
    """What can be seen, and what the shell's credentials may not look at.

    Args:
        proxy: of DescribeDBProxies.
        target: the database behind it.
        proxy_port: where clients come in.
    """
    seen: dict[str, Any] = {}
    not_seen: list[str] = []

    @contextlib.contextmanager
    def looking_at(what: str) -> Iterator[None]:
        try:
            yield
        except AwsErrors as error:
            not_seen.append(f"{what}: {reason(error)}")

    database: dict[str, Any] = {}
    ec2 = boto3.client("ec2")
    with looking_at("free addresses"):
        subnets = ec2.describe_subnets(SubnetIds=proxy["VpcSubnetIds"])["Subnets"]
        seen["free_addresses"] = tuple((each["SubnetId"], each["AvailableIpAddressCount"]) for each in subnets)
    with looking_at(f"the database {target.identifier}"):
        database = _database(target)
        family = _FAMILIES.get(str(database.get("Engine")))
        if family is not None:
            seen["engine"] = (str(database["Engine"]), family, str(proxy.get("EngineFamily")))
        if target.port is not None:
            seen["ports"] = (target.port, _port(database))
    own = set(proxy.get("VpcSecurityGroupIds") or [])
    others = {each["VpcSecurityGroupId"] for each in database.get("VpcSecurityGroups") or []}
    with looking_at("security groups"):
        found = ec2.describe_security_groups(GroupIds=sorted(own | others))["SecurityGroups"]
        seen["clients_reach_proxy"] = admits([each for each in found if each["GroupId"] in own], proxy_port)
        if database:
            behind = [each for each in found if each["GroupId"] in others]
            seen["proxy_reaches_database"] = admits(behind, _port(database), own)
            leaving = [{"IpPermissions": each.get("IpPermissionsEgress")} for each in found if each["GroupId"] in own]
            seen["proxy_leaves"] = admits(leaving, _port(database), others)
    secrets = [each["SecretArn"] for each in proxy.get("Auth") or [] if each.get("SecretArn")]
    if secrets:
        with looking_at("whether the proxy may read its secret"):
            answer = boto3.client("iam").simulate_principal_policy(
                PolicySourceArn=proxy["RoleArn"],
                ActionNames=["secretsmanager:GetSecretValue"],
                ResourceArns=secrets,
            )
            seen["secret_readable"] = all(each["EvalDecision"] == "allowed" for each in answer["EvaluationResults"])
    return Surroundings(**seen, not_seen=tuple(not_seen))


def _database(target: Target) -> dict[str, Any]:
    rds = boto3.client("rds")
    if target.dimension == "DBClusterIdentifier":
        return dict(rds.describe_db_clusters(DBClusterIdentifier=target.identifier)["DBClusters"][0])
    return dict(rds.describe_db_instances(DBInstanceIdentifier=target.identifier)["DBInstances"][0])


def admits(groups: Iterable[dict[str, Any]], port: int, clients: Iterable[str] = ()) -> bool:
    """Whether some ingress rule opens a port: to one of these groups, or to anyone when none is named.

    A rule for a network or a prefix list counts: whether a group's members are inside it cannot be told from here.
    """
    wanted = set(clients)
    for rule in (rule for group in groups for rule in group.get("IpPermissions") or []):
        # Protocol -1 has no ports: everything is open.
        if rule.get("IpProtocol") != "-1" and not rule.get("FromPort", 0) <= port <= rule.get("ToPort", 65_535):
            continue
        admitted = {each.get("GroupId") for each in rule.get("UserIdGroupPairs") or []}
        networks = rule.get("IpRanges") or rule.get("Ipv6Ranges") or rule.get("PrefixListIds")
        if networks or (admitted if not wanted else admitted & wanted):
            return True
    return False


def _port(database: dict[str, Any]) -> int:
    found = (database.get("Endpoint") or {}).get("Port") if isinstance(database.get("Endpoint"), dict) else None
    return int(found or database.get("Port") or 5432)
