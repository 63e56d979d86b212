"""AWS as it was recorded: real clients whose calls are answered from here, each answer held against AWS's own model.

What is not answered here goes on to moto, where a test has it.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.validate import validate_parameters

from lambda_rds_proxy.preflight.needs import Needs
from lambda_rds_proxy.preflight.permissions import simulations
from tests.components.declared import ACCOUNT, REGION
from tests.components.preflight.samples import LOGS, OWNER, PUBLISH, SUBNETS, policy

Answer = Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any] | str] | str
"""What is answered, or made of the parameters; a text is the code of an error, and its message."""


@dataclass
class Recorded:
    """An account: operation → answer. `asked` has every call with its parameters."""

    answers: dict[str, Answer]
    goes_on: bool = False
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def session(self) -> Any:
        """One whose clients ask this account from now on."""
        _SESSION.account = self
        return _SESSION

    def session_before_moto(self) -> Any:
        """One of its own, whose clients were made when moto was there."""
        session = _Session()
        session.account = self
        return session

    def answer(self, model: Any, context: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        with self._lock:
            self.asked.append((model.name, context["asked"]))
        answer = self.answers.get(model.name, None if self.goes_on else "NotRecorded")
        if answer is None:
            return None
        if callable(answer):
            answer = answer(context["asked"])
        if isinstance(answer, str):
            metadata = {"HTTPStatusCode": 400}
            code, *rest = answer.split(": ", 1)
            refusal: dict[str, Any] = {
                "Error": {"Code": code, "Message": rest[0] if rest else "recorded"},
                "ResponseMetadata": metadata,
            }
            return AWSResponse("https://recorded", 400, {}, None), refusal
        # As botocore's Stubber does.
        validate_parameters(answer, model.output_shape)
        return AWSResponse("https://recorded", 200, {}, None), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}


class _Session:
    """Clients are made once for all tests, which takes longest; they ask the account of the test that runs."""

    account: Recorded

    def __init__(self) -> None:
        self._session = boto3.Session("fake", "fake", region_name=REGION)
        self._session.events.register("provide-client-params", self._parameters)
        self._session.events.register("before-call", lambda **known: self.account.answer(**known))
        self._clients: dict[str, Any] = {}

    def client(self, service: str, **settings: Any) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service, **settings)
        return self._clients[service]

    def _parameters(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["asked"] = params


_SESSION = _Session()


def simulated(decision: str) -> Callable[[dict[str, Any]], Mapping[str, Any]]:
    """Every action on every resource, as IAM answers."""

    def answer(asked: dict[str, Any]) -> Mapping[str, Any]:
        pairs = ((action, resource) for action in asked["ActionNames"] for resource in asked["ResourceArns"])
        results = [
            {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision}
            for action, resource in pairs
        ]
        return {"EvaluationResults": results, "IsTruncated": False}

    return answer


def option(zone: str = "ab", **more: Any) -> dict[str, Any]:
    """A class that can be ordered, as of DescribeOrderableDBInstanceOptions."""
    return {
        "StorageType": "gp3",
        "AvailabilityZones": [{"Name": f"{REGION}{each}"} for each in zone],
        "MultiAZCapable": True,
        "SupportsStorageEncryption": True,
        "SupportsIAMDatabaseAuthentication": True,
        "SupportsPerformanceInsights": True,
        "MinStorageSize": 20,
        "MaxStorageSize": 65_536,
        **more,
    }


def proxies(count: int, *, of_database: int = 0, percent: int = 40) -> dict[str, Answer]:
    """So many proxies in the VPC; the first ones in front of orders-db."""
    names = [f"proxy-{number}" for number in range(count)]

    def targets(asked: dict[str, Any]) -> Mapping[str, Any]:
        theirs = "orders-db" if names.index(asked["DBProxyName"]) < of_database else "other-db"
        return {"Targets": [{"RdsResourceId": theirs, "Type": "RDS_INSTANCE"}]}

    pool = {"ConnectionPoolConfig": {"MaxConnectionsPercent": percent}}
    return {
        "DescribeDBProxies": {"DBProxies": [{"DBProxyName": each, "VpcId": "vpc-1"} for each in names]},
        "DescribeDBProxyTargets": targets,
        "DescribeDBProxyTargetGroups": {"TargetGroups": [pool]},
    }


def parameter(name: str) -> dict[str, Any]:
    return {"ParameterName": name, "IsModifiable": True, "AllowedValues": "0,1", "ApplyType": "dynamic"}


def good(of: Needs) -> dict[str, Answer]:
    """An account in which this stack can be made, as AWS tells it."""
    database = of.database
    versions = [f"{database.version}.6", f"{database.version}.7"] if database and not database.version_in_full else []
    versions += [database.version] if database and database.version_in_full else []
    names = [parameter(each) for each in (database.parameters if database else ())]
    routes = {
        "Associations": [{"Main": True}],
        "Routes": [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"}],
    }
    quotas = ("DBInstances", "DBClusters", "DBSubnetGroups", "DBParameterGroups", "DBClusterParameterGroups")
    key = {"KeyId": "1", "KeyState": "Enabled", "KeyManager": "CUSTOMER", "KeySpec": "SYMMETRIC_DEFAULT"}

    def engine_versions(asked: dict[str, Any]) -> Mapping[str, Any]:
        found = versions[:1] if asked.get("DefaultOnly") else versions
        return {"DBEngineVersions": [{"EngineVersion": each, "Status": "available"} for each in found]}

    def attribute(asked: dict[str, Any]) -> Mapping[str, Any]:
        name = asked["Attribute"]
        return {name[0].upper() + name[1:]: {"Value": True}}

    return {
        "GetCallerIdentity": {"Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/pulumi"},
        "GetRole": _role,
        "SimulatePrincipalPolicy": simulated("allowed"),
        "GetAccountSettings": {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}},
        "DescribeAccountAttributes": {
            "AccountQuotas": [
                {"AccountQuotaName": each, "Used": 3, "Max": 40} for each in (*quotas, "EventSubscriptions")
            ]
            + [{"AccountQuotaName": "AllocatedStorage", "Used": 60, "Max": 100_000}]
        },
        # Of what nobody raised Service Quotas may tell nothing.
        "GetServiceQuota": "NoSuchResourceException",
        "DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-1", "InstanceTenancy": "default"}]},
        "DescribeNetworkInterfaces": {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}]},
        **proxies(2),
        "DescribeDBEngineVersions": engine_versions,
        "DescribeOrderableDBInstanceOptions": {"OrderableDBInstanceOptions": [option()]},
        "DescribeEngineDefaultParameters": {"EngineDefaults": {"Parameters": names}},
        "DescribeEngineDefaultClusterParameters": {"EngineDefaults": {"Parameters": names}},
        "DescribeDBSnapshots": {
            "DBSnapshots": [
                {"Engine": "postgres", "Status": "available", "Encrypted": True, "KmsKeyId": of.data_key or ""}
            ]
        },
        "DescribeAvailabilityZones": {
            "AvailabilityZones": [{"ZoneName": f"{REGION}{each}", "ZoneId": f"euw1-az-{each}"} for each in "abc"]
        },
        "DescribeSubnets": {
            "Subnets": [
                {
                    "SubnetId": each,
                    "VpcId": "vpc-1",
                    "AvailabilityZone": f"{REGION}{zone}",
                    "AvailabilityZoneId": f"euw1-az-{zone}",
                    "AvailableIpAddressCount": 200,
                }
                for each, zone in zip(SUBNETS, "ab", strict=True)
            ]
        },
        "DescribeVpcAttribute": attribute,
        "DescribeVpcEndpoints": {
            "VpcEndpoints": [
                {
                    "VpcEndpointId": "vpce-1",
                    "State": "available",
                    "PrivateDnsEnabled": True,
                    "ServiceName": f"com.amazonaws.{REGION}.secretsmanager",
                    "Groups": [{"GroupId": "sg-0e"}],
                }
            ]
        },
        "DescribeRouteTables": {"RouteTables": [routes]},
        "DescribeKey": lambda asked: {"KeyMetadata": {**key, "Arn": asked["KeyId"]}},
        "GetKeyPolicy": {"Policy": policy(OWNER, LOGS)},
        "GetTopicAttributes": {"Attributes": {"Policy": policy(PUBLISH)}},
        "GetApplication": {"Name": "rotation", "Author": "AWS", "Description": "-", "ApplicationId": "-"},
        "DescribeLogGroups": {"logGroups": [{"logGroupName": "/aws/lambda/of-others"}]},
        "GetFunctionConfiguration": "ResourceNotFoundException",
        "DescribeStacks": "ValidationError",
    }


def _role(asked: dict[str, Any]) -> Mapping[str, Any] | str:
    name = asked["RoleName"]
    if name not in ("deploy", "AWSServiceRoleForRDS"):
        return "NoSuchEntity"
    return {
        "Role": {
            "Path": "/ci/",
            "RoleName": name,
            "RoleId": "AROAEXAMPLEEXAMPLE",
            "Arn": f"arn:aws:iam::{ACCOUNT}:role/ci/{name}",
            "CreateDate": "2026-01-01T00:00:00Z",
        }
    }


def requests(of: Needs) -> Iterator[tuple[str, str]]:
    """Every pair of action and resource that is simulated for a stack."""
    for each in simulations(of, account=ACCOUNT, partition="aws"):
        for request in each.requests:
            for action in request.actions:
                yield action, request.resource
