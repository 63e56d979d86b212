"""The stack's configuration: every key, default and limit, parsed into one frozen dataclass.

Pulumi hands over strings (structured values as JSON) and neither reports more than one typed error nor unknown keys.
So all of it is checked here, and all problems are reported at once.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .adoption_config import AdoptionConfig, adoption_problems, parse_adoption
from .config_tables import Table, parse_table
from .config_values import (
    capacity,
    cidr,
    entries,
    flag,
    instance_class,
    matching,
    member,
    string_map,
    subnets,
    table,
    text,
    text_list,
    time,
    whole_number,
)
from .connection_pool import ConnectionPool, check_total_percent
from .database_choices import database_problems
from .debug_logging import is_wanted
from .engines import ENGINES, Auth, Engine, Profile, TargetKind
from .function_config import IDENTIFIER, FunctionConfig, UserConfig, parse_functions, parse_users
from .package import Platform

if TYPE_CHECKING:
    from .references import DatabaseRef
    from .serverless_database_args import ServerlessDatabaseArgs

LAPTOP_ACCOUNT = "000000000000"
_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/.+")
_SECRET_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+")
# PutRetentionPolicy (botocore's service model).
_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288)


class StackConfigError(ValueError):
    """The configuration has problems; the message lists all of them, one per line."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("invalid stack configuration:\n" + "\n".join(f"  - {problem}" for problem in problems))


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """The whole configuration of a stack; see `Pulumi.yaml` for what each key means. None: the component chooses."""

    profile: Profile = Profile.DEV
    engine: Engine = Engine.POSTGRESQL
    engine_version: str
    target: TargetKind = TargetKind.INSTANCE
    instance_class: str
    instances: int
    min_capacity: float | None = None
    max_capacity: float | None = None
    storage_gib: int = 20
    database_name: str = "app_db"
    port: int | None = None
    max_connections: int | None = None
    parameters: Mapping[str, str] | None = None
    backup_retention_days: int | None = None
    snapshot_identifier: str | None = None
    kms_key_arn: str | None = None
    performance_insights: bool | None = None
    existing_database: Mapping[str, Any] | None = None
    adopted: AdoptionConfig = field(default_factory=AdoptionConfig)
    database_user: str = "app"
    auth: Auth = Auth.IAM
    users: tuple[UserConfig, ...] = ()
    rotation_days: int | None = None
    vpc_cidr: str = "10.0.0.0/16"
    zones: int | None = None
    vpc_id: str | None = None
    subnet_ids: tuple[str, ...] = ()
    secrets_endpoint: bool | None = None
    secrets_endpoint_security_group_id: str | None = None
    preflight: bool = False
    pool: ConnectionPool = field(default_factory=ConnectionPool)
    other_proxies_percent: int | None = None
    reader_endpoint: bool = False
    client_password_auth_type: str | None = None
    extra_clients: Mapping[str, str] | None = None
    debug_logging_until: str | None = None
    log_retention_days: int | None = None
    log_kms_key_arn: str | None = None
    functions: tuple[FunctionConfig, ...]
    bootstrap: bool = True
    alarm_topic_arn: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, config: Mapping[str, str], *, project: Path, default_architecture: str = "arm64") -> "StackConfig":
        """Parse the project's keys (without the `lambda-rds-proxy:` prefix) as Pulumi hands them over.

        Args:
            config: key → text; booleans, numbers and structures as JSON.
            project: the folder that function paths are relative to.
            default_architecture: of functions that name none: arm64, or the laptop's own.

        Raises:
            StackConfigError: with every problem found, unknown keys included.
        """
        problems: list[str] = []
        given = parse_table(_KEYS, config, problems, structured=_STRUCTURED)
        functions = parse_functions(given.pop("functions", None), project, default_architecture, problems)
        users = parse_users(given.pop("users", None), problems)
        if "existing_database" in given:
            given["existing_database"] = parse_table(
                _EXISTING_KEYS, given["existing_database"], problems, where="existingDatabase.", required=_EXISTING
            )
        given["adopted"] = parse_adoption(given.pop("adopted", None), given.pop("import_changes", None), problems)
        pool = ConnectionPool(**{name: given.pop(name) for name in _POOL_FIELDS if name in given})
        engine, kind = given.get("engine", Engine.POSTGRESQL), given.get("target", TargetKind.INSTANCE)
        problems += pool.problems(engine)
        target = ENGINES[engine].target(kind)
        prod_cluster = kind is TargetKind.CLUSTER and given.get("profile") is Profile.PROD
        chosen = {
            "engine_version": target.default_version,
            "instance_class": target.default_instance_class,
            "instances": 2 if prod_cluster else 1,
        }
        parsed = cls(**{**chosen, **given}, pool=pool, functions=functions, users=users)
        problems += _contradictions(parsed, given)
        if problems:
            raise StackConfigError(problems)
        return parsed

    def as_args(self, platform: Platform) -> "ServerlessDatabaseArgs":
        """The arguments of `ServerlessDatabase`; `platform` is where functions run."""
        args: dict[str, Any] = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in _NOT_ARGUMENTS and getattr(self, each.name) is not None
        }
        args |= {
            "kind": self.target,
            "functions": [function.as_args() for function in self.functions],
            "users": [user.as_args() for user in self.users],
            "max_connections_percent": self.pool.max_connections_percent,
            "max_idle_connections_percent": self.pool.idle_percent,
            "connection_borrow_timeout": self.pool.connection_borrow_timeout,
            "idle_client_timeout": self.pool.idle_client_timeout,
            "python": platform.python,
            "admin_architecture": platform.architecture,
        }
        if self.pool.init_query is not None:
            args["init_query"] = self.pool.init_query
        if self.pool.session_pinning_filters:
            args["session_pinning_filters"] = list(self.pool.session_pinning_filters)
        if self.vpc_id is None:
            args["vpc_cidr"] = self.vpc_cidr
        else:
            args["vpc_id"], args["subnet_ids"] = self.vpc_id, list(self.subnet_ids)
        if self.existing_database is not None:
            args["database"] = self._database_reference(self.existing_database)
        args |= self.adopted.as_args(self.existing_database)
        return cast("ServerlessDatabaseArgs", args)

    def _database_reference(self, existing: Mapping[str, Any]) -> "DatabaseRef":
        reference = {
            "engine": self.engine,
            "kind": self.target,
            "database_name": self.database_name,
            "port": ENGINES[self.engine].port,
            "instance_class": self.instance_class,
            "readers": self.instances - 1,
            **existing,
        }
        return cast("DatabaseRef", reference)


