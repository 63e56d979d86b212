"""Resource types by what they are, and where each provider keeps the properties that the rules read.

A new provider is one `Provider` row. Type tokens of pulumi-aws classic are the same in v5, v6 and v7.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cached_property, lru_cache

Path = tuple[str, ...]


class Kind(Enum):
    """What a resource is, to these rules."""

    FUNCTION = "function"
    INVOCATION = "invocation"
    DATABASE = "database"
    PROXY = "proxy"
    PROXY_ENDPOINT = "proxy endpoint"
    TARGET_GROUP = "target group"
    TARGET = "target"
    PARAMETER = "parameter"
    SECRET = "secret"  # noqa: S105 - a kind of resource
    SECRET_VERSION = "secret version"  # noqa: S105
    DNS_RECORD = "DNS record"
    DNS_ZONE = "DNS zone"
    SECURITY_GROUP = "security group"
    INGRESS_RULE = "ingress rule"
    ANYTHING = "resource that can be of any type"


# From their outputs no host can be made: names, keys, passwords, what a network or a database is furnished with.
_HOSTLESS = re.compile(
    r"(?:random|tls|time):|"
    r"aws(?:-native)?:(?:iam|kms|secretsmanager|cloudwatch|logs)[/:]|"
    r"aws(?:-native)?:(?:ec2|vpc)[/:](?:securityGroup|defaultSecurityGroup|subnet:|vpc:|routeTable|internetGateway)|"
    r"aws(?:-native)?:rds[/:]\w*(?:Subnet|Parameter|Option|Target)Group|"
    r"aws:lambda/(?:permission|layerVersion):|aws-native:lambda:(?:Permission|LayerVersion)|"
    r".*:tf:(?:random|tls|time|aws_iam|aws_kms|aws_secretsmanager|aws_cloudwatch|aws_security_group|aws_vpc_security|"
    r"aws_subnet|aws_vpc$|aws_db_(?:subnet|parameter|option)|aws_rds_cluster_parameter|aws_lambda_permission)",
    re.IGNORECASE,
)

SECRETS = frozenset({Kind.SECRET, Kind.SECRET_VERSION})
HOLDERS = SECRETS | {Kind.PARAMETER, Kind.DNS_RECORD}
"""What can hand a host on: a function gets the holder, or its name, and finds the host in it."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One provider: its tokens by kind, and the property paths; those without a default differ between providers."""

    tokens: Mapping[str, Kind]
    pool: Path
    function_name: Path
    proxy_name: Path
    proxy_auth: Path
    database_names: tuple[Path, ...]
    target_databases: tuple[Path, ...]
    contents: tuple[Path, ...]
    holder_names: tuple[Path, ...]
    inline_ingress: Path
    rule_group: Path
    group_ids: tuple[Path, ...]
    environment: Path = ("environment", "variables")
    function_groups: Path = ("vpcConfig", "securityGroupIds")
    invoked: Path = ("functionName",)
    engine: Path = ("engine",)
    engine_mode: Path = ("engineMode",)
    port: Path = ("port",)
    engine_family: Path = ("engineFamily",)
    link_proxy: Path = ("dbProxyName",)
    require_tls: Path = ("requireTls",)
    idle_client_timeout: Path = ("idleClientTimeout",)
    default_auth_scheme: Path = ("defaultAuthScheme",)
    secret: Path = ("secretId",)
    endpoint_names: tuple[Path, ...] = (
        ("clusterEndpointIdentifier",),
        ("dbClusterEndpointIdentifier",),
        ("globalClusterIdentifier",),
    )
    engine_version: Path = ("engineVersion",)
    scalability: Path = ("clusterScalabilityType",)
    region: Path = ("region",)  # of pulumi-aws 7
    data_api: Path = ("enableHttpEndpoint",)
    engine_sources: tuple[Path, ...] = (
        ("replicateSourceDb",),
        ("sourceDbInstanceIdentifier",),
        ("clusterIdentifier",),
        ("dbClusterIdentifier",),
        ("sourceDbClusterIdentifier",),
    )
    zones: tuple[Path, ...] = (("zoneId",), ("hostedZoneId",), ("hostedZoneName",), ("zoneName",), ("fqdn",))
    security_groups: tuple[Path, ...] = (("vpcSecurityGroupIds",), ("vpcSecurityGroups",))

    @cached_property
    def properties(self) -> frozenset[str]:
        """The top-level properties that some rule reads; nothing else of a resource is touched."""
        found = set(RULE_PROPERTIES)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                found |= {each[0] if isinstance(each, tuple) else value[0] for each in value}
        return frozenset(found)


