"""What of a stack is there already, out of its state: what is its own is taken by nobody else, and counted by AWS."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .needs import Deployed

# Type → what its names are called, and which output has them.
_NAMES = {
    "aws:cloudwatch/logGroup:LogGroup": ("log group", "name"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("endpoint", "id"),
    "aws:lambda/function:Function": ("function", "name"),
    "aws:rds/cluster:Cluster": ("database", "clusterIdentifier"),
    "aws:rds/clusterInstance:ClusterInstance": ("database", "identifier"),
    "aws:rds/instance:Instance": ("database", "identifier"),
    "aws:rds/proxy:Proxy": ("proxy", "name"),
    "aws:serverlessrepository/cloudFormationStack:CloudFormationStack": ("CloudFormation stack", "name"),
}
_COUNTS = {
    "aws:ec2/vpc:Vpc": "VPCs",
    "aws:rds/cluster:Cluster": "DBClusters",
    "aws:rds/clusterInstance:ClusterInstance": "DBInstances",
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": "DBClusterParameterGroups",
    "aws:rds/eventSubscription:EventSubscription": "EventSubscriptions",
    "aws:rds/instance:Instance": "DBInstances",
    "aws:rds/parameterGroup:ParameterGroup": "DBParameterGroups",
    "aws:rds/proxy:Proxy": "proxies",
    "aws:rds/subnetGroup:SubnetGroup": "DBSubnetGroups",
}
_DATABASES = ("aws:rds/cluster:Cluster", "aws:rds/instance:Instance")


def deployed(resources: Sequence[Mapping[str, Any]], *, name: str, addresses: int) -> Deployed:
    """What a state says.

    Args:
        resources: of `pulumi stack export`.
        name: the logical name of the ServerlessDatabase, which its database has as well.
        addresses: how many network interfaces the stack has once its proxy is there.
    """
    names: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    reserved, database = 0, None
    for each in resources:
        kind, outputs = str(each.get("type")), each.get("outputs") or {}
        if kind in _NAMES:
            called, field = _NAMES[kind]
            said = outputs.get(field)
            if isinstance(said, str):
                prefixed = f"serverlessrepo-{said}" if called == "CloudFormation stack" else said
                names.setdefault(called, set()).add(prefixed)
        if kind in _COUNTS:
            counts[_COUNTS[kind]] += 1
        storage = outputs.get("allocatedStorage") if kind == "aws:rds/instance:Instance" else None
        counts["AllocatedStorage"] += int(storage) if isinstance(storage, int | float) else 0
        concurrency = outputs.get("reservedConcurrentExecutions")
        reserved += int(concurrency) if isinstance(concurrency, int | float) and concurrency > 0 else 0
        if kind in _DATABASES and str(each.get("urn", "")).endswith(f"::{name}"):
            said = outputs.get(_NAMES[kind][1])
            database = said if isinstance(said, str) else None
    if names.get("proxy"):
        counts["network interfaces"] = addresses
    return Deployed(
        names={kind: frozenset(found) for kind, found in names.items()},
        counts=dict(counts),
        reserved_concurrency=reserved,
        database=database,
    )