def project_values(config: Mapping[str, str], *, project: str) -> dict[str, str]:
    """The keys of one project out of the whole configuration of a run (`lambda-rds-proxy:auth` → `auth`)."""
    prefix = f"{project}:"
    return {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}


def is_laptop(config: Mapping[str, str]) -> bool:
    """Whether this stack is meant for the laptop's provider: it allows account 000000000000 and no other."""
    try:
        accounts = json.loads(config.get("aws:allowedAccountIds", "[]"))
    except ValueError:
        return False
    return bool(accounts == [LAPTOP_ACCOUNT])


_PORT = whole_number("a whole number from 1150 to 65535", low=1150, high=65_535)
_GROUP = matching(re.compile(r"sg-[0-9a-f]+"), "the id of a security group such as sg-0123456789abcdef0")
_KEY = matching(_KEY_ARN, "the ARN of a KMS key")
_KEYS: Table = {
    "profile": ("profile", member(Profile)),
    "engine": ("engine", member(Engine)),
    "engineVersion": (
        "engine_version",
        matching(re.compile(r"[0-9][0-9A-Za-z._]*"), 'a version such as "17"'),
    ),
    "target": ("target", member(TargetKind)),
    "instanceClass": ("instance_class", instance_class),
    "instances": ("instances", whole_number("a whole number from 1 to 16", low=1, high=16)),
    "minCapacity": ("min_capacity", capacity),
    "maxCapacity": ("max_capacity", capacity),
    "storageGib": ("storage_gib", whole_number("a whole number from 20 to 65536", low=20, high=65_536)),
    "databaseName": (
        "database_name",
        matching(IDENTIFIER, "a lower-case identifier of at most 63 characters such as app_db"),
    ),
    "port": ("port", _PORT),
    "maxConnections": (
        "max_connections",
        whole_number("a whole number from 6 to 100000", low=6, high=100_000),
    ),
    "parameters": ("parameters", string_map),
    "backupRetentionDays": (
        "backup_retention_days",
        whole_number("a whole number of days from 1 to 35", low=1, high=35),
    ),
    "snapshotIdentifier": ("snapshot_identifier", text),
    "kmsKeyArn": ("kms_key_arn", _KEY),
    "performanceInsights": ("performance_insights", flag),
    "existingDatabase": ("existing_database", table),
    "adopted": ("adopted", table),
    "import": ("import_changes", table),
    "databaseUser": (
        "database_user",
        matching(IDENTIFIER, "a lower-case identifier of at most 63 characters such as app"),
    ),
    "auth": ("auth", member(Auth)),
    "users": ("users", entries("{name, auth}")),
    "rotationDays": ("rotation_days", whole_number("a whole number of days from 1 to 1000", low=1, high=1000)),
    "vpcCidr": ("vpc_cidr", cidr),
    "zones": ("zones", whole_number("a whole number from 2 to 6", low=2, high=6)),
    "vpcId": (
        "vpc_id",
        matching(re.compile(r"vpc-[0-9a-f]+"), "the id of a VPC such as vpc-0123456789abcdef0"),
    ),
    "subnetIds": ("subnet_ids", subnets),
    "secretsEndpoint": ("secrets_endpoint", flag),
    "secretsEndpointSecurityGroupId": ("secrets_endpoint_security_group_id", _GROUP),
    "preflight": ("preflight", flag),
    "maxConnectionsPercent": (
        "max_connections_percent",
        whole_number("a whole number from 1 to 100", low=1, high=100),
    ),
    "maxIdleConnectionsPercent": (
        "max_idle_connections_percent",
        whole_number("a whole number from 0 to maxConnectionsPercent", low=0, high=100),
    ),
    "otherProxiesPercent": (
        "other_proxies_percent",
        whole_number("a whole number from 0 to 100", low=0, high=100),
    ),
    "idleClientTimeout": (
        "idle_client_timeout",
        whole_number("a whole number of seconds from 1 to 28800", low=1, high=28_800),
    ),
    "borrowTimeout": (
        "connection_borrow_timeout",
        whole_number("a whole number of seconds from 0 to 300", low=0, high=300),
    ),
    "initQuery": ("init_query", text),
    "sessionPinningFilters": ("session_pinning_filters", text_list),
    "readerEndpoint": ("reader_endpoint", flag),
    "clientPasswordAuthType": ("client_password_auth_type", text),
    "extraClients": ("extra_clients", string_map),
    "debugLoggingUntil": ("debug_logging_until", time),
    "logRetentionDays": (
        "log_retention_days",
        whole_number(f"one of {', '.join(map(str, _RETENTION_DAYS))}", members=_RETENTION_DAYS),
    ),
    "logKmsKeyArn": ("log_kms_key_arn", _KEY),
    "functions": ("functions", entries("{name, path, handler, …}")),
    "bootstrap": ("bootstrap", flag),
    "alarmTopicArn": (
        "alarm_topic_arn",
        matching(re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:.+"), "the ARN of an SNS topic"),
    ),
    "tags": ("tags", string_map),
}
_EXISTING_KEYS: Table = {
    "identifier": ("identifier", text),
    "endpoint": ("endpoint", text),
    "port": ("port", _PORT),
    "resourceId": (
        "resource_id",
        matching(re.compile(r"(db|cluster)-[A-Z0-9]+"), "db-… of an instance or cluster-… of a cluster"),
    ),
    "securityGroupId": ("security_group_id", _GROUP),
    "maxConnections": ("max_connections", whole_number("a whole number from 6 to 100000", low=6, high=100_000)),
    "adminSecretArn": ("admin_secret_arn", matching(_SECRET_ARN, "the ARN of a secret")),
    "adminSecretKmsKeyArn": ("admin_secret_kms_key_arn", _KEY),
}
_EXISTING = ("identifier", "endpoint", "resourceId", "securityGroupId", "maxConnections")
_STRUCTURED = {
    *("subnetIds", "functions", "tags", "parameters", "existingDatabase", "users"),
    *("adopted", "import"),
    *("sessionPinningFilters", "extraClients"),
}
_POOL_FIELDS = tuple(each.name for each in fields(ConnectionPool))
_NOT_ARGUMENTS = {
    *("target", "existing_database", "adopted", "users", "vpc_cidr", "vpc_id", "subnet_ids", "pool", "functions"),
}
# What describes a database that is made here, and says nothing about one that is there.
_OF_A_NEW_DATABASE = {
    "engine_version": "engineVersion",
    "min_capacity": "minCapacity",
    "max_capacity": "maxCapacity",
    "port": "port",
    "max_connections": "maxConnections",
    "parameters": "parameters",
    "backup_retention_days": "backupRetentionDays",
    "snapshot_identifier": "snapshotIdentifier",
    "performance_insights": "performanceInsights",
}


def _contradictions(config: StackConfig, given: Mapping[str, Any]) -> list[str]:
    """What is wrong between keys that are each right alone."""
    found = [*_network(config, given), *_database(config, given), *_proxy(config), *_users(config)]
    found += adoption_problems(
        config.adopted,
        cluster_instances=config.instances if config.target is TargetKind.CLUSTER else None,
        existing_database=config.existing_database is not None,
        existing_network=config.vpc_id is not None,
    )
    found += [
        f"borrowTimeout is {config.pool.connection_borrow_timeout} but the timeout of function {function.name} is "
        f"{function.timeout} s; it must be below it, or the function is ended before the proxy can answer"
        for function in config.functions
        if config.pool.connection_borrow_timeout >= function.timeout
    ]
    return found


def _network(config: StackConfig, given: Mapping[str, Any]) -> list[str]:
    found = []
    if (config.vpc_id is None) != (not config.subnet_ids):
        found.append("vpcId and subnetIds belong together; give both for an existing VPC, or neither for a new one")
    new_only = {"vpc_cidr": "vpcCidr", "zones": "zones"}
    existing_only = {"secrets_endpoint_security_group_id": "secretsEndpointSecurityGroupId"}
    if config.vpc_id is not None:
        found += [
            f"{key} is for a new VPC; leave it out when vpcId names an existing one"
            for name, key in new_only.items()
            if name in given
        ]
        if config.secrets_endpoint and config.secrets_endpoint_security_group_id:
            found.append("secretsEndpoint and secretsEndpointSecurityGroupId; make an endpoint, or name the one there")
    else:
        wrong = [key for name, key in existing_only.items() if name in given]
        wrong += ["preflight"] if config.preflight else []
        found += [f"{key} is for an existing VPC; give vpcId and subnetIds, or leave it out" for key in wrong]
    return found


def _database(config: StackConfig, given: Mapping[str, Any]) -> list[str]:
    found = []
    if config.target is TargetKind.INSTANCE and config.instances != 1:
        found.append(f"instances is {config.instances}; target instance has exactly 1 (choose target cluster for more)")
    if config.existing_database is None:
        return found + database_problems({**given, "kind": config.target})
    if config.vpc_id is None:
        found.append("existingDatabase needs vpcId and subnetIds: a proxy stands in the VPC of its database")
    found += [
        f"{key} is for a new database; leave it out when existingDatabase names one"
        for name, key in _OF_A_NEW_DATABASE.items()
        if name in given
    ]
    return found


def _proxy(config: StackConfig) -> list[str]:
    found = []
    if config.reader_endpoint and (config.target is TargetKind.INSTANCE or config.instances < 2):
        found.append(
            "readerEndpoint is true; it needs target cluster with at least 2 instances, because a proxy has no reader "
            "behind a single instance"
        )
    allowed, chosen = ENGINES[config.engine].client_password_auth_types, config.client_password_auth_type
    if chosen is not None and chosen not in allowed:
        found.append(f"clientPasswordAuthType is {chosen}; a {config.engine.value} proxy takes {' or '.join(allowed)}")
    if config.other_proxies_percent:
        try:
            check_total_percent([config.pool.max_connections_percent, config.other_proxies_percent])
        except ValueError as error:
            found.append(str(error))
    try:
        is_wanted(config.debug_logging_until, now=datetime.now(UTC))
    except ValueError as error:
        found.append(str(error))
    return found


def _users(config: StackConfig) -> list[str]:
    names = [config.database_user, *(user.name for user in config.users)]
    found = [
        f'users has the name "{user.name}", which is databaseUser already; every user needs a name of its own'
        for user in config.users
        if user.name == config.database_user
    ]
    found += [
        f"functions.{function.name}.user is {function.user}; the users of this stack are {', '.join(names)}"
        for function in config.functions
        if function.user is not None and function.user not in names
    ]
    longest = ENGINES[config.engine].longest_user
    found += [
        f"the user {name} has {len(name)} characters; {config.engine.value} takes at most {longest}"
        for name in names
        if len(name) > longest
    ]
    auths = [config.auth, *(user.auth for user in config.users)]
    if config.rotation_days is not None and all(auth is Auth.IAM_END_TO_END for auth in auths):
        found.append("rotationDays is set but auth iam-end-to-end has no password to rotate; leave it out")
    return found
