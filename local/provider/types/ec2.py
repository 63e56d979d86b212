"""Networks: recorded only."""

from collections.abc import Callable

from .. import ACCOUNT
from ..properties import Properties
from .limits import Matching
from .row import AwsType, Resource, numbered

# EC2 API reference, GroupDescription and SecurityGroupRuleDescription: no apostrophe, no arrow; the provider checks the
# length only.
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
    AwsType("aws:ec2/vpc:Vpc", id=numbered("vpc"), outputs=_vpc),
    AwsType("aws:ec2/subnet:Subnet", id=numbered("subnet"), outputs=_subnet),
    AwsType("aws:ec2/routeTable:RouteTable", id=numbered("rtb"), outputs=_owned("route-table")),
    AwsType("aws:ec2/routeTableAssociation:RouteTableAssociation", id=numbered("rtbassoc")),
    AwsType(
        "aws:ec2/securityGroup:SecurityGroup",
        limits=(_DESCRIPTION,),
        id=numbered("sg"),
        outputs=_owned("security-group"),
    ),
    # The group that the VPC has from the beginning, taken over.
    AwsType(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        id=lambda group: str(group.inputs.get("vpcId", "vpc-")).replace("vpc-", "sg-", 1),
        outputs=_owned("security-group", name="default", description="default VPC security group"),
    ),
    AwsType("aws:ec2/flowLog:FlowLog", id=numbered("fl"), outputs=_owned("vpc-flow-log")),
    *(
        AwsType(token, limits=(_DESCRIPTION,), id=numbered("sgr"), outputs=_rule)
        for token in (
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        )
    ),
    AwsType(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        id=numbered("vpce"),
        outputs=_owned("vpc-endpoint", state="available"),
    ),
)