# How rules of a security group, inline or of their own, name who is admitted and where; no two providers disagree.
GROUP_SOURCES = ("securityGroups", "sourceSecurityGroupId", "referencedSecurityGroupId")
CIDR_SOURCES = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6", "cidrIp")
LIST_SOURCES = ("prefixListIds", "prefixListId", "sourcePrefixListId")
RULE_PROPERTIES = frozenset(
    {*GROUP_SOURCES, *CIDR_SOURCES, *LIST_SOURCES, "self", "type", "protocol", "ipProtocol", "fromPort", "toPort"}
)

CLASSIC = Provider(
    tokens={
        "aws:lambda/function:Function": Kind.FUNCTION,
        "aws:lambda/invocation:Invocation": Kind.INVOCATION,
        "aws:rds/instance:Instance": Kind.DATABASE,
        "aws:rds/cluster:Cluster": Kind.DATABASE,
        "aws:rds/clusterInstance:ClusterInstance": Kind.DATABASE,
        "aws:rds/clusterEndpoint:ClusterEndpoint": Kind.DATABASE,
        "aws:rds/globalCluster:GlobalCluster": Kind.DATABASE,
        "aws:rds/shardGroup:ShardGroup": Kind.DATABASE,
        "aws:rds/proxy:Proxy": Kind.PROXY,
        "aws:rds/proxyEndpoint:ProxyEndpoint": Kind.PROXY_ENDPOINT,
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": Kind.TARGET_GROUP,
        "aws:rds/proxyTarget:ProxyTarget": Kind.TARGET,
        "aws:ssm/parameter:Parameter": Kind.PARAMETER,
        "aws:secretsmanager/secret:Secret": Kind.SECRET,
        "aws:secretsmanager/secretVersion:SecretVersion": Kind.SECRET_VERSION,
        "aws:route53/record:Record": Kind.DNS_RECORD,
        "aws:route53/zone:Zone": Kind.DNS_ZONE,
        "aws:ec2/securityGroup:SecurityGroup": Kind.SECURITY_GROUP,
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Kind.SECURITY_GROUP,
        "aws:ec2/securityGroupRule:SecurityGroupRule": Kind.INGRESS_RULE,
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Kind.INGRESS_RULE,
    },
    pool=("connectionPoolConfig", "maxConnectionsPercent"),
    function_name=("name",),
    proxy_name=("name",),
    proxy_auth=("auths",),
    database_names=(("identifier",), ("clusterIdentifier",)),
    target_databases=(("dbInstanceIdentifier",), ("dbClusterIdentifier",)),
    contents=(
        ("value",),
        ("insecureValue",),
        ("valueWo",),
        ("secretString",),
        ("secretStringWo",),
        ("records",),
        ("aliases",),
        ("alias",),
    ),
    holder_names=(("name",), ("arn",), ("id",)),
    inline_ingress=("ingress",),
    rule_group=("securityGroupId",),
    group_ids=(("id",),),
)
NATIVE = Provider(
    tokens={
        "aws-native:lambda:Function": Kind.FUNCTION,
        "aws-native:rds:DbInstance": Kind.DATABASE,
        "aws-native:rds:DbCluster": Kind.DATABASE,
        "aws-native:rds:DbClusterEndpoint": Kind.DATABASE,
        "aws-native:rds:GlobalCluster": Kind.DATABASE,
        "aws-native:rds:DbShardGroup": Kind.DATABASE,
        "aws-native:rds:DbProxy": Kind.PROXY,
        "aws-native:rds:DbProxyEndpoint": Kind.PROXY_ENDPOINT,
        "aws-native:rds:DbProxyTargetGroup": Kind.TARGET_GROUP,
        "aws-native:ssm:Parameter": Kind.PARAMETER,
        "aws-native:secretsmanager:Secret": Kind.SECRET,
        "aws-native:secretsmanager:SecretTargetAttachment": Kind.SECRET_VERSION,
        "aws-native:route53:RecordSet": Kind.DNS_RECORD,
        "aws-native:route53:HostedZone": Kind.DNS_ZONE,
        "aws-native:ec2:SecurityGroup": Kind.SECURITY_GROUP,
        "aws-native:ec2:SecurityGroupIngress": Kind.INGRESS_RULE,
    },
    pool=("connectionPoolConfigurationInfo", "maxConnectionsPercent"),
    function_name=("functionName",),
    proxy_name=("dbProxyName",),
    proxy_auth=("auth",),
    database_names=(("dbInstanceIdentifier",), ("dbClusterIdentifier",)),
    target_databases=(("dbInstanceIdentifiers",), ("dbClusterIdentifiers",)),
    # A SecretTargetAttachment writes its target's host into the secret.
    contents=(("value",), ("secretString",), ("resourceRecords",), ("aliasTarget",), ("targetId",)),
    holder_names=(("name",), ("arn",), ("id",)),
    inline_ingress=("securityGroupIngress",),
    rule_group=("groupId",),
    group_ids=(("groupId",), ("id",)),
)
# What these make stands in a text of theirs, or in a program that nobody sees: a proxy's target group, for instance.
ANYTHING = replace(
    CLASSIC,
    tokens=dict.fromkeys(
        (
            "aws:cloudcontrol/resource:Resource",
            "aws:cloudformation/stack:Stack",
            "aws:cloudformation/stackSet:StackSet",
            "aws-native:cloudformation:Stack",
            "aws-native:index:ExtensionResource",
            "command:local:Command",
            "command:remote:Command",
            "pulumi-nodejs:dynamic:Resource",
            "pulumi-python:dynamic:Resource",
            "null:index/resource:Resource",
        ),
        Kind.ANYTHING,
    ),
    contents=tuple(
        (name,)
        for name in (
            "typeName",
            "desiredState",
            "type",
            "properties",
            "templateBody",
            "templateUrl",
            "parameters",
            "create",
            "update",
            "environment",
            "stdin",
            "triggers",
            "input",
            "__provider",
            "dbProxyName",
            "name",
        )
    ),
)


