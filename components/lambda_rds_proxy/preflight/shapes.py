"""AWS's answers, as its API shapes them (botocore's service models), as the facts that are judged. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .account import Concurrency, Decision, Key, Offer, Parameter, Quota, Snapshot, Versions
from .needs import NewDatabase
from .network import ZONES_WITHOUT_PROXY, Endpoint, RouteTable, Subnet, Vpc
from .permissions import Simulation

Shape = Mapping[str, Any]


def decisions(results: Sequence[Shape], simulation: Simulation) -> Iterator[Decision]:
    """EvaluationResults of SimulatePrincipalPolicy: those of the pairs that were asked for."""
    for result in results:
        for each in result.get("ResourceSpecificResults") or [result]:
            resource = str(each.get("EvalResourceName", "*"))
            if simulation.asks(result["EvalActionName"], resource):
                organization, boundary = (
                    each.get(f"{whose}DecisionDetail") or result.get(f"{whose}DecisionDetail") or {}
                    for whose in ("Organizations", "PermissionsBoundary")
                )
                yield Decision(
                    action=result["EvalActionName"],
                    resource=resource,
                    decision=each.get("EvalResourceDecision") or each["EvalDecision"],
                    by_organization=organization.get("AllowedByOrganizations") is False,
                    by_boundary=boundary.get("AllowedByPermissionsBoundary") is False,
                )


def concurrency(answer: Shape) -> Concurrency:
    """GetAccountSettings."""
    limit = answer["AccountLimit"]
    return Concurrency(limit=limit["ConcurrentExecutions"], unreserved=limit["UnreservedConcurrentExecutions"])


def rds_quotas(answer: Shape) -> dict[str, Quota]:
    """DescribeAccountAttributes."""
    return {each["AccountQuotaName"]: Quota(used=each["Used"], most=each["Max"]) for each in answer["AccountQuotas"]}


def by_number(version: str) -> list[tuple[bool, int, str]]:
    """What versions are sorted by: 17.10 comes after 17.9."""
    parts = version.replace("-", ".").split(".")
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def versions(described: Sequence[Shape], database: NewDatabase, default: Shape | None = None) -> Versions:
    """DBEngineVersions of a family, and what AWS says is the default of the version that is asked for."""
    offered = sorted((str(each["EngineVersion"]) for each in described), key=by_number)
    fit = [each for each in offered if each == database.version or each.startswith(f"{database.version}.")]
    told = [str(each["EngineVersion"]) for each in (default or {}).get("DBEngineVersions", [])]
    deprecated = (str(each["EngineVersion"]) for each in described if each.get("Status") == "deprecated")
    return Versions(
        offered=tuple(offered), chosen=next(iter([*told, *fit[::-1]]), None), deprecated=frozenset(deprecated)
    )


def offer(option: Shape) -> Offer:
    """OrderableDBInstanceOption."""
    return Offer(
        zones=tuple(zone["Name"] for zone in option.get("AvailabilityZones", [])),
        storage_type=option.get("StorageType", ""),
        least_gib=option.get("MinStorageSize"),
        most_gib=option.get("MaxStorageSize"),
        multi_az=option.get("MultiAZCapable", False),
        iam_authentication=option.get("SupportsIAMDatabaseAuthentication", False),
        performance_insights=option.get("SupportsPerformanceInsights", False),
        encryption=option.get("SupportsStorageEncryption", False),
    )


def parameters(described: Sequence[Shape]) -> dict[str, Parameter]:
    """Parameters of EngineDefaults."""
    return {
        each["ParameterName"]: Parameter(
            is_modifiable=each.get("IsModifiable", False), allowed_values=each.get("AllowedValues")
        )
        for each in described
    }


def snapshot(described: Shape) -> Snapshot:
    """DBSnapshot or DBClusterSnapshot, which have a name for encryption each."""
    return Snapshot(
        rds_engine=described["Engine"],
        status=described["Status"],
        encrypted=bool(described.get("Encrypted") or described.get("StorageEncrypted")),
        key=described.get("KmsKeyId"),
        storage_gib=described.get("AllocatedStorage", 0),
    )


def zones(described: Sequence[Shape]) -> tuple[str, ...]:
    """DescribeAvailabilityZones: names of those that RDS Proxy can be used in."""
    return tuple(sorted(each["ZoneName"] for each in described if each["ZoneId"] not in ZONES_WITHOUT_PROXY))


def vpc(described: Shape, support: Shape, hostnames: Shape) -> Vpc:
    """A VPC, and two answers of DescribeVpcAttribute."""
    return Vpc(
        vpc_id=described["VpcId"],
        dns_support=bool(support["EnableDnsSupport"]["Value"]),
        dns_hostnames=bool(hostnames["EnableDnsHostnames"]["Value"]),
        tenancy=described.get("InstanceTenancy", "default"),
    )


def subnet(described: Shape) -> Subnet:
    """A subnet."""
    return Subnet(
        subnet_id=described["SubnetId"],
        vpc_id=described["VpcId"],
        zone_id=described["AvailabilityZoneId"],
        free_addresses=described["AvailableIpAddressCount"],
        zone=described["AvailabilityZone"],
    )


def endpoints(described: Sequence[Shape], region: str) -> tuple[Endpoint, ...]:
    """DescribeVpcEndpoints: those of Secrets Manager."""
    return tuple(
        Endpoint(
            endpoint_id=each["VpcEndpointId"],
            state=each.get("State", ""),
            private_dns=bool(each.get("PrivateDnsEnabled")),
            groups=tuple(group["GroupId"] for group in each.get("Groups") or []),
        )
        for each in described
        if each["ServiceName"].endswith(f".{region}.secretsmanager")
    )


def route_table(described: Shape) -> RouteTable:
    """A route table: where what it has no other route for goes."""
    associations = described.get("Associations") or []
    default: Shape = next(
        (each for each in described["Routes"] if each.get("DestinationCidrBlock") == "0.0.0.0/0"),
        {},
    )
    leads = default.get("State") != "blackhole"
    targets = [str(value) for key, value in sorted(default.items()) if key.endswith("Id") and leads]
    return RouteTable(
        subnet_ids=tuple(each["SubnetId"] for each in associations if "SubnetId" in each),
        is_main=any(each.get("Main") for each in associations),
        default_target=targets[0] if targets else None,
    )


def key(answer: Shape) -> Key:
    """DescribeKey."""
    said = answer["KeyMetadata"]
    return Key(
        arn=said["Arn"],
        state=said["KeyState"],
        manager=said["KeyManager"],
        spec=said.get("KeySpec", "SYMMETRIC_DEFAULT"),
    )


def is_target(described: Sequence[Shape], database: str) -> bool:
    """Whether a database, or the cluster of an instance, is among a proxy's targets."""
    return any(database in (each.get("RdsResourceId"), each.get("TrackedClusterId")) for each in described)
