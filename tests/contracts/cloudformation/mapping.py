"""What the program registers, as CloudFormation says it: one table, so that AWS's own schemas can judge it. Pure.

An argument becomes the property of its name (`cidrBlock` → `CidrBlock`) unless its type's row says otherwise.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

Json = Any  # what JSON can hold
Convert = Callable[[Json], Json]
# A property under another name; or one whose value has another form as well.
Property = str | tuple[str, Convert]


class Resource(Protocol):
    """What is read of a registered resource."""

    @property
    def type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def inputs(self) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A Pulumi type in CloudFormation.

    `of_another` says what a row is part of, where CloudFormation has no type of its own for it.
    """

    type: str
    properties: Mapping[str, Property]
    without: Mapping[str, str]
    """Arguments that have no property → why."""
    automatic: Mapping[str, str]
    """Properties that the provider fills in when they are not said → their text; `{name}` is the logical name."""
    outputs: Mapping[str, tuple[str, str]]
    """What AWS answers → attribute (`Ref` too) and example. `{id}` is unique in it."""
    of_another: str


_NONE: Mapping[str, Any] = {}
_PULUMIS_NAME = "{name}-1a2b3c4"


def _kind(
    type_: str,
    properties: Mapping[str, Property] = _NONE,
    *,
    without: Mapping[str, str] = _NONE,
    automatic: Mapping[str, str] = _NONE,
    outputs: Mapping[str, tuple[str, str]] = _NONE,
    of_another: str = "",
) -> Kind:
    return Kind(
        type=type_,
        properties=properties,
        without=without,
        automatic=automatic,
        outputs=outputs,
        of_another=of_another,
    )


def pascal(name: str) -> str:
    """`vpcId` → `VpcId`."""
    return name[:1].upper() + name[1:]


def _block(**names: Property) -> Convert:
    """A block, or a list of blocks, whose members have these names; the others are spelt alike."""

    def convert(value: Json) -> Json:
        if isinstance(value, list):
            return [convert(each) for each in value]
        return dict(_converted(key, each, names) for key, each in value.items())

    return convert


def _converted(argument: str, value: Json, properties: Mapping[str, Property]) -> tuple[str, Json]:
    found = properties.get(argument, pascal(argument))
    return (found, value) if isinstance(found, str) else (found[0], found[1](value))


def _pairs(key: str) -> Convert:
    return lambda value: [{key: name, "Value": text} for name, text in value.items()]


def _package(_: Json) -> Json:
    return {"S3Bucket": "packages-of-pulumi", "S3Key": "package.zip"}


def _parameters(value: Json) -> Json:
    # How each is applied is the provider's concern: CloudFormation has no word for it.
    return {each["name"]: each["value"] for each in value}


_TAGS: Property = ("Tags", _pairs("Key"))
_NO_WAITING = {"applyImmediately": "how an update is made; CloudFormation always applies at once"}
_FINAL_SNAPSHOT = {
    "skipFinalSnapshot": "the resource's DeletionPolicy",
    "finalSnapshotIdentifier": "CloudFormation names its final snapshots itself",
}
_MASTER_SECRET: dict[str, Property] = {
    "manageMasterUserPassword": "ManageMasterUserPassword",
    "masterUserSecretKmsKeyId": ("MasterUserSecret", lambda key: {"KmsKeyId": key}),
}
_RULE: dict[str, Property] = {"securityGroupId": "GroupId"}
_PARAMETER_GROUP: dict[str, Property] = {"parameters": ("Parameters", _parameters), "tags": _TAGS}
_ALARM: dict[str, Property] = {"okActions": "OKActions", "tags": _TAGS}

