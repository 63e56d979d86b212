"""Resource types by what they are, and where each provider keeps the properties that the rules read.

A new provider is one `Provider` row. Type tokens of pulumi-aws classic are the same in v5, v6 and v7.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a resource is, to these rules."""

    FUNCTION = "function"
    DATABASE = "database"
    PROXY = "proxy"
    TARGET_GROUP = "target group"
    TARGET = "target"


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One provider: its tokens by kind, and the property paths that differ between providers."""

    tokens: Mapping[str, Kind]
    environment: tuple[str, ...] = ("environment", "variables")
    pool: tuple[str, ...]
    proxy_name: tuple[str, ...]
    target_databases: tuple[str, ...]


CLASSIC = Provider(
    tokens={
        "aws:lambda/function:Function": Kind.FUNCTION,
        "aws:rds/instance:Instance": Kind.DATABASE,
        "aws:rds/cluster:Cluster": Kind.DATABASE,
        "aws:rds/clusterInstance:ClusterInstance": Kind.DATABASE,
        "aws:rds/clusterEndpoint:ClusterEndpoint": Kind.DATABASE,
        "aws:rds/globalCluster:GlobalCluster": Kind.DATABASE,
        "aws:rds/proxy:Proxy": Kind.PROXY,
        "aws:rds/proxyEndpoint:ProxyEndpoint": Kind.PROXY,
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": Kind.TARGET_GROUP,
        "aws:rds/proxyTarget:ProxyTarget": Kind.TARGET,
    },
    pool=("connectionPoolConfig", "maxConnectionsPercent"),
    proxy_name=("name",),
    target_databases=("dbInstanceIdentifier", "dbClusterIdentifier"),
)
NATIVE = Provider(
    tokens={
        "aws-native:lambda:Function": Kind.FUNCTION,
        "aws-native:rds:DbInstance": Kind.DATABASE,
        "aws-native:rds:DbCluster": Kind.DATABASE,
        "aws-native:rds:DbClusterEndpoint": Kind.DATABASE,
        "aws-native:rds:GlobalCluster": Kind.DATABASE,
        "aws-native:rds:DbProxy": Kind.PROXY,
        "aws-native:rds:DbProxyEndpoint": Kind.PROXY,
        "aws-native:rds:DbProxyTargetGroup": Kind.TARGET_GROUP,
    },
    pool=("connectionPoolConfigurationInfo", "maxConnectionsPercent"),
    proxy_name=("dbProxyName",),
    target_databases=("dbInstanceIdentifiers", "dbClusterIdentifiers"),
)
_BY_TOKEN = {token: (kind, provider) for provider in (CLASSIC, NATIVE) for token, kind in provider.tokens.items()}
INSPECTED = frozenset(_BY_TOKEN)
FUNCTIONS = frozenset(token for token, (kind, _) in _BY_TOKEN.items() if kind is Kind.FUNCTION)
TARGET_GROUPS = frozenset(token for token, (kind, _) in _BY_TOKEN.items() if kind is Kind.TARGET_GROUP)


def kind_of(token: str) -> Kind | None:
    """What a type is, or None when no rule is interested in it."""
    return _BY_TOKEN[token][0] if token in _BY_TOKEN else None


def provider_of(token: str) -> Provider:
    """The row of an inspected type's provider."""
    return _BY_TOKEN[token][1]
