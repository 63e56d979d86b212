"""The same on the wire, as far as moto knows these services; the rest is recorded."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambda_rds_proxy.preflight.answers import Row, Verdict
from lambda_rds_proxy.preflight.needs import Needs
from lambda_rds_proxy.preflight.questions import judge
from ops.preflight.account import caller_of, look
from ops.preflight.calls import Calls
from tests.components.declared import REGION
from tests.components.preflight.samples import needs
from tests.ops.preflight.recorded import Recorded, good, option

# What moto has not, or has too little of.
_RECORDED = (
    *("SimulatePrincipalPolicy", "GetAccountSettings", "DescribeAccountAttributes", "DescribeDBEngineVersions"),
    *("DescribeEngineDefaultParameters", "GetApplication", "DescribeOrderableDBInstanceOptions"),
)


@dataclass
class Cloud:
    """An account in moto, with a VPC of two subnets, keys, a topic and a database with a proxy in front of it."""

    vpc_id: str
    subnet_ids: list[str]
    key: str
    topic: str

    def needs(self, **more: Any) -> Needs:
        settings = {
            "vpc_id": self.vpc_id,
            "subnet_ids": self.subnet_ids,
            "kms_key_arn": self.key,
            "alarm_topic_arn": self.topic,
            **more,
        }
        return needs("dev", settings=settings)

    def rows(self, of: Needs) -> list[Row]:
        """What is not well."""
        answers = {each: answer for each, answer in good(of).items() if each in _RECORDED}
        answers["DescribeOrderableDBInstanceOptions"] = {"OrderableDBInstanceOptions": [option("ab")]}
        calls = Calls(Recorded(answers, goes_on=True).session_before_moto())
        found = judge(of, look(calls, of, caller_of(calls), started=lambda _: None, each_done=lambda: None))
        return [each for each in found if each.verdict is not Verdict.OK]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "fake")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        ec2 = boto3.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]
            for number, zone in enumerate("ab")
        ]
        ids = [each["SubnetId"] for each in subnets]
        ec2.create_vpc_endpoint(
            VpcId=vpc,
            ServiceName=f"com.amazonaws.{REGION}.secretsmanager",
            VpcEndpointType="Interface",
            SubnetIds=ids,
            PrivateDnsEnabled=True,
        )
        key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
        topic = boto3.client("sns").create_topic(Name="alarms")["TopicArn"]
        boto3.client("iam").create_service_linked_role(AWSServiceName="rds.amazonaws.com")
        yield Cloud(vpc_id=vpc, subnet_ids=ids, key=key, topic=topic)


def test_an_account_in_which_the_stack_can_be_made_is_silent(cloud: Cloud) -> None:
    assert cloud.rows(cloud.needs()) == []


def test_faults_on_the_wire_are_found_all_at_once(cloud: Cloud) -> None:
    ec2 = boto3.client("ec2")
    ec2.modify_vpc_attribute(VpcId=cloud.vpc_id, EnableDnsSupport={"Value": False})
    endpoint = ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["VpcEndpointId"]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    boto3.client("logs").create_log_group(logGroupName="/aws/lambda/shop-dev-app")
    boto3.client("kms").disable_key(KeyId=cloud.key.rsplit("/", 1)[1])
    boto3.client("sns").set_topic_attributes(
        TopicArn=cloud.topic, AttributeName="Policy", AttributeValue=json.dumps({"Statement": []})
    )
    found = cloud.rows(cloud.needs())
    assert {each.question for each in found} == {
        *("VPC", "way to Secrets Manager", "names: log group", "key of kmsKeyArn", "topic")
    }


def test_a_function_of_this_name_is_there(cloud: Cloud) -> None:
    iam, package = boto3.client("iam"), io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="x", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
    boto3.client("lambda").create_function(
        FunctionName="shop-dev-app",
        Runtime="python3.13",
        Role=role,
        Handler="a.b",
        Code={"ZipFile": package.getvalue()},
    )
    assert [(each.question, each.verdict) for each in cloud.rows(cloud.needs())] == [
        ("names: function", Verdict.FINDING)
    ]


def test_proxies_of_every_stack_in_front_of_a_database_are_summed(cloud: Cloud) -> None:
    rds, ec2 = boto3.client("rds"), boto3.client("ec2")
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=cloud.vpc_id)["GroupId"]
    rds.create_db_subnet_group(DBSubnetGroupName="o", DBSubnetGroupDescription="o", SubnetIds=cloud.subnet_ids)
    rds.create_db_instance(
        DBInstanceIdentifier="orders-db",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        MasterUsername="db_admin",
        MasterUserPassword="not-a-real-one",
        AllocatedStorage=20,
        DBSubnetGroupName="o",
    )
    for name, percent in (("billing", 30), ("shipping", 25)):
        rds.create_db_proxy(
            DBProxyName=name,
            EngineFamily="POSTGRESQL",
            Auth=[{"AuthScheme": "SECRETS"}],
            RoleArn="arn:aws:iam::123456789012:role/proxy",
            VpcSubnetIds=cloud.subnet_ids,
            VpcSecurityGroupIds=[group],
        )
        rds.register_db_proxy_targets(DBProxyName=name, DBInstanceIdentifiers=["orders-db"])
        pool = {"MaxConnectionsPercent": percent}
        rds.modify_db_proxy_target_group(DBProxyName=name, TargetGroupName="default", ConnectionPoolConfig=pool)
    of = replace(cloud.needs(), target="orders-db", database=None)
    found = [each.found for each in cloud.rows(of)]
    assert len(found) == 2
    assert "85 (this stack's) + 55 (billing 30 %, shipping 25 %) = 140 %" in found[0]
