"""Outputs of recorded resources: ids and ARNs in AWS's shapes, always the same for the same resource."""

import hashlib
import json
from typing import Any

from . import ACCOUNT
from .properties import Properties
from .resource_types import ResourceType

_ZONE_LETTERS = "abc"


def digest(*parts: str, length: int = 17) -> str:
    """Hex digits that the same parts always get."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


def outputs(token: str, urn: str, inputs: Properties, row: ResourceType, region: str) -> tuple[str, Properties]:
    """(id, outputs) of a recorded resource, beside its inputs."""
    # A replacement stands beside what it replaces, so what forces one is part of the id.
    forced = json.dumps({key: inputs[key] for key in sorted(row.force_new) if key in inputs}, sort_keys=True)
    unique = digest(urn, forced)
    name = str(inputs.get(row.name, "")) if row.name else ""
    identifier = f"{row.prefix}-{unique}" if row.prefix else name or unique
    extra: Properties = {}

    def arn(service: str, resource: str, *, global_service: bool = False) -> str:
        return f"arn:aws:{service}:{'' if global_service else region}:{ACCOUNT}:{resource}"

    match token:
        case "aws:ec2/vpc:Vpc":
            extra = {
                "arn": arn("ec2", f"vpc/{identifier}"),
                "ownerId": ACCOUNT,
                "mainRouteTableId": f"rtb-{unique}",
                "defaultRouteTableId": f"rtb-{unique}",
                "defaultSecurityGroupId": f"sg-{unique}",
                "defaultNetworkAclId": f"acl-{unique}",
                "dhcpOptionsId": f"dopt-{unique}",
            }
        case "aws:ec2/subnet:Subnet":
            zone = str(inputs.get("availabilityZone", f"{region}a"))
            number = _ZONE_LETTERS.find(zone[-1]) + 1
            extra = {
                "arn": arn("ec2", f"subnet/{identifier}"),
                "ownerId": ACCOUNT,
                "availabilityZone": zone,
                "availabilityZoneId": f"euw1-az{number}",
            }
        case "aws:ec2/routeTable:RouteTable":
            extra = {"arn": arn("ec2", f"route-table/{identifier}"), "ownerId": ACCOUNT}
        case "aws:ec2/securityGroup:SecurityGroup":
            extra = {"arn": arn("ec2", f"security-group/{identifier}"), "ownerId": ACCOUNT}
        case (
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
            | "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
        ):
            extra = {
                "arn": arn("ec2", f"security-group-rule/{identifier}"),
                "securityGroupRuleId": identifier,
            }
        case "aws:ec2/vpcEndpoint:VpcEndpoint":
            extra = {"arn": arn("ec2", f"vpc-endpoint/{identifier}"), "state": "available", "ownerId": ACCOUNT}
        case "aws:iam/role:Role":
            extra = {
                "arn": arn("iam", f"role{inputs.get('path', '/')}{name}", global_service=True),
                "uniqueId": "AROA" + unique.upper()[:17],
            }
        case "aws:iam/rolePolicy:RolePolicy":
            identifier = f"{inputs.get('role')}:{name}"
        case "aws:iam/rolePolicyAttachment:RolePolicyAttachment":
            identifier = f"{inputs.get('role')}/{inputs.get('policyArn')}"
        case "aws:cloudwatch/logGroup:LogGroup":
            extra = {"arn": arn("logs", f"log-group:{name}")}
        case "aws:cloudwatch/metricAlarm:MetricAlarm":
            extra = {"arn": arn("cloudwatch", f"alarm:{name}")}
        case "aws:cloudwatch/compositeAlarm:CompositeAlarm":
            identifier = str(inputs.get("alarmName"))
            extra = {"arn": arn("cloudwatch", f"alarm:{identifier}")}
        case "aws:cloudwatch/dashboard:Dashboard":
            identifier = str(inputs.get("dashboardName"))
            extra = {"dashboardArn": arn("cloudwatch", f"dashboard/{identifier}", global_service=True)}
        case "aws:sns/topic:Topic":
            identifier = arn("sns", name)
            extra = {"arn": identifier, "owner": ACCOUNT}
        case "aws:rds/subnetGroup:SubnetGroup":
            extra = {"arn": arn("rds", f"subgrp:{name}")}  # whose VPC it is only the subnets' own stack knows
        case "aws:rds/eventSubscription:EventSubscription":
            extra = {"arn": arn("rds", f"es:{name}"), "customerAwsId": ACCOUNT}
        case "aws:rds/parameterGroup:ParameterGroup":
            extra = {"arn": arn("rds", f"pg:{name}")}
        case "aws:rds/clusterParameterGroup:ClusterParameterGroup":
            extra = {"arn": arn("rds", f"cluster-pg:{name}")}
        case "aws:rds/cluster:Cluster":
            extra = _cluster(name, unique, inputs, region, arn("rds", f"cluster:{name}"))
        case "aws:rds/clusterInstance:ClusterInstance":
            extra = {
                "arn": arn("rds", f"db:{name}"),
                "endpoint": f"{name}.{_account_hash(region)}.{region}.rds.amazonaws.com",
                "port": 3306 if "mysql" in str(inputs.get("engine")) else 5432,
                "dbiResourceId": f"db-{unique.upper()}",
                "writer": name.endswith("0"),
            }
        case "aws:rds/proxyEndpoint:ProxyEndpoint":
            endpoint_name = inputs.get("dbProxyEndpointName")
            identifier = f"{inputs.get('dbProxyName')}/{endpoint_name}"
            extra = {
                "arn": arn("rds", f"db-proxy-endpoint:prx-endpoint-{unique}"),
                "endpoint": f"{endpoint_name}.endpoint.proxy-{_account_hash(region)}.{region}.rds.amazonaws.com",
                "isDefault": False,
            }
        case _:
            service = token.split(":")[1].split("/")[0]
            extra = {"arn": arn(service, f"{token.rsplit(':', 1)[1].lower()}/{identifier}")}
    return identifier, extra


def _cluster(name: str, unique: str, inputs: Properties, region: str, arn: str) -> Properties:
    mysql = "mysql" in str(inputs.get("engine"))
    extra: dict[str, Any] = {
        "arn": arn,
        "endpoint": f"{name}.cluster-{_account_hash(region)}.{region}.rds.amazonaws.com",
        "readerEndpoint": f"{name}.cluster-ro-{_account_hash(region)}.{region}.rds.amazonaws.com",
        "port": inputs.get("port", 3306 if mysql else 5432),
        "clusterResourceId": f"cluster-{unique.upper()}",
        "engineVersionActual": inputs.get("engineVersion"),
        "hostedZoneId": "Z1TTGA775OQIYO",
    }
    if inputs.get("manageMasterUserPassword"):
        secret = f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:rds!cluster-{digest(name, 'secret')}-AbCdEf"
        extra["masterUserSecrets"] = [{"secretArn": secret, "secretStatus": "active", "kmsKeyId": ""}]
    return extra


def _account_hash(region: str) -> str:
    """RDS names all endpoints of an account in a region with the same 12 characters."""
    return digest("account", ACCOUNT, region, length=12)
