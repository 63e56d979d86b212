"""The types the project uses, one row each: automatic name, arguments that force a replacement, provider defaults.

Sources: terraform-provider-aws's documentation as it stands in the docstrings of pulumi_aws 7.51.1, and what is known
of that provider's schema, which cannot be had offline. A type without a row is recorded too: its arguments are checked
and it is named automatically; what would force a replacement there is not known, so it is updated in place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .arguments import arguments, computed_names


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One row: `name` is the argument that is named automatically, `lower` whether AWS lower-cases it."""

    name: str | None = None
    name_length: int = 64
    lower: bool = False
    prefix: str | None = None
    force_new: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    nested_defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def _row(**values: Any) -> ResourceType:  # noqa: ANN401 - the fields above
    return ResourceType(**{**values, "force_new": frozenset(values.get("force_new", ()))})


TYPES: Mapping[str, ResourceType] = {
    "aws:ec2/vpc:Vpc": _row(
        prefix="vpc",
        force_new=["cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength"],
        defaults={"instanceTenancy": "default"},
    ),
    "aws:ec2/subnet:Subnet": _row(
        prefix="subnet",
        force_new=["vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "ipv6Native", "outpostArn"],
        defaults={"mapPublicIpOnLaunch": False},
    ),
    "aws:ec2/routeTable:RouteTable": _row(prefix="rtb", force_new=["vpcId"]),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _row(prefix="rtbassoc", force_new=["subnetId", "gatewayId"]),
    "aws:ec2/securityGroup:SecurityGroup": _row(
        prefix="sg",
        name="name",
        name_length=255,
        force_new=["name", "namePrefix", "description", "vpcId"],
        defaults={"description": "Managed by Pulumi", "revokeRulesOnDelete": False},
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _row(prefix="sgr", force_new=["securityGroupId"]),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _row(prefix="sgr", force_new=["securityGroupId"]),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _row(
        prefix="vpce",
        force_new=["vpcId", "serviceName", "vpcEndpointType"],
        defaults={"vpcEndpointType": "Gateway"},
    ),
    "aws:iam/role:Role": _row(
        name="name",
        name_length=64,
        force_new=["name", "namePrefix", "path"],
        defaults={"path": "/", "maxSessionDuration": 3600, "forceDetachPolicies": False},
    ),
    "aws:iam/rolePolicy:RolePolicy": _row(name="name", name_length=128, force_new=["name", "namePrefix", "role"]),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _row(force_new=["role", "policyArn"]),
    "aws:cloudwatch/logGroup:LogGroup": _row(
        name="name",
        name_length=512,
        force_new=["name", "namePrefix", "logGroupClass"],
        defaults={"retentionInDays": 0, "skipDestroy": False},
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _row(name="name", name_length=255, force_new=["name"]),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _row(
        force_new=["alarmName", "actionsEnabled"], defaults={"actionsEnabled": True}
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": _row(
        name="name", name_length=512, force_new=["name", "logGroupName"]
    ),
    "aws:cloudwatch/dashboard:Dashboard": _row(force_new=["dashboardName"]),
    "aws:sns/topic:Topic": _row(name="name", name_length=256, force_new=["name", "namePrefix", "fifoTopic"]),
    "aws:rds/eventSubscription:EventSubscription": _row(name="name", name_length=255, force_new=["name", "namePrefix"]),
    "aws:rds/subnetGroup:SubnetGroup": _row(
        name="name",
        name_length=255,
        lower=True,
        force_new=["name", "namePrefix"],
        defaults={"description": "Managed by Pulumi"},
    ),
    "aws:rds/parameterGroup:ParameterGroup": _row(
        name="name",
        name_length=255,
        lower=True,
        force_new=["name", "namePrefix", "family", "description"],
        defaults={"description": "Managed by Pulumi", "skipDestroy": False},
    ),
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": _row(
        name="name",
        name_length=255,
        lower=True,
        force_new=["name", "namePrefix", "family", "description"],
        defaults={"description": "Managed by Pulumi"},
    ),
    "aws:rds/instance:Instance": _row(
        name="identifier",
        name_length=63,
        lower=True,
        force_new=[
            "engine",
            "username",
            "dbName",
            "storageEncrypted",
            "kmsKeyId",
            "availabilityZone",
            "snapshotIdentifier",
            "characterSetName",
            "timezone",
            "ncharCharacterSetName",
            "backupTarget",
            "restoreToPointInTime",
            "s3Import",
        ],
        defaults={
            "applyImmediately": False,
            "autoMinorVersionUpgrade": True,
            "copyTagsToSnapshot": False,
            "deleteAutomatedBackups": True,
            "monitoringInterval": 0,
            "publiclyAccessible": False,
            "skipFinalSnapshot": False,
        },
    ),
    "aws:rds/cluster:Cluster": _row(
        name="clusterIdentifier",
        name_length=63,
        lower=True,
        force_new=[
            "clusterIdentifier",
            "clusterIdentifierPrefix",
            "engine",
            "databaseName",
            "masterUsername",
            "storageEncrypted",
            "dbSubnetGroupName",
            "snapshotIdentifier",
            "kmsKeyId",
        ],
        defaults={"engineMode": "provisioned", "skipFinalSnapshot": False},
    ),
    "aws:rds/clusterInstance:ClusterInstance": _row(
        name="identifier",
        name_length=63,
        lower=True,
        force_new=["identifier", "identifierPrefix", "clusterIdentifier", "engine", "dbSubnetGroupName"],
        defaults={"autoMinorVersionUpgrade": True, "promotionTier": 0},
    ),
    "aws:rds/proxy:Proxy": _row(
        name="name",
        name_length=63,
        force_new=["engineFamily", "vpcSubnetIds", "endpointNetworkType", "targetConnectionNetworkType"],
    ),
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": _row(
        force_new=["dbProxyName"],
        nested_defaults={
            "connectionPoolConfig": {
                "maxConnectionsPercent": 100,
                "maxIdleConnectionsPercent": 50,
                "connectionBorrowTimeout": 120,
            }
        },
    ),
    "aws:rds/proxyTarget:ProxyTarget": _row(
        force_new=["dbProxyName", "targetGroupName", "dbInstanceIdentifier", "dbClusterIdentifier"]
    ),
    "aws:rds/proxyEndpoint:ProxyEndpoint": _row(
        force_new=["dbProxyEndpointName", "dbProxyName", "vpcSubnetIds", "targetRole"],
        defaults={"targetRole": "READ_WRITE"},
    ),
    "aws:secretsmanager/secret:Secret": _row(
        name="name",
        name_length=512,
        force_new=["name", "namePrefix"],
        defaults={"recoveryWindowInDays": 30, "forceOverwriteReplicaSecret": False},
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": _row(
        force_new=["secretId", "secretString", "secretBinary", "secretStringWoVersion"]
    ),
    "aws:secretsmanager/secretRotation:SecretRotation": _row(force_new=["secretId"]),
    "aws:serverlessrepository/cloudFormationStack:CloudFormationStack": _row(
        name="name",
        name_length=64,
        force_new=["name"],
    ),
    "aws:lambda/function:Function": _row(
        name="name",
        name_length=64,
        force_new=["name", "packageType"],
        defaults={"memorySize": 128, "timeout": 3, "packageType": "Zip", "publish": False, "skipDestroy": False},
    ),
    "aws:lambda/invocation:Invocation": _row(
        force_new=["functionName", "input", "qualifier", "triggers"],
        defaults={"lifecycleScope": "CREATE_ONLY", "qualifier": "$LATEST", "terraformKey": "tf"},
    ),
    "aws:lambda/permission:Permission": _row(
        name="statementId",
        name_length=100,
        force_new=[
            "action",
            "function",
            "principal",
            "principalOrgId",
            "qualifier",
            "sourceAccount",
            "sourceArn",
            "eventSourceToken",
            "functionUrlAuthType",
            "statementId",
            "statementIdPrefix",
        ],
    ),
}


def resource_type(token: str) -> ResourceType:
    """The row of a type, or the row of a type that has none: Pulumi names whatever takes an optional `name`.

    Raises:
        UnknownTypeError: pulumi_aws has no such type.
    """
    if token in TYPES:
        return TYPES[token]
    known = arguments(token)
    named = "name" in known.kinds.keys() - known.required and "name" in computed_names(token)
    return ResourceType(name="name" if named else None, name_length=255)
