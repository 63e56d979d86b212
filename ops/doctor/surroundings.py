"""Looks at what a proxy on AWS needs around it: addresses, security groups, and its secret."""

from collections.abc import Iterable
from typing import Any

import boto3

from ops.aws_errors import AwsErrors, reason

from .drift import Surroundings


def surroundings(proxy: dict[str, Any], database: dict[str, Any], *, proxy_port: int) -> tuple[Surroundings, list[str]]:
    """What can be seen, and a note for each thing that the shell's credentials may not look at.

    Args:
        proxy: of DescribeDBProxies.
        database: of DescribeDBInstances or DescribeDBClusters.
        proxy_port: where clients come in.
    """
    notes: list[str] = []
    free: tuple[tuple[str, int], ...] = ()
    clients: bool | None = None
    reaches: bool | None = None
    readable: bool | None = None
    ec2 = boto3.client("ec2")
    try:
        subnets = ec2.describe_subnets(SubnetIds=proxy["VpcSubnetIds"])["Subnets"]
        free = tuple((each["SubnetId"], each["AvailableIpAddressCount"]) for each in subnets)
    except AwsErrors as error:
        notes.append(f"free addresses not seen: {reason(error)}")
    own = set(proxy.get("VpcSecurityGroupIds") or [])
    others = {each["VpcSecurityGroupId"] for each in database.get("VpcSecurityGroups") or []}
    try:
        found = ec2.describe_security_groups(GroupIds=sorted(own | others))["SecurityGroups"]
        clients = admits([each for each in found if each["GroupId"] in own], proxy_port)
        reaches = admits([each for each in found if each["GroupId"] in others], _port(database), own)
    except AwsErrors as error:
        notes.append(f"security groups not seen: {reason(error)}")
    secrets = [each["SecretArn"] for each in proxy.get("Auth") or [] if each.get("SecretArn")]
    if secrets:
        try:
            answer = boto3.client("iam").simulate_principal_policy(
                PolicySourceArn=proxy["RoleArn"],
                ActionNames=["secretsmanager:GetSecretValue"],
                ResourceArns=secrets,
            )
            readable = all(each["EvalDecision"] == "allowed" for each in answer["EvaluationResults"])
        except AwsErrors as error:
            notes.append(f"whether the proxy may read its secret not seen: {reason(error)}")
    return (
        Surroundings(
            free_addresses=free,
            clients_reach_proxy=clients,
            proxy_reaches_database=reaches,
            secret_readable=readable,
        ),
        notes,
    )


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
