import ipaddress
import json
from typing import Any

import pulumi
import pytest

from lambda_rds_proxy import Network
from lambda_rds_proxy.network.args import NetworkArgs
from tests.components.declared import arguments, declare

ZONES_FUNCTION = "aws:index/getAvailabilityZones:getAvailabilityZones"
ZONES = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
EXISTING: Any = {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}


def network(given: dict[str, Any]) -> Any:
    return Network("net", arguments(NetworkArgs, given)).reference


def test_a_new_vpc_has_private_subnets_in_two_zones_and_no_way_out() -> None:
    declared = declare(lambda: network({"vpc_cidr": "10.7.0.0/16"}))
    subnets = declared.all("subnet:Subnet")
    assert [subnet.inputs["cidrBlock"] for subnet in subnets] == ["10.7.0.0/20", "10.7.16.0/20"]
    assert len({subnet.inputs["availabilityZone"] for subnet in subnets}) == 2
    # All that there is, for ways out have many names: gateways, peerings, attachments, instances.
    assert {each.type.split(":")[-1] for each in declared.resources} == {
        *("Network", "Vpc", "DefaultSecurityGroup", "RouteTable", "Subnet", "RouteTableAssociation"),
        *("SecurityGroup", "VpcEndpoint"),
    }
    assert set(declared.one("routeTable:RouteTable").inputs) == {"vpcId", "tags"}
    assert all(
        set(subnet.inputs) == {"vpcId", "cidrBlock", "availabilityZone", "tags"}
        for subnet in declared.all("subnet:Subnet")
    )
    assert "ipv6" not in json.dumps(declared.one("vpc:Vpc").inputs).lower()
    assert declared.one("vpcEndpoint:VpcEndpoint").inputs["serviceName"].endswith(".secretsmanager")


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "10.0.0.0/20", "192.168.1.0/24"])
def test_subnets_lie_inside_the_vpc_and_do_not_overlap(cidr: str) -> None:
    declared = declare(lambda: network({"vpc_cidr": cidr}))
    blocks = [ipaddress.IPv4Network(each.inputs["cidrBlock"]) for each in declared.all("subnet:Subnet")]
    assert all(block.subnet_of(ipaddress.IPv4Network(cidr)) for block in blocks)
    assert not blocks[0].overlaps(blocks[1])


def test_secrets_manager_is_reached_by_an_endpoint_with_private_dns() -> None:
    declared = declare(lambda: network({}))
    endpoint = declared.one("vpcEndpoint:VpcEndpoint")
    assert endpoint.inputs["serviceName"] == "com.amazonaws.eu-west-1.secretsmanager"
    assert endpoint.inputs["privateDnsEnabled"] is True
    assert endpoint.inputs["securityGroupIds"] == ["net-secrets-endpoint-id"]
    assert declared.result["secrets_endpoint_security_group_id"] == "net-secrets-endpoint-id"


def test_no_endpoint_is_paid_for_when_nothing_reads_secrets() -> None:
    declared = declare(lambda: network({"secrets_endpoint": False}))
    assert not declared.all("vpcEndpoint:VpcEndpoint")
    assert "secrets_endpoint_security_group_id" not in declared.result


