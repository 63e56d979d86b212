"""What components hand to each other: references of inputs, not objects.

So an existing network, database or proxy is a reference written down, and every component can be served to other
languages.
"""

from typing import NotRequired, TypedDict

import pulumi

from .engines import Auth, Engine, TargetKind


class NetworkRef(TypedDict):
    """A VPC with at least two subnets in at least two availability zones."""

    vpc_id: pulumi.Input[str]
    """Id of the VPC."""
    subnet_ids: pulumi.Input[list[pulumi.Input[str]]]
    """Ids of private subnets that reach the database; at least two, in at least two zones."""
    secrets_endpoint_security_group_id: NotRequired[pulumi.Input[str]]
    """Security group of the VPC's Secrets Manager endpoint. Without it functions reach Secrets Manager over the
    network's own route (NAT), and may open port 443 to anywhere."""


class DatabaseRef(TypedDict):
    """A database that a proxy can stand before."""

    engine: Engine
    """postgresql or mysql."""
    kind: TargetKind
    """instance or cluster."""
    identifier: pulumi.Input[str]
    """DBInstanceIdentifier or DBClusterIdentifier."""
    endpoint: pulumi.Input[str]
    """Host name of the instance, or of the cluster's writer, without a port."""
    port: pulumi.Input[int]
    """Port the database listens on (a proxy always listens on the engine's own)."""
    database_name: str
    """Name of the database the application uses."""
    resource_id: pulumi.Input[str]
    """`db-…` or `cluster-…`: what IAM policies for logging in to the database name."""
    security_group_id: pulumi.Input[str]
    """Security group of the database; rules are added to it, never inline."""
    admin_secret_arn: NotRequired[pulumi.Input[str]]
    """Secret with the master user's `username` and `password`. Without it no user can be made: the SQL is printed."""
    admin_secret_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Customer managed key that encrypts that secret."""
    max_connections: NotRequired[int]
    """`max_connections` of the database, for the connection budget."""
    instance_class: NotRequired[str]
    """Class of its instances, for the cost of a proxy and its free addresses."""
    readers: NotRequired[int]
    """Instances of a cluster beside its writer, where it is known; a reader endpoint needs one."""


class DatabaseUserRef(TypedDict):
    """The application's user in the database."""

    user: str
    """Name of the user."""
    auth: Auth
    """iam, iam-end-to-end or secret."""
    secret_arn: NotRequired[pulumi.Input[str]]
    """Secret with `username` and `password`, known once it has a value; absent for iam-end-to-end."""
    secret_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Customer managed key that encrypts the secret."""
    admin_function_name: NotRequired[pulumi.Input[str]]
    """The private function that made the user and can verify the way through; absent without bootstrap."""
    admin_role_name: NotRequired[pulumi.Input[str]]
    """Role of that function."""
    admin_security_group_id: NotRequired[pulumi.Input[str]]
    """Security group of that function."""


class ProxyRef(TypedDict):
    """A proxy that functions can use."""

    name: pulumi.Input[str]
    """DBProxyName."""
    id: pulumi.Input[str]
    """`prx-…`, the last part of the proxy's ARN: what IAM policies for connecting name."""
    arn: pulumi.Input[str]
    """ARN of the proxy."""
    endpoint: pulumi.Input[str]
    """Host name, without a port."""
    reader_endpoint: NotRequired[pulumi.Input[str]]
    """Host name of the read-only endpoint of a cluster's proxy."""
    port: int
    """5432 or 3306, whatever the database's own port."""
    engine: Engine
    """postgresql or mysql."""
    auth: Auth
    """How clients log in."""
    user: str
    """The application's user."""
    database_name: str
    """Name of the database the application uses."""
    secret_arn: NotRequired[pulumi.Input[str]]
    """Secret that clients read, for auth secret."""
    secret_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Customer managed key that encrypts the secret."""
    security_group_id: pulumi.Input[str]
    """Security group of the proxy."""
    client_security_group_id: pulumi.Input[str]
    """Security group that the proxy admits: give it to whatever connects."""


class FunctionRef(TypedDict):
    """A function that uses a proxy, as a Monitor watches it."""

    name: pulumi.Input[str]
    """Name of the function."""
    log_group_name: pulumi.Input[str]
    """Its log, in Lambda's text format: a filter counts timeouts there."""
    timeout: int
    """Seconds after which Lambda ends an invocation."""
    reserved_concurrency: NotRequired[int]
    """How many environments may run at once, if it is reserved."""