KINDS: Mapping[str, Kind] = {
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _kind("AWS::CloudWatch::CompositeAlarm", _ALARM),
    "aws:cloudwatch/dashboard:Dashboard": _kind("AWS::CloudWatch::Dashboard"),
    "aws:cloudwatch/logGroup:LogGroup": _kind(
        "AWS::Logs::LogGroup",
        {"name": "LogGroupName", "tags": _TAGS},
        outputs={"arn": ("Arn", "arn:{partition}:logs:{region}:{account}:log-group:{id}")},
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": _kind(
        "AWS::Logs::MetricFilter",
        {
            "name": "FilterName",
            "pattern": "FilterPattern",
            "metricTransformation": (
                "MetricTransformations",
                lambda one: [_block(name="MetricName", namespace="MetricNamespace", value="MetricValue")(one)],
            ),
        },
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _kind(
        "AWS::CloudWatch::Alarm",
        {
            **_ALARM,
            "name": "AlarmName",
            "dimensions": ("Dimensions", _pairs("Name")),
            "metricQueries": (
                "Metrics",
                _block(
                    metric=(
                        "MetricStat",
                        lambda stat: {
                            "Metric": {
                                "Namespace": stat["namespace"],
                                "MetricName": stat["metricName"],
                                "Dimensions": _pairs("Name")(stat["dimensions"]),
                            },
                            **_block()({key: each for key, each in stat.items() if key in ("period", "stat", "unit")}),
                        },
                    )
                ),
            ),
        },
        outputs={"arn": ("Arn", "arn:{partition}:cloudwatch:{region}:{account}:alarm:{id}")},
    ),
    "aws:ec2/flowLog:FlowLog": _kind(
        "AWS::EC2::FlowLog",
        {"vpcId": "ResourceId", "iamRoleArn": "DeliverLogsPermissionArn", "tags": _TAGS},
        automatic={"ResourceType": "VPC"},
    ),
    "aws:ec2/routeTable:RouteTable": _kind(
        "AWS::EC2::RouteTable", {"tags": _TAGS}, outputs={"id": ("Ref", "rtb-{id}")}
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _kind("AWS::EC2::SubnetRouteTableAssociation"),
    "aws:ec2/securityGroup:SecurityGroup": _kind(
        "AWS::EC2::SecurityGroup",
        {"description": "GroupDescription", "tags": _TAGS},
        automatic={"GroupName": _PULUMIS_NAME},
        outputs={
            "id": ("GroupId", "sg-{id}"),
            "arn": ("GroupId", "arn:{partition}:ec2:{region}:{account}:security-group/sg-{id}"),
        },
    ),
    "aws:ec2/subnet:Subnet": _kind("AWS::EC2::Subnet", {"tags": _TAGS}, outputs={"id": ("SubnetId", "subnet-{id}")}),
    "aws:ec2/vpc:Vpc": _kind("AWS::EC2::VPC", {"tags": _TAGS}, outputs={"id": ("VpcId", "vpc-{id}")}),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _kind(
        "AWS::EC2::VPCEndpoint", {"policy": ("PolicyDocument", json.loads), "tags": _TAGS}
    ),
    "aws:iam/role:Role": _kind(
        "AWS::IAM::Role",
        {"name": "RoleName", "assumeRolePolicy": ("AssumeRolePolicyDocument", json.loads), "tags": _TAGS},
        automatic={"RoleName": _PULUMIS_NAME},
        outputs={"arn": ("Arn", "arn:{partition}:iam::{account}:role/{id}"), "name": ("Ref", "role-{id}")},
    ),
    "aws:iam/rolePolicy:RolePolicy": _kind(
        "AWS::IAM::RolePolicy",
        {"name": "PolicyName", "role": "RoleName", "policy": ("PolicyDocument", json.loads)},
        automatic={"PolicyName": _PULUMIS_NAME},
    ),
    "aws:lambda/function:Function": _kind(
        "AWS::Lambda::Function",
        {"name": "FunctionName", "code": ("Code", _package), "tags": _TAGS}
        | {"environment": ("Environment", _block()), "vpcConfig": ("VpcConfig", _block())}
        | {"tracingConfig": ("TracingConfig", _block()), "ephemeralStorage": ("EphemeralStorage", _block())},
        without={"replaceSecurityGroupsOnDestroy": "what the provider does before it deletes the function"},
        outputs={"arn": ("Arn", "arn:{partition}:lambda:{region}:{account}:function:{id}")},
    ),
    "aws:rds/cluster:Cluster": _kind(
        "AWS::RDS::DBCluster",
        {
            **_MASTER_SECRET,
            "clusterIdentifier": "DBClusterIdentifier",
            "dbClusterParameterGroupName": "DBClusterParameterGroupName",
            "dbSubnetGroupName": "DBSubnetGroupName",
            "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
            "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
            "serverlessv2ScalingConfiguration": ("ServerlessV2ScalingConfiguration", _block()),
            "tags": _TAGS,
        },
        without=_NO_WAITING | _FINAL_SNAPSHOT,
        outputs={
            "endpoint": ("Endpoint.Address", "{id}.cluster-abcdefghijkl.{hosts}"),
            "clusterResourceId": ("DBClusterResourceId", "cluster-{ID}"),
            "masterUserSecrets[].secretArn": (
                "MasterUserSecret.SecretArn",
                "arn:{partition}:secretsmanager:{region}:{account}:secret:rds!cluster-{id}-AbCdEf",
            ),
            "id": ("Ref", "cluster-{id}"),
        },
    ),
    "aws:rds/clusterInstance:ClusterInstance": _kind(
        "AWS::RDS::DBInstance",
        {
            "clusterIdentifier": "DBClusterIdentifier",
            "dbSubnetGroupName": "DBSubnetGroupName",
            "identifier": "DBInstanceIdentifier",
            "instanceClass": "DBInstanceClass",
            "performanceInsightsEnabled": "EnablePerformanceInsights",
            "performanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
            "tags": _TAGS,
        },
        without=_NO_WAITING,
        automatic={"DBInstanceIdentifier": _PULUMIS_NAME},
    ),
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": _kind(
        "AWS::RDS::DBClusterParameterGroup",
        {"name": "DBClusterParameterGroupName", **_PARAMETER_GROUP},
        automatic={"DBClusterParameterGroupName": _PULUMIS_NAME},
        outputs={"name": ("Ref", "parameters-{id}")},
    ),
    "aws:rds/eventSubscription:EventSubscription": _kind(
        "AWS::RDS::EventSubscription", {"name": "SubscriptionName", "snsTopic": "SnsTopicArn", "tags": _TAGS}
    ),
    "aws:rds/instance:Instance": _kind(
        "AWS::RDS::DBInstance",
        {
            **_MASTER_SECRET,
            "dbName": "DBName",
            "dbSubnetGroupName": "DBSubnetGroupName",
            "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
            "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
            "identifier": "DBInstanceIdentifier",
            "instanceClass": "DBInstanceClass",
            "multiAz": "MultiAZ",
            "parameterGroupName": "DBParameterGroupName",
            "performanceInsightsEnabled": "EnablePerformanceInsights",
            "performanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
            "snapshotIdentifier": "DBSnapshotIdentifier",
            "username": "MasterUsername",
            "vpcSecurityGroupIds": "VPCSecurityGroups",
            "tags": _TAGS,
        },
        without=_NO_WAITING | _FINAL_SNAPSHOT,
        outputs={
            "address": ("Endpoint.Address", "{id}.abcdefghijkl.{hosts}"),
            "resourceId": ("DbiResourceId", "db-{ID}"),
            "masterUserSecrets[].secretArn": (
                "MasterUserSecret.SecretArn",
                "arn:{partition}:secretsmanager:{region}:{account}:secret:rds!db-{id}-AbCdEf",
            ),
        },
    ),
    "aws:rds/parameterGroup:ParameterGroup": _kind(
        "AWS::RDS::DBParameterGroup",
        {"name": "DBParameterGroupName", **_PARAMETER_GROUP},
        automatic={"DBParameterGroupName": _PULUMIS_NAME},
        outputs={"name": ("Ref", "parameters-{id}")},
    ),
    "aws:rds/proxy:Proxy": _kind(
        "AWS::RDS::DBProxy",
        {
            "name": "DBProxyName",
            "requireTls": "RequireTLS",
            "auths": ("Auth", _block(iamAuth="IAMAuth")),
            "tags": _TAGS,
        },
        outputs={
            "arn": ("DBProxyArn", "arn:{partition}:rds:{region}:{account}:db-proxy:prx-{id}"),
            "endpoint": ("Endpoint", "{id}.proxy-abcdefghijkl.{hosts}"),
        },
    ),
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": _kind(
        "AWS::RDS::DBProxyTargetGroup",
        {
            "dbProxyName": "DBProxyName",
            "connectionPoolConfig": ("ConnectionPoolConfigurationInfo", _block()),
        },
        automatic={"TargetGroupName": "default"},
    ),
    "aws:rds/proxyEndpoint:ProxyEndpoint": _kind(
        "AWS::RDS::DBProxyEndpoint",
        {"dbProxyName": "DBProxyName", "dbProxyEndpointName": "DBProxyEndpointName", "tags": _TAGS},
        outputs={"endpoint": ("Endpoint", "{id}.endpoint.proxy-abcdefghijkl.{hosts}")},
    ),
    # What CloudFormation lists in the target group.
    "aws:rds/proxyTarget:ProxyTarget": _kind(
        "AWS::RDS::DBProxyTargetGroup",
        {
            "dbProxyName": "DBProxyName",
            "dbClusterIdentifier": ("DBClusterIdentifiers", lambda one: [one]),
            "dbInstanceIdentifier": ("DBInstanceIdentifiers", lambda one: [one]),
        },
        of_another="aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup",
    ),
    "aws:rds/subnetGroup:SubnetGroup": _kind(
        "AWS::RDS::DBSubnetGroup",
        {"description": "DBSubnetGroupDescription", "name": "DBSubnetGroupName", "tags": _TAGS},
        automatic={"DBSubnetGroupName": _PULUMIS_NAME},
    ),
    "aws:secretsmanager/secret:Secret": _kind(
        "AWS::SecretsManager::Secret",
        {"tags": _TAGS},
        without={"recoveryWindowInDays": "how the secret is deleted, of which CloudFormation lets nobody decide"},
        automatic={"Name": _PULUMIS_NAME},
        outputs={"arn": ("Ref", "arn:{partition}:secretsmanager:{region}:{account}:secret:{id}-AbCdEf")},
    ),
    "aws:secretsmanager/secretRotation:SecretRotation": _kind(
        "AWS::SecretsManager::RotationSchedule",
        {
            "rotateImmediately": "RotateImmediatelyOnUpdate",
            "rotationLambdaArn": "RotationLambdaARN",
            "rotationRules": ("RotationRules", _block()),
        },
    ),
    "aws:serverlessrepository/cloudFormationStack:CloudFormationStack": _kind(
        "AWS::Serverless::Application",
        {"applicationId": ("Location", lambda one: {"ApplicationId": one, "SemanticVersion": "1.1.367"})},
        without={
            "name": "CloudFormation names a nested stack itself",
            "capabilities": "given to whoever deploys the whole template",
        },
        outputs={
            "outputs.RotationLambdaARN": (
                "Outputs.RotationLambdaARN",
                "arn:{partition}:lambda:{region}:{account}:function:{id}",
            )
        },
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _kind(
        "AWS::EC2::SecurityGroupEgress",
        {**_RULE, "cidrIpv4": "CidrIp", "referencedSecurityGroupId": "DestinationSecurityGroupId"},
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _kind(
        "AWS::EC2::SecurityGroupIngress", {**_RULE, "referencedSecurityGroupId": "SourceSecurityGroupId"}
    ),
}
# Types without a counterpart → why.
NOT_IN_CLOUDFORMATION: Mapping[str, str] = {
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "AWS makes it with the VPC; the provider takes its rules out",
    "aws:lambda/invocation:Invocation": "a call and no resource; its input is the admin function's own",
    "pulumi:index:Stash": "a value in Pulumi's state",
}


class UnmappedError(ValueError):
    """A type that nobody has mapped."""


def unique(type_: str, name: str) -> str:
    """17 digits as AWS's ids have them, of this resource."""
    return sha256(f"{type_} {name}".encode()).hexdigest()[:17]


def logical_id(type_: str, name: str) -> str:
    """What a resource is called in the template."""
    return re.sub(r"[^A-Za-z0-9]", "", f"{type_.rsplit(':', 1)[1]}-{name}".title())


def answered(type_: str, name: str, place: Mapping[str, str]) -> dict[str, str]:
    """What AWS answers for a resource, by the path of the output, in the forms that AWS has in `place`."""
    kind = KINDS.get(type_)
    identity = unique(type_, name)
    found = kind.outputs if kind else {}
    return {path: text.format(id=identity, ID=identity.upper(), **place) for path, (_, text) in found.items()}


def properties_of(resource: Resource) -> dict[str, Json]:
    """The properties of a resource, with literal values."""
    kind = KINDS[resource.type]
    given = {key: _numbers(value) for key, value in resource.inputs.items() if key not in kind.without}
    found = dict(_converted(key, value, kind.properties) for key, value in given.items() if value not in (None, {}))
    missing = {key: text.format(name=resource.name) for key, text in kind.automatic.items() if key not in found}
    return {**missing, **found}


def template(resources: Iterable[Resource], place: Mapping[str, str]) -> dict[str, Json]:
    """The template: what AWS answers for one resource is a reference where another one takes it.

    Raises:
        UnmappedError: a type is in no table.
    """
    wanted = [each for each in resources if each.type not in NOT_IN_CLOUDFORMATION]
    unknown = sorted({each.type for each in wanted} - set(KINDS))
    if unknown:
        raise UnmappedError(f"{', '.join(unknown)}: add to KINDS, or to NOT_IN_CLOUDFORMATION with the reason")
    references = dict(_references(wanted, place))
    made: dict[str, dict[str, Json]] = {}
    for each in wanted:
        kind = KINDS[each.type]
        found = _referring(properties_of(each), references)
        name = logical_id(kind.of_another or each.type, each.name)
        resource = made.setdefault(name, {"Type": kind.type, "Properties": {}})
        resource["Properties"].update(found)
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": made}


def _references(resources: Iterable[Resource], place: Mapping[str, str]) -> Iterator[tuple[str, Json]]:
    for each in resources:
        values = answered(each.type, each.name, place)
        name = logical_id(each.type, each.name)
        for path, (attribute, _) in KINDS[each.type].outputs.items():
            yield values[path], {"Ref": name} if attribute == "Ref" else {"Fn::GetAtt": [name, attribute]}


def _referring(value: Json, references: Mapping[str, Json]) -> Json:
    if isinstance(value, dict):
        return {key: _referring(each, references) for key, each in value.items()}
    if isinstance(value, list):
        return [_referring(each, references) for each in value]
    return references.get(value, value) if isinstance(value, str) else value


def _numbers(value: Json) -> Json:
    """Protocol buffers have no whole numbers; and what is not said is not there."""
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
