"""What the real provider refuses, and what it lets pass, argument by argument."""

from typing import Any

import pytest

from local.provider.types import aws_type
from local.provider.validators import refusal

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
ROLE = "arn:aws:iam::000000000000:role/proxy"
PROXY, TARGET = "aws:rds/proxy:Proxy", "aws:rds/proxyTarget:ProxyTarget"
INSTANCE, CLUSTER = "aws:rds/instance:Instance", "aws:rds/cluster:Cluster"
FUNCTION, ALARM = "aws:lambda/function:Function", "aws:cloudwatch/metricAlarm:MetricAlarm"
ROLE_POLICY, ROTATION = "aws:iam/rolePolicy:RolePolicy", "aws:secretsmanager/secretRotation:SecretRotation"
INGRESS, SECRET = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:secretsmanager/secret:Secret"


def told(token: str, given: dict[str, Any]) -> list[str]:
    """What is said of these arguments; that others are missing is not asked here."""
    return [sentence for _, sentence in aws_type(token).problems(given, given) if not sentence.endswith("is required")]


@pytest.mark.parametrize(
    ("token", "given", "words"),
    [
        (PROXY, {"name": "Orders"}, 'name is "Orders"; only lower-case letters, digits and hyphens are allowed'),
        (PROXY, {"name": "orders--proxy"}, "two consecutive hyphens are not allowed"),
        (PROXY, {"name": "orders-"}, "a hyphen at the end is not allowed"),
        (PROXY, {"name": "1orders"}, "the first character must be a lower-case letter"),
        (PROXY, {"roleArn": "proxy"}, 'roleArn is "proxy"; it must be an ARN'),
        (PROXY, {"auths": [{"secretArn": "s"}]}, 'auths[0].secretArn is "s"; it must be an ARN'),
        (PROXY, {"auths": [{"authScheme": "IAM"}]}, "auths[0].authScheme"),
        (PROXY, {"engineFamily": "ORACLE"}, "it must be one of MYSQL, POSTGRESQL, SQLSERVER"),
        (TARGET, {"dbProxyName": "p", "targetGroupName": "default"}, "exactly one of dbInstanceIdentifier, dbCluster"),
        (TARGET, {"dbInstanceIdentifier": "a", "dbClusterIdentifier": "b"}, "are given"),
        (INSTANCE, {"kmsKeyId": "alias/orders"}, "it must be an ARN"),
        (INSTANCE, {"identifier": "OrdersDb"}, "only lower-case letters"),
        (INSTANCE, {"backupRetentionPeriod": 36}, "it must be 0 to 35"),
        (INSTANCE, {"monitoringInterval": 2}, "it must be one of 0, 1, 5"),
        (INSTANCE, {"backupWindow": "25:00-26:00"}, "it must be a time such as 04:00-04:30"),
        (INSTANCE, {"maintenanceWindow": "someday"}, "sun:04:00-sun:04:30"),
        (INSTANCE, {"password": "x", "manageMasterUserPassword": True}, "conflicts with"),
        (INSTANCE, {"passwordWo": "x"}, "passwordWo needs passwordWoVersion beside it"),
        (INSTANCE, {"enabledCloudwatchLogsExports": ["everything"]}, "enabledCloudwatchLogsExports[0]"),
        (INSTANCE, {"finalSnapshotIdentifier": "1-final"}, "the first character must be a letter"),
        (INSTANCE, {"identifier": "a", "identifierPrefix": "b"}, "conflicts with"),
        (CLUSTER, {"engine": "oracle"}, 'engine is "oracle"'),
        (
            CLUSTER,
            {"serverlessv2ScalingConfiguration": {"minCapacity": 0.5, "maxCapacity": 300}},
            "it must be 1 to 256",
        ),
        (FUNCTION, {"packageType": "Zip", "role": ROLE}, "handler is required while packageType is"),
        (FUNCTION, {"role": "proxy"}, "it must be an ARN"),
        (FUNCTION, {"runtime": "python2.5"}, "it must be one of nodejs"),
        (FUNCTION, {"timeout": "901"}, "it must be 1 to 900"),
        (FUNCTION, {"s3Bucket": "b"}, "s3Bucket needs s3Key beside it"),
        (FUNCTION, {"imageUri": "i", "s3Bucket": "b", "s3Key": "k"}, "imageUri conflicts with s3Bucket"),
        (ALARM, {"metricName": "m", "statistic": "Sum"}, "comparisonOperator is required while metricName is given"),
        (ALARM, {"metricName": "m"}, "exactly one of statistic, extendedStatistic must be given"),
        (ALARM, {"statistic": "Mean"}, "it must be one of SampleCount"),
        (ALARM, {"alarmActions": ["me"]}, "alarmActions[0]"),
        (ALARM, {"okActions": [ROLE] * 6}, "okActions has 6 members; the provider takes at most 5"),
        (ALARM, {"metricQueries": [{"id": "a", "expression": "b", "metric": {}}]}, "expression cannot be set while"),
        (ROLE_POLICY, {"policy": "allow"}, "an IAM policy as a JSON object"),
        (ROLE_POLICY, {"policy": '{"Version": 1, "Version": 2}'}, "without a key twice"),
        (ROLE_POLICY, {"role": ROLE}, "an ARN is not allowed"),
        ("aws:iam/role:Role", {"maxSessionDuration": 60}, "it must be 3600 to 43200"),
        ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.1/16"}, "an IPv4 CIDR block whose host bits are 0"),
        ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/8"}, "its prefix length must be 16 to 28"),
        ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0"}, "an IPv4 CIDR block"),
        ("aws:ec2/subnet:Subnet", {"availabilityZone": "a", "availabilityZoneId": "b"}, "conflicts with"),
        ("aws:ec2/securityGroup:SecurityGroup", {"description": "the network's own"}, "EC2 takes at most"),
        (INGRESS, {"ipProtocol": "tcp"}, "exactly one of cidrIpv4, cidrIpv6, prefixListId, referencedSecurityGroupId"),
        (INGRESS, {"fromPort": 70000}, "it must be -1 to 65535"),
        (SECRET, {"recoveryWindowInDays": 3}, "it must be 7 to 30 or it must be one of 0"),
        (ROTATION, {"rotationRules": {"duration": "2h"}}, "exactly one of rotationRules.automaticallyAfterDays"),
        ("aws:cloudwatch/dashboard:Dashboard", {"dashboardBody": "{"}, "it must be JSON"),
        ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 10}, "it must be one of 0, 1, 3, 5, 7"),
        ("aws:sns/topic:Topic", {"fifoTopic": False, "archivePolicy": "{}"}, "archivePolicy cannot be set while"),
        ("aws:rds/eventSubscription:EventSubscription", {"snsTopic": "topic"}, "it must be an ARN"),
        ("aws:lambda/invocation:Invocation", {"input": "text"}, "it must be JSON"),
        ("aws:lambda/invocation:Invocation", {"input": "[]", "lifecycleScope": "CRUD"}, "it must be a JSON object"),
    ],
)
def test_what_the_provider_refuses_is_refused_with_the_value_and_its_reason(
    token: str, given: dict[str, Any], words: str
) -> None:
    assert any(words in sentence for sentence in told(token, given)), told(token, given)