def test_an_existing_vpc_is_used_as_it_is() -> None:
    declared = declare(lambda: network({"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}))
    assert [each.type for each in declared.resources] == ["lambda-rds-proxy:index:Network"]
    assert declared.result == {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"zones": 1}, 'settings.zones is "1"; it must be a whole number from 2 to 6'),
        ({**EXISTING, "zones": 3}, "settings.zones is for a new VPC; leave it out when settings.vpc_id"),
        ({"secrets_endpoint_security_group_id": "sg-1"}, "settings.secrets_endpoint_security_group_id is for an exis"),
        ({"preflight": True}, "settings.preflight is for an existing VPC"),
        (
            {"vpc_cidr": "10.0.0.0/24", "instance_class": "db.r6g.4xlarge"},
            "settings.vpc_cidr is 10.0.0.0/24, whose 2 subnets have 22 addresses; 25 are needed",
        ),
        ({"vpc_id": "vpc-1"}, "settings.vpc_id and settings.subnet_ids belong together"),
        ({"vpc_id": "vpc-1", "subnet_ids": ["subnet-1"]}, "it must be a list of at least 2 subnet ids"),
        ({**EXISTING, "flow_logs": True}, "settings.flow_logs is for a new VPC; leave it out when settings.vpc_id"),
        ({**EXISTING, "vpc_cidr": "10.0.0.0/16"}, "settings.vpc_cidr is for a new VPC"),
    ],
)
def test_contradicting_arguments_are_refused(args: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        declare(lambda: network(args))


def endpoint_statements(given: dict[str, Any]) -> list[Any]:
    policy = declare(lambda: network(given)).one("vpcEndpoint:VpcEndpoint").inputs["policy"]
    found: list[Any] = json.loads(policy)["Statement"]
    return found


def test_the_endpoint_lets_through_this_accounts_principals_and_the_secrets_that_are_named() -> None:
    other = "arn:aws:secretsmanager:eu-west-1:210987654321:secret:master-AbCdEf"
    *uses, password = endpoint_statements({"secrets": ["orders-*", "rds!db-*", other]})
    own = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
    assert [each["Resource"] for each in uses] == [f"{own}orders-*", f"{own}rds!db-*", other]
    for each in [*uses, password]:
        assert each["Effect"] == "Allow" and each["Principal"] == {"AWS": "*"}
        assert each["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}
    for each in uses:
        assert each["Action"] == [
            *("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"),
            "secretsmanager:UpdateSecretVersionStage",
        ]
    # Without it AWS's rotation function has no new password.
    assert (password["Action"], password["Resource"]) == (["secretsmanager:GetRandomPassword"], "*")


def test_the_endpoint_of_a_network_alone_lets_through_the_accounts_own_secrets_and_no_others() -> None:
    secrets, _ = endpoint_statements({})
    assert secrets["Resource"] == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:*"
    assert endpoint_statements({**EXISTING, "secrets_endpoint": True})[0] == secrets


def test_the_default_group_of_a_new_vpc_has_no_rule_and_that_of_an_existing_one_is_left_alone() -> None:
    group = declare(lambda: network({})).one("defaultSecurityGroup:DefaultSecurityGroup")
    assert group.inputs == {"vpcId": "net-id"}
    assert not declare(lambda: network({**EXISTING})).all("DefaultSecurityGroup")


def test_traffic_is_logged_where_it_is_asked_for() -> None:
    assert not declare(lambda: network({})).all("flowLog:FlowLog")
    kms = "arn:aws:kms:eu-west-1:123456789012:key/logs"
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    stack = {"log_kms_key_arn": kms, "log_retention_days": 365, "permissions_boundary_arn": boundary}
    declared = declare(lambda: network({"flow_logs": True, "stack": stack}))
    flows, group = declared.one("flowLog:FlowLog"), declared.one("logGroup:LogGroup", "net-flow-logs")
    assert (flows.inputs["vpcId"], flows.inputs["trafficType"]) == ("net-id", "ALL")
    assert flows.inputs["logDestination"].endswith(":log-group:net-flow-logs")
    assert group.inputs["name"] == "/aws/vpc/lambda-rds-proxy-test-net-flow-logs"
    assert (group.inputs["kmsKeyId"], group.inputs["retentionInDays"]) == (kms, 365)
    assert group.ignore_changes == ["name"]
    role = declared.one("role:Role", "net-flow-logs")
    assert role.inputs["permissionsBoundary"] == boundary
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    grant = declared.one("rolePolicy:RolePolicy", "net-flow-logs")
    writes, looks = declared.statements(grant)
    assert writes["Resource"].endswith(":log-group:net-flow-logs:*")
    assert looks["Action"] == ["logs:DescribeLogGroups"]
    assert declared.waits_for(flows, grant)


def test_every_child_has_the_component_as_its_parent() -> None:
    declared = declare(lambda: network({}))
    component = declared.one("index:Network")
    children = [each for each in declared.resources if each is not component]
    assert children
    assert {each.parent for each in children} == {component.urn}


@pytest.mark.parametrize("zones", [2, 3])
def test_a_new_vpc_has_a_subnet_in_every_zone_asked_for(zones: int) -> None:
    subnets = declare(lambda: network({"zones": zones})).all("subnet:Subnet")
    assert len({each.inputs["availabilityZone"] for each in subnets}) == zones


def test_a_region_with_fewer_zones_than_asked_for_is_named() -> None:
    with pytest.raises(pulumi.RunError, match="zones is 4; this region has 3 that RDS Proxy can be used in"):
        declare(lambda: network({"zones": 4}))


def test_an_existing_vpc_gets_an_endpoint_only_when_asked() -> None:
    with_endpoint: Any = {**EXISTING, "secrets_endpoint": True}
    declared = declare(lambda: network(with_endpoint))
    assert declared.one("vpcEndpoint:VpcEndpoint").inputs["vpcId"] == "vpc-1"
    assert declared.result["secrets_endpoint_security_group_id"] == "net-secrets-endpoint-id"


def test_the_endpoint_that_an_existing_vpc_has_is_used() -> None:
    with_endpoint: Any = {**EXISTING, "secrets_endpoint_security_group_id": "sg-1"}
    declared = declare(lambda: network(with_endpoint))
    assert declared.result["secrets_endpoint_security_group_id"] == "sg-1"
    assert not declared.all("vpcEndpoint:VpcEndpoint")


def test_a_preflight_names_everything_that_keeps_a_proxy_out() -> None:
    good: Any = {**EXISTING, "preflight": True}
    assert declare(lambda: network(good)).result["vpc_id"] == "vpc-1"
    bad: Any = {
        "vpc_id": "vpc-2",
        "subnet_ids": ["subnet-1", "subnet-11"],
        "preflight": True,
        "instance_class": "db.r6g.2xlarge",
    }
    with pytest.raises(pulumi.RunError) as caught:
        declare(lambda: network(bad))
    for words in (
        "subnet subnet-1 is in vpc-1, not in vpc-2",
        "1 usable zone",
        "10 free addresses; the proxy needs 15",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("vpc", "words"),
    [
        ({"enableDnsSupport": False}, "vpc-1 has enableDnsSupport off"),
        ({"enableDnsHostnames": False}, "vpc-1 has enableDnsHostnames off"),
        ({"instanceTenancy": "dedicated"}, "vpc-1 has tenancy dedicated"),
    ],
)
def test_a_preflight_asks_for_the_settings_of_the_vpc_too(vpc: dict[str, Any], words: str) -> None:
    existing: Any = {**EXISTING, "preflight": True, "secrets_endpoint": True}
    with pytest.raises(pulumi.RunError, match=words):
        declare(lambda: network(existing), answers={"aws:ec2/getVpc:getVpc": lambda _: vpc})


def test_a_subnet_stays_in_its_zone_when_the_list_of_available_zones_shifts() -> None:
    for subnet in declare(lambda: network({"zones": 3})).all("subnet:Subnet"):
        assert subnet.ignore_changes == ["availabilityZone"]


def test_an_impaired_zone_is_the_last_that_a_new_subnet_stands_in_and_no_reason_to_refuse_those_there() -> None:
    def answer(args: dict[str, Any]) -> dict[str, Any]:
        return {"names": ["eu-west-1b", "eu-west-1c"] if args.get("state") == "available" else ZONES}

    declared = declare(lambda: network({"zones": 3}), answers={ZONES_FUNCTION: answer})
    assert [each.inputs["availabilityZone"][-1] for each in declared.all("subnet:Subnet")] == ["b", "c", "a"]
