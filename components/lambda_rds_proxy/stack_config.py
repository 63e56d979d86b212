"""The stack's configuration with its defaults, parsed into one frozen dataclass.

Pulumi hands over strings (structured values as JSON) and neither reports more than one typed error nor unknown keys.
So all of it is checked here, and all problems are reported at once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .adoption_config import AdoptionConfig, parse_adoption
from .config_contradictions import contradictions
from .config_keys import EXISTING_KEYS, EXISTING_REQUIRED, KEYS, STRUCTURED_KEYS
from .config_tables import parse_table
from .database.choices import DEFAULT_ENGINE
from .engines import ENGINES, Auth, Engine, Profile, TargetKind
from .function.package import Platform
from .function_config import FunctionConfig, UserConfig, parse_functions, parse_users
from .proxy.connection_pool import ConnectionPool

if TYPE_CHECKING:
    from .references import DatabaseRef
    from .serverless_database.args import ServerlessDatabaseArgs

LAPTOP_ACCOUNT = "000000000000"
_POOL_FIELDS = tuple(each.name for each in fields(ConnectionPool))
_NOT_ARGUMENTS = {
    *("target", "existing_database", "adopted", "users", "vpc_cidr", "vpc_id", "subnet_ids", "pool", "functions"),
}


class StackConfigError(ValueError):
    """The configuration has problems; the message lists all of them, one per line."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("invalid stack configuration:\n" + "\n".join(f"  - {problem}" for problem in problems))


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """The whole configuration of a stack; see `Pulumi.yaml` for what each key means. None: the component chooses."""

    profile: Profile = Profile.DEV
    engine: Engine = DEFAULT_ENGINE
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
        given = parse_table(KEYS, config, problems, structured=STRUCTURED_KEYS)
        functions = parse_functions(given.pop("functions", None), project, default_architecture, problems)
        users = parse_users(given.pop("users", None), problems)
        if "existing_database" in given:
            given["existing_database"] = parse_table(
                EXISTING_KEYS,
                given["existing_database"],
                problems,
                where="existingDatabase.",
                required=EXISTING_REQUIRED,
            )
        given["adopted"] = parse_adoption(given.pop("adopted", None), given.pop("import_changes", None), problems)
        pool = ConnectionPool(**{name: given.pop(name) for name in _POOL_FIELDS if name in given})
        engine, kind = given.get("engine", DEFAULT_ENGINE), given.get("target", TargetKind.INSTANCE)
        problems += pool.problems(engine)
        target = ENGINES[engine].target(kind)
        prod_cluster = kind is TargetKind.CLUSTER and given.get("profile") is Profile.PROD
        chosen = {
            "engine_version": target.default_version,
            "instance_class": target.default_instance_class,
            "instances": 2 if prod_cluster else 1,
        }
        parsed = cls(**{**chosen, **given}, pool=pool, functions=functions, users=users)
        problems += contradictions(parsed, given)
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