@pytest.mark.parametrize(
    ("token", "given"),
    [
        (PROXY, {"name": "orders-proxy-2", "roleArn": ROLE, "auths": [{"secretArn": UNKNOWN, "iamAuth": "REQUIRED"}]}),
        (PROXY, {"roleArn": UNKNOWN, "vpcSubnetIds": UNKNOWN}),
        (TARGET, {"dbInstanceIdentifier": UNKNOWN}),
        (INSTANCE, {"backupWindow": "", "maintenanceWindow": "Sun:04:00-Sun:04:30", "monitoringInterval": "60"}),
        (INSTANCE, {"kmsKeyId": "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1"}),
        (CLUSTER, {"serverlessv2ScalingConfiguration": {"minCapacity": 0, "maxCapacity": 4}, "engine": "aurora-mysql"}),
        (FUNCTION, {"packageType": "Image", "imageUri": "i"}),
        (FUNCTION, {"packageType": "Zip", "handler": UNKNOWN, "runtime": "python3.13", "layers": [UNKNOWN]}),
        (ALARM, {"metricQueries": [{"id": "a", "expression": "b"}], "comparisonOperator": "GreaterThanThreshold",
                 "evaluationPeriods": 1}),
        (ALARM, {"metricQueries": UNKNOWN, "comparisonOperator": UNKNOWN, "evaluationPeriods": UNKNOWN}),
        (ROLE_POLICY, {"policy": '{"Statement": []}', "role": "proxy"}),
        (INGRESS, {"cidrIpv4": "10.0.0.0/16", "fromPort": -1}),
        (SECRET, {"recoveryWindowInDays": 0}),
        ("aws:ec2/securityGroup:SecurityGroup", {"description": "in front of a database"}),
        ("aws:sns/topic:Topic", {"fifoTopic": True, "contentBasedDeduplication": True}),
    ],
)  # fmt: skip
def test_what_the_provider_lets_pass_or_cannot_know_yet_passes(token: str, given: dict[str, Any]) -> None:
    assert told(token, given) == []


def test_a_value_that_may_be_a_secret_is_not_shown() -> None:
    [sentence] = told("aws:secretsmanager/secretVersion:SecretVersion", {"secretBinary": "§hidden§"})
    assert sentence == "secretBinary has a value that is not shown; it must be base64"


def test_the_same_fault_is_told_once_although_aws_would_refuse_it_too() -> None:
    assert len(told(INSTANCE, {"identifier": "Orders"})) == 1


@pytest.mark.parametrize(
    ("validator", "value", "reason"),
    [
        ({"pattern": "^a$"}, "a\n", "it must match ^a$"),
        ({"pattern": "^\\d+$"}, "٣", "it must match ^\\d+$"),
        ({"any": [{"enum": [10]}, {"multipleOf": 60}]}, 15, "it must be one of 10 or it must be a multiple of 60"),
        ({"any": [{"enum": [10]}, {"multipleOf": 60}]}, "120", None),
        ({"enum": ["A"], "ignoreCase": True}, "a", None),
        ({"range": [None, 5]}, 6, "it must be at most 5"),
        ({"range": [1, None]}, 0, "it must be at least 1"),
        ({"length": [1, 2]}, "abc", "it has 3 characters and must have 1 to 2"),
        ({"format": "iam-policy-json"}, " {}", "it must be an IAM policy as a JSON object, without leading blanks"),
        ({"format": "ipv6-network"}, "2001:db8::1/64", "it must be an IPv6 CIDR block whose host bits are 0"),
        ({"format": "ipv6-cidr"}, "2001:db8::1/64", None),
        ({"format": "utc-timestamp"}, "tomorrow", "it must be a UTC time"),
        ({"format": "ip-address"}, "10.0.0.256", "it must be an IP address"),
        ({"format": "number-or-empty-text"}, "", None),
        ({"notZeroValue": True}, 0, "it must not be 0"),
    ],
)
def test_a_validator_reads_a_value_as_the_provider_does(
    validator: dict[str, Any], value: object, reason: str | None
) -> None:
    found = refusal(validator, value)
    assert found is None if reason is None else (found or "").startswith(reason), found
