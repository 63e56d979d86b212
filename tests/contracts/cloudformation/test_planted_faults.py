"""Silence means something: faults that cfn-lint must find in what was silent, and those that it cannot see."""

from typing import Any

import pytest

from tests.contracts.cloudformation.judge import findings, part_of
from tests.contracts.cloudformation.mapping import logical_id
from tests.contracts.cloudformation.registered import made

LEFT_OUT = object()
DEV, PROD = 2, 5  # a MySQL instance in GovCloud, an Aurora PostgreSQL cluster with a topic, keys and rotation
INSTANCE, CLUSTER, MEMBER = "rds:Instance", "rds:Cluster", "rds:ClusterInstance"
RULE, TO_DATABASE = "vpc:SecurityGroupIngressRule", "database-to-database-ingress"
VPC = {"Fn::GetAtt": ["VpcDatabase", "VpcId"]}


def plant(number: int, token: str, name: str, properties: dict[str, Any]) -> list[str]:
    """What is found in one resource of a stack, and all that it refers to, once these properties are so."""
    whole, one = made(number), logical_id(token, name)
    changed = whole["Resources"][one]["Properties"]
    changed |= properties
    for key in [key for key, value in properties.items() if value is LEFT_OUT]:
        del changed[key]
    return findings(part_of(whole, one))


def policy(**statement: Any) -> dict[str, Any]:
    whole = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*", **statement}
    return {"PolicyDocument": {"Version": "2012-10-17", "Statement": [whole]}}


@pytest.mark.parametrize(
    ("number", "token", "name", "properties", "rule"),
    [
        pytest.param(
            *(DEV, INSTANCE, "database", {"DBInstanceClass": "db.m7g.large"}, "E3025"), id="a class that a region lacks"
        ),
        pytest.param(*(PROD, MEMBER, "database-0", {"DBInstanceClass": "db.t4g.micro"}, "E3025"), id="none of Aurora"),
        pytest.param(*(DEV, INSTANCE, "database", {"EngineVersion": "8.4.99"}, "E3691"), id="no version of MySQL"),
        pytest.param(*(PROD, CLUSTER, "database", {"EngineVersion": "17.99"}, "E3690"), id="no version of Aurora"),
        pytest.param(*(DEV, INSTANCE, "database", {"EngineVersion": "8.4.3"}, "W3691"), id="a withdrawn version"),
        pytest.param(*(DEV, INSTANCE, "database", {"BackupRetentionPeriod": 36}, "E3719"), id="36 days of backups"),
        pytest.param(*(PROD, CLUSTER, "database", {"BackupRetentionPeriod": 0}, "E3034"), id="a cluster without any"),
        pytest.param(*(PROD, MEMBER, "database-0", {"Engine": "aurora-mysql"}, "E3707"), id="another engine's member"),
        pytest.param(*(DEV, "rds:Proxy", "database", {"RoleArn": LEFT_OUT}, "E3003"), id="a required one left out"),
        pytest.param(*(DEV, "rds:Proxy", "database", {"EngineFamily": "MARIADB"}, "E3030"), id="a wrong choice"),
        pytest.param(*(DEV, "rds:Proxy", "database", {"VpcSubnetIds": ["subnet-1"]}, "E3032"), id="a single subnet"),
        pytest.param(*(DEV, "rds:Proxy", "database", {"RoleArn": "arn:aws:iam::role/x"}, "E1156"), id="a bad ARN"),
        pytest.param(*(DEV, "lambda:Function", "api", {"Runtime": "python3.99"}, "E3030"), id="no runtime"),
        pytest.param(*(DEV, "lambda:Function", "api", {"Runtime": "python3.8"}, "W2531"), id="a withdrawn runtime"),
        pytest.param(*(DEV, "lambda:Function", "api", {"MemorySize": 64}, "E3034"), id="too little memory"),
        pytest.param(*(DEV, "cloudwatch:LogGroup", "api", {"RetentionInDays": 13}, "E3030"), id="13 days of logs"),
        pytest.param(*(DEV, "cloudwatch:LogGroup", "api", {"LogGroupName": "a b"}, "E3031"), id="a pattern"),
        pytest.param(*(DEV, RULE, TO_DATABASE, {"FromPort": LEFT_OUT}, "E3687"), id="a rule without a port"),
        pytest.param(*(DEV, RULE, TO_DATABASE, {"CidrIp": "10.0.0.0/8"}, "E3014"), id="a rule for two"),
        pytest.param(*(PROD, RULE, TO_DATABASE, {"SourceSecurityGroupId": VPC}, "E1040"), id="a VPC as group"),
        pytest.param(*(DEV, "iam:RolePolicy", "api-runtime", policy(Effect="Alow"), "E3510"), id="no effect"),
        pytest.param(*(DEV, "iam:RolePolicy", "api-runtime", policy(Action="logs:PutLog"), "W3037"), id="no action"),
    ],
)
def test_a_planted_fault_is_found(number: int, token: str, name: str, properties: dict[str, Any], rule: str) -> None:
    found = plant(number, token, name, properties)
    assert any(each.startswith(f"{rule} {logical_id(token, name)}") for each in found), found


@pytest.mark.parametrize(
    ("number", "token", "name", "properties"),
    [
        pytest.param(*(DEV, INSTANCE, "database", {"EnableCloudwatchLogsExports": ["postgresql"]}), id="other logs"),
        pytest.param(*(DEV, INSTANCE, "database", {"StorageType": "gp9"}), id="no type of storage"),
        pytest.param(*(DEV, INSTANCE, "database", {"KmsKeyId": "alias/orders"}), id="an alias as key"),
        pytest.param(*(DEV, "rds:ParameterGroup", "database", {"Family": "mysql9.9"}), id="no family"),
        pytest.param(*(DEV, "rds:ParameterGroup", "database", {"Parameters": {"none": "1"}}), id="no parameter"),
        pytest.param(*(DEV, "rds:Proxy", "database", {"DBProxyName": "Orders--eu"}), id="a proxy's name"),
        pytest.param(*(DEV, "rds:Proxy", "database", {"IdleClientTimeout": 99_999}), id="too long a time"),
        pytest.param(*(DEV, RULE, TO_DATABASE, {"FromPort": 70_000, "ToPort": 70_000}), id="no port"),
        pytest.param(
            *(PROD, CLUSTER, "database", {"ServerlessV2ScalingConfiguration": {"MaxCapacity": 999}}), id="ACU"
        ),
        pytest.param(*(PROD, "rds:EventSubscription", "database", {"EventCategories": ["none"]}), id="no category"),
        pytest.param(
            *(PROD, "secretsmanager:SecretRotation", "database", {"RotationRules": {"AutomaticallyAfterDays": 1001}}),
            id="1001 days",
        ),
        pytest.param(*(PROD, "cloudwatch:Dashboard", "database", {"DashboardBody": "{"}), id="no dashboard"),
        pytest.param(
            *(PROD, "cloudwatch:MetricAlarm", "database-pool-full", {"AlarmActions": ["arn:aws:sns:x:topic"]}),
            id="no topic",
        ),
    ],
)
def test_what_cfn_lint_cannot_see_is_left_to_the_checks_of_the_settings_and_the_facts_of_the_provider(
    number: int, token: str, name: str, properties: dict[str, Any]
) -> None:
    """So its silence says nothing of these; and a release that sees one is told by this test."""
    assert plant(number, token, name, properties) == []
