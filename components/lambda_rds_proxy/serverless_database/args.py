"""The arguments of a ServerlessDatabase: everything that its parts take, under one name each."""

from typing import NotRequired, TypedDict

import pulumi

from ..adoption import AdoptedDatabase, AdoptedProxy
from ..engines import Auth, Engine, Profile, TargetKind
from ..references import DatabaseRef


class FunctionArgs(TypedDict):
    """One function of a ServerlessDatabase; see DatabaseFunctionArgs."""

    name: str
    """Logical name, unique among the functions."""
    path: str
    """Folder with its source."""
    user: NotRequired[str]
    """Which user it connects as; default the application's user."""
    handler: NotRequired[str]
    """module.function; default app.handler."""
    memory: NotRequired[int]
    """MB; default 256."""
    timeout: NotRequired[int]
    """Seconds, above the borrow timeout; default 15."""
    reserved_concurrency: NotRequired[int]
    """How many environments may run at once."""
    architecture: NotRequired[str]
    """arm64 (default) or x86_64."""
    environment: NotRequired[dict[str, str]]
    """More environment variables."""
    tracing: NotRequired[bool]
    """Whether X-Ray traces it; default false."""


class UserArgs(TypedDict):
    """One more user of the database, with its own secret and grants."""

    name: str
    """Name of the user."""
    auth: NotRequired[Auth]
    """iam (default), iam-end-to-end or secret."""


class ServerlessDatabaseArgs(TypedDict):
    """Everything has a default but the functions; names and meanings are those of the parts' own arguments."""

    functions: list[FunctionArgs]
    """The functions that use the database."""
    profile: NotRequired[Profile]
    """dev (default), or prod: protects what holds data."""
    database: NotRequired[DatabaseRef]
    """An existing database, with its max_connections; the arguments of a new one are then left out."""
    engine: NotRequired[Engine]
    """postgresql (default) or mysql."""
    engine_version: NotRequired[str]
    """Version of the engine; the default is pinned."""
    kind: NotRequired[TargetKind]
    """instance (default) or cluster."""
    instance_class: NotRequired[str]
    """DB instance class, or db.serverless; default db.t4g.micro, of a cluster db.t4g.medium."""
    instances: NotRequired[int]
    """Instances of a cluster; default 1, prod 2."""
    min_capacity: NotRequired[float]
    """Lowest capacity of db.serverless in ACU; default 0.5."""
    max_capacity: NotRequired[float]
    """Highest capacity of db.serverless in ACU; default 4."""
    storage_gib: NotRequired[int]
    """Storage of an instance in GiB; default 20."""
    database_name: NotRequired[str]
    """Database of the application; default app_db."""
    port: NotRequired[int]
    """Port of the database; default the engine's own."""
    max_connections: NotRequired[int]
    """Overrides what RDS derives from the instance class."""
    parameters: NotRequired[dict[str, str]]
    """More parameters of the server."""
    backup_retention_days: NotRequired[int]
    """Days of automated backups; default 1, prod 7."""
    snapshot_identifier: NotRequired[str]
    """Snapshot to restore from, for as long as the database lives."""
    kms_key_arn: NotRequired[str]
    """Customer managed key of storage and secrets; default AWS's own keys."""
    performance_insights: NotRequired[bool]
    """Whether Performance Insights is on; default true where the class has it."""
    adopted_database: NotRequired[AdoptedDatabase]
    """A database that was made elsewhere and is managed here."""
    adopted_proxy: NotRequired[AdoptedProxy]
    """A proxy that was made elsewhere and is managed here; its target is the adopted or existing database."""
    database_user: NotRequired[str]
    """User of the application; default app."""
    auth: NotRequired[Auth]
    """iam (default), iam-end-to-end or secret."""
    users: NotRequired[list[UserArgs]]
    """More users, for functions that are not to share the application's."""
    rotation_days: NotRequired[int]
    """Days after which every user's password is changed; default never."""
    vpc_cidr: NotRequired[str]
    """IPv4 network of a new VPC; default 10.0.0.0/16."""
    zones: NotRequired[int]
    """Availability zones of a new VPC, 2–6; default 2."""
    vpc_id: NotRequired[str]
    """Existing VPC, with subnet_ids."""
    subnet_ids: NotRequired[list[str]]
    """At least two subnets of the existing VPC, in different zones."""
    secrets_endpoint: NotRequired[bool]
    """Whether an endpoint for Secrets Manager is made; default: in a new VPC, when something there reads a secret."""
    secrets_endpoint_security_group_id: NotRequired[str]
    """Security group of the endpoint that an existing VPC has already."""
    preflight: NotRequired[bool]
    """Whether existing subnets are checked first, which reads AWS at preview; default false."""
    max_connections_percent: NotRequired[int]
    """Share of max_connections the proxy may take, 1–100; default 85."""
    max_idle_connections_percent: NotRequired[int]
    """Share it keeps when idle; default half of it."""
    other_proxies_percent: NotRequired[int]
    """Share that other proxies of the same database take; default 0."""
    connection_borrow_timeout: NotRequired[int]
    """Seconds a client waits for a connection, 0–300; default 5."""
    idle_client_timeout: NotRequired[int]
    """Seconds until an idle client is let go, 1–28800; default 1800."""
    init_query: NotRequired[str]
    """SQL that runs once on every new database connection."""
    session_pinning_filters: NotRequired[list[str]]
    """What does not pin, MySQL only."""
    reader_endpoint: NotRequired[bool]
    """Whether the proxy of a cluster gets a read-only endpoint."""
    client_password_auth_type: NotRequired[str]
    """How clients with a password prove it; default POSTGRES_SCRAM_SHA_256 or MYSQL_CACHING_SHA2_PASSWORD."""
    extra_clients: NotRequired[dict[str, str]]
    """Security groups that may reach the proxy too, by a name for each."""
    debug_logging_until: NotRequired[str]
    """Time until which the proxy logs SQL text, at most 24 hours ahead."""
    log_retention_days: NotRequired[int]
    """How long logs of proxy and functions are kept; default 14 days, prod 90."""
    log_kms_key_arn: NotRequired[str]
    """Customer managed key of these logs."""
    bootstrap: NotRequired[bool]
    """Whether to make the application's user; default true."""
    alarm_topic_arn: NotRequired[pulumi.Input[str]]
    """SNS topic that is told of alarms and of the proxy's events; default none."""
    python: NotRequired[str]
    """Python of the functions; default 3.13."""
    admin_architecture: NotRequired[str]
    """Architecture of the admin function; default arm64."""
    tags: NotRequired[dict[str, str]]
    """Tags of every resource."""
