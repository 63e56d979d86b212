"""What is a change to the real provider, and which changes replace."""

from typing import Any
from unittest.mock import Mock

import pytest
from pulumi.runtime.proto import provider_pb2

from local.provider.properties import to_struct
from local.provider.servicer import AwsServicer

PROXY, ENDPOINT = "aws:rds/proxy:Proxy", "aws:rds/proxyEndpoint:ProxyEndpoint"
INSTANCE, CLUSTER = "aws:rds/instance:Instance", "aws:rds/cluster:Cluster"
GROUP, CLUSTER_GROUP = "aws:rds/parameterGroup:ParameterGroup", "aws:rds/clusterParameterGroup:ClusterParameterGroup"
FUNCTION, VPC, SUBNET = "aws:lambda/function:Function", "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet"
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
CLUSTER_INSTANCE = "aws:rds/clusterInstance:ClusterInstance"
VPC_ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["a:B"], "Resource": ["y", "x"]}]}'
SAME_POLICY = '{"Statement":{"Action":"a:B","Effect":"Allow","Resource":["x","y"]},"Version":"2012-10-17"}'
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def diff(token: str, old: dict[str, Any], new: dict[str, Any], *, state: dict[str, Any] | None = None) -> Any:
    request = provider_pb2.DiffRequest(
        urn=f"urn:pulumi:dev::shop::{token}::thing",
        olds=to_struct({**old, **(state or {})}), old_inputs=to_struct(old), news=to_struct(new),
    )  # fmt: skip
    return AwsServicer().Diff(request, Mock())