# The same types where Pulumi makes them of Terraform's: `package:tf:aws_db_instance` in a module, with Terraform's own
# names of properties, and `aws:index/dbInstance:DbInstance` of a provider that is bridged when a program is run.
# source: childResourceTypeToken in pulumi-terraform-module, pkg/modprovider/child.go.
_TERRAFORM_TYPES = {
    "lambda_function": Kind.FUNCTION,
    "lambda_invocation": Kind.INVOCATION,
    "db_instance": Kind.DATABASE,
    "rds_cluster": Kind.DATABASE,
    "rds_cluster_instance": Kind.DATABASE,
    "rds_cluster_endpoint": Kind.DATABASE,
    "rds_global_cluster": Kind.DATABASE,
    "rds_shard_group": Kind.DATABASE,
    "db_proxy": Kind.PROXY,
    "db_proxy_endpoint": Kind.PROXY_ENDPOINT,
    "db_proxy_default_target_group": Kind.TARGET_GROUP,
    "db_proxy_target": Kind.TARGET,
    "ssm_parameter": Kind.PARAMETER,
    "secretsmanager_secret": Kind.SECRET,
    "secretsmanager_secret_version": Kind.SECRET_VERSION,
    "route53_record": Kind.DNS_RECORD,
    "route53_zone": Kind.DNS_ZONE,
    "security_group": Kind.SECURITY_GROUP,
    "default_security_group": Kind.SECURITY_GROUP,
    "security_group_rule": Kind.INGRESS_RULE,
    "vpc_security_group_ingress_rule": Kind.INGRESS_RULE,
}
BRIDGED = replace(CLASSIC, tokens={}, function_name=("functionName",), inline_ingress=("ingresses",))
TERRAFORM = replace(CLASSIC, tokens={}, function_name=("functionName",), proxy_auth=("auth",))
_TERRAFORM_TOKEN = re.compile(r"[^:]+:tf:aws_(?P<type>\w+)", re.ASCII)
_BRIDGED_TOKEN = re.compile(r"[\w-]*aws[\w-]*:index/(?P<type>\w+):\w+", re.ASCII)

_BY_TOKEN = {
    token: (kind, provider) for provider in (CLASSIC, NATIVE, ANYTHING) for token, kind in provider.tokens.items()
}
INSPECTED = frozenset(_BY_TOKEN)
"""The types that are known by their tokens; those made of Terraform's are known by their form."""


def has_no_host(token: str) -> bool:
    """Whether a type hands out nothing that could be a host."""
    return _HOSTLESS.match(token) is not None


def kind_of(token: str) -> Kind | None:
    """What a type is, or None when no rule is interested in it."""
    found = _row(token)
    return found[0] if found else None


def provider_of(token: str) -> Provider:
    """The row of an inspected type's provider.

    Raises:
        KeyError: no rule is interested in the type.
    """
    found = _row(token)
    if found is None:
        raise KeyError(token)
    return found[1]


def is_terraforms(token: str) -> bool:
    """Whether a type's properties have Terraform's names: vpc_config for vpcConfig."""
    return _TERRAFORM_TOKEN.fullmatch(token) is not None


@lru_cache(maxsize=4096)
def _row(token: str) -> tuple[Kind, Provider] | None:
    if token in _BY_TOKEN:
        return _BY_TOKEN[token]
    for pattern, provider in ((_TERRAFORM_TOKEN, TERRAFORM), (_BRIDGED_TOKEN, BRIDGED)):
        match = pattern.fullmatch(token)
        if match:
            kind = _TERRAFORM_TYPES.get(terraforms_name(match["type"]))
            return (kind, provider) if kind else None
    return None


def terraforms_name(name: str) -> str:
    """A name as Terraform writes it: db_instance for dbInstance."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def pulumis_name(name: str) -> str:
    """A name as Pulumi writes it: dbInstance for db_instance."""
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)
