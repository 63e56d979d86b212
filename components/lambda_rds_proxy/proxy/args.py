"""Settings of a proxy.

Ranges: botocore's `rds` service model (ConnectionPoolConfiguration, CreateDBProxy).
"""

from typing import NotRequired, TypedDict

import pulumi

from ..references import RDS_IDENTIFIER, DatabaseRef, DatabaseUserRef, NetworkRef
from ..settings.checks import Checks, default, number, one_of, passes
from ..stack.args import StackSettings
from .debug_logging import parse_until


class ProxySettings(TypedDict):
    """Percents are of the database's max_connections, timeouts are seconds."""

    max_connections_percent: NotRequired[int]
    """Share of the database's max_connections that the proxy may take, 1 to 100; default 85."""
    max_idle_connections_percent: NotRequired[int]
    """Share that it keeps when idle, 0 to 100 and at most `max_connections_percent`; half of that without it."""
    other_proxies_percent: NotRequired[int]
    """Share that other proxies of the same database take, 0 to 100; all together at most 90; default 0."""
    connection_borrow_timeout: NotRequired[int]
    """Seconds a client waits for a connection, 0 to 300 and below every function's timeout, so that the answer comes
    before the function ends; default 5."""
    idle_client_timeout: NotRequired[int]
    """Seconds until an idle client is let go, 1 to 28800; default 1800."""
    init_query: NotRequired[pulumi.Input[str]]
    """SQL that runs once on every new database connection, such as SET x = 1; SET y = 2. Whoever may describe the
    target group can read it: no secrets."""
    session_pinning_filters: NotRequired[list[str]]
    """What does not pin, MySQL only: EXCLUDE_VARIABLE_SETS, right only if no function relies on a variable it set."""
    client_password_auth_type: NotRequired[str]
    """How clients with a password prove it: POSTGRES_SCRAM_SHA_256 or MYSQL_CACHING_SHA2_PASSWORD without it; the
    others are POSTGRES_MD5 and MYSQL_NATIVE_PASSWORD, for users whose password is stored so."""
    debug_logging_until: NotRequired[str]
    """ISO 8601 time, at most 24 hours ahead, until which the proxy logs SQL text and why it pins; off without it."""
    extra_clients: NotRequired[dict[str, pulumi.Input[str]]]
    """Security groups that may reach the proxy too, by a name for each, such as {bastion: sg-…}; their way out is
    theirs."""
    endpoint_network_type: NotRequired[str]
    """IP versions that clients may use, IPV4, IPV6 or DUAL; the latter two need subnets of an existing VPC with IPv6
    networks, and another one makes another proxy; IPV4 without it."""
    reader_endpoint: NotRequired[bool]
    """Whether a cluster with at least 2 instances gets a read-only endpoint; default false."""


class AdoptedProxy(TypedDict):
    """A proxy that was made elsewhere and is managed here, with its target and its log group."""

    name: str
    """DBProxyName."""
    target_identifier: NotRequired[str]
    """DBInstanceIdentifier or DBClusterIdentifier that it stands in front of; the database's own without it."""


class DatabaseProxyArgs(TypedDict):
    """A new proxy."""

    network: NetworkRef
    """Where it stands: the database's VPC."""
    database: DatabaseRef
    """What it stands in front of."""
    user: DatabaseUserRef
    """The application's user."""
    more_users: NotRequired[list[DatabaseUserRef]]
    """Other users that may come through it, each with its own secret and its own way to log in."""
    settings: NotRequired[ProxySettings]
    """Its pool, its clients and its logs."""
    stack: NotRequired[StackSettings]
    """What holds for all resources."""
    adopted: NotRequired[AdoptedProxy]
    """A proxy that was made elsewhere and is managed here; it keeps its name, its endpoint and its target."""
    import_changes: NotRequired[list[str]]
    """Present until what is adopted is imported: names of properties that the import may change, such as roleArn."""


CHECKS: Checks = {
    "max_connections_percent": number(1, 100, default=85),
    "max_idle_connections_percent": number(0, 100),
    "other_proxies_percent": number(0, 100, default=0),
    "connection_borrow_timeout": number(0, 300, default=5),
    "idle_client_timeout": number(1, 28_800, default=1800),
    "debug_logging_until": passes(lambda text: parse_until(text) is not None, 'a time such as "2026-11-25T18:00Z"'),
    # CreateDBProxy, EndpointNetworkType (botocore's service model).
    "endpoint_network_type": one_of(("IPV4", "IPV6", "DUAL")),
    "reader_endpoint": default(False),
    "name": RDS_IDENTIFIER,
    "target_identifier": RDS_IDENTIFIER,
}
