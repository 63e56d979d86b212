"""Networks: recorded only."""

from collections.abc import Callable

from .. import ACCOUNT
from ..properties import Properties
from .limits import Matching
from .row import AwsType, Name, Resource, numbered

# EC2 API reference, GroupDescription and SecurityGroupRuleDescription: no apostrophe, no arrow.
_DESCRIPTION = Matching(
    "description",
    r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}",
    "EC2 takes at most 255 of a-z A-Z 0-9 and ._-:/()#,@[]+=&;{}!$*",
)


def _owned(kind: str, **more: str) -> Callable[[Resource], Properties]:
    return lambda made: {"arn": made.arn("ec2", f"{kind}/{made.id}"), "ownerId": ACCOUNT, **more}


def _vpc(vpc: Resource) -> Properties:
    own = {
        "mainRouteTableId": f"rtb-{vpc.unique}",
        "defaultRouteTableId": f"rtb-{vpc.unique}",
        "defaultSecurityGroupId": f"sg-{vpc.unique}",
        "defaultNetworkAclId": f"acl-{vpc.unique}",
        "dhcpOptionsId": f"dopt-{vpc.unique}",
    }
    return _owned("vpc", **own)(vpc)


def _subnet(subnet: Resource) -> Properties:
    zone = str(subnet.inputs.get("availabilityZone", f"{subnet.region}a"))
    return _owned("subnet", availabilityZone=zone, availabilityZoneId=f"euw1-az{'abc'.find(zone[-1]) + 1}")(subnet)


def _rule(rule: Resource) -> Properties:
    return _owned("security-group-rule", securityGroupRuleId=rule.id)(rule)


TYPES = (
    AwsType(
        "aws:ec2/vpc:Vpc",
        replaced_by=("cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength"),
        defaults={"instanceTenancy": "default"},
        id=numbered("vpc"),
        outputs=_vpc,
    ),
    AwsType(
        "aws:ec2/subnet:Subnet",
        replaced_by=("vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "ipv6Native", "outpostArn"),
        defaults={"mapPublicIpOnLaunch": False},
        id=numbered("subnet"),
        outputs=_subnet,
    ),
    AwsType("aws:ec2/routeTable:RouteTable", replaced_by=("vpcId",), id=numbered("rtb"), outputs=_owned("route-table")),
    AwsType(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        replaced_by=("subnetId", "gatewayId"),
        id=numbered("rtbassoc"),
    ),
    AwsType(
        "aws:ec2/securityGroup:SecurityGroup",
        name=Name("name", 255),
        replaced_by=("name", "namePrefix", "description", "vpcId"),
        defaults={"description": "Managed by Pulumi", "revokeRulesOnDelete": False},
        limits=(_DESCRIPTION,),
        id=numbered("sg"),
        outputs=_owned("security-group"),
    ),
    *(
        AwsType(token, replaced_by=("securityGroupId",), limits=(_DESCRIPTION,), id=numbered("sgr"), outputs=_rule)
        for token in (
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        )
    ),
    AwsType(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        replaced_by=("vpcId", "serviceName", "vpcEndpointType"),
        defaults={"vpcEndpointType": "Gateway"},
        id=numbered("vpce"),
        outputs=_owned("vpc-endpoint", state="available"),
    ),
)
