import ipaddress

import pytest

from lambda_rds_proxy import Network
from tests.components.declared import declare


def test_a_new_vpc_has_private_subnets_in_two_zones_and_no_way_out() -> None:
    declared = declare(lambda: Network("net", {"vpc_cidr": "10.7.0.0/16"}).reference)
    subnets = declared.all("subnet:Subnet")
    assert [subnet.inputs["cidrBlock"] for subnet in subnets] == ["10.7.0.0/20", "10.7.16.0/20"]
    assert len({subnet.inputs["availabilityZone"] for subnet in subnets}) == 2
    kinds = {each.type.split(":")[-1] for each in declared.resources}
    assert not kinds & {"InternetGateway", "NatGateway", "EgressOnlyInternetGateway", "Route"}
    assert all("mapPublicIpOnLaunch" not in subnet.inputs for subnet in subnets)


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "10.0.0.0/20", "192.168.1.0/24"])
def test_subnets_lie_inside_the_vpc_and_do_not_overlap(cidr: str) -> None:
    declared = declare(lambda: Network("net", {"vpc_cidr": cidr}).reference)
    blocks = [ipaddress.IPv4Network(each.inputs["cidrBlock"]) for each in declared.all("subnet:Subnet")]
    assert all(block.subnet_of(ipaddress.IPv4Network(cidr)) for block in blocks)
    assert not blocks[0].overlaps(blocks[1])


def test_secrets_manager_is_reached_by_an_endpoint_with_private_dns() -> None:
    declared = declare(lambda: Network("net", {}).reference)
    endpoint = declared.one("vpcEndpoint:VpcEndpoint")
    assert endpoint.inputs["serviceName"] == "com.amazonaws.eu-west-1.secretsmanager"
    assert endpoint.inputs["privateDnsEnabled"] is True
    assert declared.result["secrets_endpoint_security_group_id"] == "net-secrets-endpoint-id"


def test_no_endpoint_is_paid_for_when_nothing_reads_secrets() -> None:
    declared = declare(lambda: Network("net", {"secrets_endpoint": False}).reference)
    assert not declared.all("vpcEndpoint:VpcEndpoint")
    assert "secrets_endpoint_security_group_id" not in declared.result


def test_an_existing_vpc_is_used_as_it_is() -> None:
    declared = declare(lambda: Network("net", {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}).reference)
    assert [each.type for each in declared.resources] == ["lambda-rds-proxy:index:Network"]
    assert declared.result == {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"vpc_id": "vpc-1"}, "vpc_id or subnet_ids alone"),
        ({"vpc_id": "vpc-1", "subnet_ids": ["subnet-1"]}, "has 1 subnet"),
        ({"vpc_id": "vpc-1", "subnet_ids": ["a", "b"], "vpc_cidr": "10.0.0.0/16"}, "not both"),
    ],
)
def test_contradicting_arguments_are_refused(args: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        declare(lambda: Network("net", args).reference)  # type: ignore[arg-type]


def test_every_child_has_the_component_as_its_parent() -> None:
    declared = declare(lambda: Network("net", {}).reference)
    component = declared.one("index:Network")
    children = [each for each in declared.resources if each is not component]
    assert children
    assert {each.parent for each in children} == {component.urn}