@pytest.mark.parametrize(
    ("token", "old", "new"),
    [
        (PROXY, {"vpcSubnetIds": ["a", "b"]}, {"vpcSubnetIds": ["b", "a", "a"]}),
        (ENDPOINT, {"vpcSubnetIds": ["a", "b"]}, {"vpcSubnetIds": ["b", "a"]}),
        (PROXY, {"auths": [{"username": "a"}, {"username": "b"}]}, {"auths": [{"username": "b"}, {"username": "a"}]}),
        (PROXY, {"auths": [{"clientPasswordAuthType": "POSTGRES_MD5"}]}, {"auths": [{}]}),
        (PROXY, {"idleClientTimeout": 60}, {}),
        (PROXY, {"requireTls": False}, {}),
        (INSTANCE, {"engine": "MySQL"}, {"engine": "mysql"}),
        (INSTANCE, {"vpcSecurityGroupIds": ["a", "b"]}, {"vpcSecurityGroupIds": ["b", "a"]}),
        (INSTANCE, {"maintenanceWindow": "Sun:04:00-Sun:05:00"}, {"maintenanceWindow": "sun:04:00-sun:05:00"}),
        (INSTANCE, {"allocatedStorage": 40, "maxAllocatedStorage": 100},
                   {"allocatedStorage": 20, "maxAllocatedStorage": 100}),
        (INSTANCE, {"allocatedStorage": 20}, {"allocatedStorage": 20, "maxAllocatedStorage": 20}),
        (INSTANCE, {"passwordWo": "old", "passwordWoVersion": 1}, {"passwordWo": "new", "passwordWoVersion": 1}),
        (CLUSTER, {"snapshotIdentifier": "s"}, {}),
        (CLUSTER, {"serverlessv2ScalingConfiguration": {"minCapacity": 1}}, {}),
        (GROUP, {"parameters": [{"name": "a", "value": "1", "applyMethod": "immediate"}]},
                {"parameters": [{"name": "A", "value": "1", "applyMethod": "pending-reboot"}]}),
        (FUNCTION, {"tracingConfig": {"mode": "Active"}}, {}),
        (FUNCTION, {}, {"environment": {"variables": {}}}),
        ("aws:iam/rolePolicy:RolePolicy", {"policy": POLICY}, {"policy": SAME_POLICY}),
        ("aws:iam/role:Role", {"assumeRolePolicy": POLICY}, {"assumeRolePolicy": SAME_POLICY}),
        (DASHBOARD, {"dashboardBody": '{"a": 1, "b": 2}'}, {"dashboardBody": '{"b":2,"a":1}'}),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", {"alarmActions": ["a", "b"]}, {"alarmActions": ["b", "a"]}),
        (RULE, {"ipProtocol": "6"}, {"ipProtocol": "TCP"}),
        (VPC_ENDPOINT, {"dnsOptions": {"dnsRecordIpType": "ipv4"}}, {}),
    ],
)  # fmt: skip
def test_what_means_the_same_is_no_change(token: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    found = diff(token, old, new)
    assert (list(found.diffs), list(found.replaces)) == ([], [])
    assert found.changes == provider_pb2.DiffResponse.DIFF_NONE


@pytest.mark.parametrize(
    ("token", "old", "new"),
    [
        (PROXY, {"auths": [{"secretArn": "a"}]}, {"auths": [{"secretArn": "b"}]}),
        (PROXY, {"requireTls": True}, {}),
        (INSTANCE, {"allocatedStorage": 20}, {"allocatedStorage": 40, "maxAllocatedStorage": 100}),
        (CLUSTER, {"engine": "aurora-mysql", "storageType": ""}, {"engine": "aurora-mysql", "storageType": "x"}),
        (CLUSTER_GROUP, {"parameters": [{"name": "a", "value": "1", "applyMethod": "immediate"}]},
                        {"parameters": [{"name": "a", "value": "1", "applyMethod": "pending-reboot"}]}),
        (GROUP, {"parameters": [{"name": "a", "value": "1"}]}, {"parameters": [{"name": "a", "value": "2"}]}),
        ("aws:iam/rolePolicy:RolePolicy", {"policy": POLICY}, {"policy": POLICY.replace("Allow", "Deny")}),
        (VPC, {"instanceTenancy": "dedicated"}, {"instanceTenancy": "default"}),
        (RULE, {"cidrIpv4": "10.0.0.0/16"}, {"cidrIpv4": "10.1.0.0/16"}),
        (VPC_ENDPOINT, {"vpcEndpointType": "Interface", "privateDnsEnabled": False},
                       {"vpcEndpointType": "Interface", "privateDnsEnabled": True}),
        (FUNCTION, {"durableConfig": {"executionTimeout": 60}}, {"durableConfig": {"executionTimeout": 90}}),
        (VERSION, {"secretString": "same"}, {"secretStringWo": "same", "secretStringWoVersion": 1}),
        (FUNCTION, {"environment": {"variables": {"A": "1"}}}, {"environment": {"variables": {"A": UNKNOWN}}}),
    ],
)  # fmt: skip
def test_what_the_provider_changes_in_place_is_updated(token: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    found = diff(token, old, new)
    assert list(found.diffs) and list(found.replaces) == []


@pytest.mark.parametrize(
    ("token", "old", "new", "why"),
    [
        (INSTANCE, {"kmsKeyId": "a"}, {"kmsKeyId": "b"}, "kmsKeyId"),
        (INSTANCE, {"customIamInstanceProfile": "a"}, {"customIamInstanceProfile": "b"}, "customIamInstanceProfile"),
        (INSTANCE, {"s3Import": {"bucketName": "a"}}, {"s3Import": {"bucketName": "b"}}, "s3Import"),
        (CLUSTER, {"engineMode": "serverless"}, {"engineMode": "provisioned"}, "engineMode"),
        (CLUSTER, {"snapshotIdentifier": "a"}, {"snapshotIdentifier": "b"}, "snapshotIdentifier"),
        (CLUSTER, {"engine": "mysql", "storageType": "io1"}, {"engine": "mysql", "storageType": "gp3"}, "storageType"),
        (CLUSTER_INSTANCE, {"availabilityZone": "a"}, {"availabilityZone": "b"}, "availabilityZone"),
        ("aws:secretsmanager/secret:Secret", {"type": "a"}, {"type": "b"}, "type"),
        (VERSION, {"secretString": "a"}, {"secretString": "b"}, "secretString"),
        (VERSION, {"secretString": "a"}, {"secretStringWo": "b", "secretStringWoVersion": 1}, "secretString"),
        (VERSION, {"secretStringWo": "a", "secretStringWoVersion": 1}, {"secretString": "a"}, "secretString"),
        (VERSION, {"secretStringWoVersion": 1}, {"secretStringWoVersion": 2}, "secretStringWoVersion"),
        (VPC, {"instanceTenancy": "default"}, {"instanceTenancy": "dedicated"}, "instanceTenancy"),
        (SUBNET, {"assignIpv6AddressOnCreation": True, "ipv6CidrBlock": "a"},
                 {"assignIpv6AddressOnCreation": True, "ipv6CidrBlock": "b"}, "ipv6CidrBlock"),
        (RULE, {"cidrIpv4": "10.0.0.0/16"}, {"prefixListId": "pl-1"}, "cidrIpv4"),
        (VPC_ENDPOINT, {"privateDnsEnabled": False}, {"privateDnsEnabled": True}, "privateDnsEnabled"),
        (FUNCTION, {}, {"durableConfig": {"executionTimeout": 60}}, "durableConfig"),
        (FUNCTION, {"tenancyConfig": {"tenantIsolationMode": "PER_TENANT"}}, {}, "tenancyConfig"),
        ("aws:lambda/permission:Permission", {}, {"invokedViaFunctionUrl": True}, "invokedViaFunctionUrl"),
        ("aws:serverlessrepository/cloudFormationStack:CloudFormationStack",
         {"applicationId": "a"}, {"applicationId": "b"}, "applicationId"),
    ],
)  # fmt: skip
def test_what_the_provider_replaces_is_replaced(token: str, old: dict[str, Any], new: dict[str, Any], why: str) -> None:
    assert why in list(diff(token, old, new).replaces)


@pytest.mark.parametrize(
    ("token", "old", "new", "first"),
    [
        (CLUSTER, {"clusterIdentifier": "c", "kmsKeyId": "a"}, {"clusterIdentifier": "c", "kmsKeyId": "b"}, False),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"role": "a"}, {"role": "b"}, True),
        (PROXY, {"name": "p", "engineFamily": "MYSQL"}, {"name": "p", "engineFamily": "POSTGRESQL"}, True),
        (VPC, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.1.0.0/16"}, False),
    ],
)
def test_a_replacement_deletes_first_where_the_provider_does(
    token: str, old: dict[str, Any], new: dict[str, Any], first: bool
) -> None:
    assert diff(token, old, new).deleteBeforeReplace is first


def test_a_default_that_is_new_to_the_inputs_is_compared_with_what_the_state_has() -> None:
    state = {"region": "eu-west-1", "tagsAll": {"a": "b"}}
    same = diff(PROXY, {"name": "p"}, {"name": "p", **state}, state=state)
    assert list(same.diffs) == []
    moved = diff(PROXY, {"name": "p"}, {"name": "p", **state, "region": "eu-central-1"}, state=state)
    assert list(moved.replaces) == ["region"]
