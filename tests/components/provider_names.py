"""What the real AWS provider takes as a name, and what it makes of a logical name when none is stated.

source: terraform-provider-aws v6.58.0 (validIdentifier, validSubnetGroupName, validParamGroupName,
validEventSubscriptionName, validRoleName, …), `autonaming.go` of pulumi-aws v7, `names.go` of pulumi-terraform-bridge:
a hyphen (none for an Instance) and 7 hexadecimal digits are appended, the case is kept, nothing is cut.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.components.declared import Declared


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a name must match, must not hold, and how long it may be."""

    pattern: str = r"[\s\S]*"
    refused: str = r"(?!)"
    longest: int = 255
    # Of a name that is not stated: what comes between it and the digits, and the longest; None where Pulumi has none.
    separator: str = "-"
    longest_automatic: int | None = 255

    def takes(self, name: str) -> bool:
        """Whether Check would let it pass, and AWS's own limit of length holds."""
        within = 1 <= len(name) <= self.longest
        return within and bool(re.fullmatch(self.pattern, name, re.ASCII)) and not re.search(self.refused, name)


_LOWER_CASE = r"[a-z][0-9a-z-]*"
_HYPHENS = r"--|-\Z"
# The provider has no limit of length for these; AWS has 63 (botocore's service model, and the RDS API reference).
_IDENTIFIER = Taken(pattern=_LOWER_CASE, refused=_HYPHENS, longest=63, longest_automatic=None)
_PARAMETER_GROUP = Taken(pattern=r"[a-z][0-9a-z.-]*", refused=_HYPHENS)
_IAM = r"[\w+=,.@-]+"
TAKEN: dict[tuple[str, str], Taken] = {
    ("rds/proxy:Proxy", "name"): Taken(pattern=_LOWER_CASE, refused=_HYPHENS, longest=63),
    ("rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup", "dbProxyName"): _IDENTIFIER,
    ("rds/proxyTarget:ProxyTarget", "dbProxyName"): _IDENTIFIER,
    ("rds/proxyTarget:ProxyTarget", "targetGroupName"): _IDENTIFIER,
    ("rds/proxyEndpoint:ProxyEndpoint", "dbProxyName"): _IDENTIFIER,
    ("rds/proxyEndpoint:ProxyEndpoint", "dbProxyEndpointName"): _IDENTIFIER,
    ("rds/instance:Instance", "identifier"): Taken(
        pattern=_LOWER_CASE, refused=_HYPHENS, longest=63, separator="", longest_automatic=255
    ),
    # Left out, these are `tf-` and 26 digits whatever the logical name.
    ("rds/cluster:Cluster", "clusterIdentifier"): _IDENTIFIER,
    ("rds/clusterInstance:ClusterInstance", "identifier"): _IDENTIFIER,
    ("rds/subnetGroup:SubnetGroup", "name"): Taken(pattern=r"[0-9a-z_ .-]+", refused=r"(?i)\Adefault\Z"),
    ("rds/parameterGroup:ParameterGroup", "name"): _PARAMETER_GROUP,
    ("rds/clusterParameterGroup:ClusterParameterGroup", "name"): _PARAMETER_GROUP,
    ("rds/eventSubscription:EventSubscription", "name"): Taken(pattern=r"[A-Za-z][0-9A-Za-z-]*", refused=_HYPHENS),
    ("lambda/function:Function", "name"): Taken(pattern=r"[0-9A-Za-z_-]+", longest=64, longest_automatic=64),
    ("iam/role:Role", "name"): Taken(pattern=_IAM, longest=64, longest_automatic=64),
    ("iam/rolePolicy:RolePolicy", "name"): Taken(pattern=_IAM, longest=128),
    ("ec2/securityGroup:SecurityGroup", "name"): Taken(refused=r"\Asg-"),
    ("secretsmanager/secret:Secret", "name"): Taken(pattern=r"[0-9A-Za-z/_+=.@-]+", longest=512),
    ("cloudwatch/logGroup:LogGroup", "name"): Taken(pattern=r"[0-9A-Za-z_./#-]+", longest=512),
    ("cloudwatch/logMetricFilter:LogMetricFilter", "name"): Taken(refused=r"[:*]", longest=512),
    ("cloudwatch/logMetricFilter:LogMetricFilter", "logGroupName"): Taken(pattern=r"[0-9A-Za-z_./#-]+", longest=512),
    ("cloudwatch/metricAlarm:MetricAlarm", "name"): Taken(),
    ("cloudwatch/compositeAlarm:CompositeAlarm", "alarmName"): Taken(longest_automatic=None),
    ("cloudwatch/dashboard:Dashboard", "dashboardName"): Taken(pattern=r"[0-9A-Za-z_-]+", longest_automatic=None),
    # CreateStack: StackName (CloudFormation API reference); the rotation function has the same name.
    ("serverlessrepository/cloudFormationStack:CloudFormationStack", "name"): Taken(
        pattern=r"[A-Za-z][0-9A-Za-z-]*", longest=64
    ),
}


def automatic(name: str, taken: Taken) -> str:
    """What Pulumi makes of a logical name."""
    return f"{name}{taken.separator}0a1b2c3"


def refused_names(declared: Declared) -> Iterator[str]:
    """Each name, stated or automatic, that the provider or AWS would refuse."""
    for (type_suffix, argument), taken in TAKEN.items():
        for each in declared.all(f":{type_suffix}"):
            name, longest = each.inputs.get(argument), taken.longest
            if name is None:
                if taken.longest_automatic is None:
                    continue
                name, longest = automatic(each.name, taken), min(longest, taken.longest_automatic)
            if len(name) > longest or not taken.takes(name):
                yield f"{each.type} {argument} {name!r}"
