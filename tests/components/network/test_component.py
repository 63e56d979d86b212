import ipaddress
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
    kinds = {each.type.split(":")[-1] for each in declared.resources}
    assert not kinds & {"InternetGateway", "NatGateway", "EgressOnlyInternetGateway", "Route"}
    assert all("mapPublicIpOnLaunch" not in subnet.inputs for subnet in subnets)


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
        ({**EXISTING, "vpc_cidr": "10.0.0.0/16"}, "settings.vpc_cidr is for a new VPC"),
    ],
)
def test_contradicting_arguments_are_refused(args: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        declare(lambda: network(args))


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


def test_a_subnet_stays_in_its_zone_when_the_list_of_available_zones_shifts() -> None:
    for subnet in declare(lambda: network({"zones": 3})).all("subnet:Subnet"):
        assert subnet.ignore_changes == ["availabilityZone"]


def test_an_impaired_zone_is_the_last_that_a_new_subnet_stands_in_and_no_reason_to_refuse_those_there() -> None:
    def answer(args: dict[str, Any]) -> dict[str, Any]:
        return {"names": ["eu-west-1b", "eu-west-1c"] if args.get("state") == "available" else ZONES}

    declared = declare(lambda: network({"zones": 3}), answers={ZONES_FUNCTION: answer})
    assert [each.inputs["availabilityZone"][-1] for each in declared.all("subnet:Subnet")] == ["b", "c", "a"]
