"""The stack's configuration: every key, default and limit, parsed into one frozen dataclass.

Pulumi hands over strings (structured values as JSON) and neither reports more than one typed error nor unknown keys.
So all of it is checked here, and all problems are reported at once.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from .config_values import (
    Parser,
    cidr,
    entries,
    flag,
    instance_class,
    matching,
    member,
    string_map,
    subnets,
    text,
    whole_number,
)
from .connection_pool import ConnectionPool
from .engines import ENGINES, Auth, Engine, Profile, TargetKind
from .package import Platform

if TYPE_CHECKING:
    from .serverless_database import FunctionArgs, ServerlessDatabaseArgs

LAPTOP_ACCOUNT = "000000000000"
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# CreateFunction: a letter, digit, hyphen or underscore; short enough to leave room for project and stack.
_FUNCTION_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,39}")


class StackConfigError(ValueError):
    """The configuration has problems; the message lists all of them, one per line."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("invalid stack configuration:\n" + "\n".join(f"  - {problem}" for problem in problems))


@dataclass(frozen=True, kw_only=True)
class FunctionConfig:
    """One entry of `functions`. `memory` is MB, `timeout` seconds; `path` is relative to the project."""

    name: str
    path: Path
    handler: str = "app.handler"
    memory: int = 256
    timeout: int = 15
    reserved_concurrency: int | None = None
    architecture: str = "arm64"
    environment: Mapping[str, str] = field(default_factory=dict)

    def as_args(self) -> "FunctionArgs":
        """The arguments of one function of `ServerlessDatabase`."""
        args: FunctionArgs = {
            "name": self.name,
            "path": str(self.path),
            "handler": self.handler,
            "memory": self.memory,
            "timeout": self.timeout,
            "architecture": self.architecture,
            "environment": dict(self.environment),
        }
        if self.reserved_concurrency is not None:
            args["reserved_concurrency"] = self.reserved_concurrency
        return args


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """The whole configuration of a stack; see `Pulumi.yaml` for what each key means."""

    profile: Profile = Profile.DEV
    engine: Engine = Engine.POSTGRESQL
    engine_version: str
    target: TargetKind = TargetKind.INSTANCE
    instance_class: str = "db.t4g.micro"
    instances: int = 1
    storage_gib: int = 20
    database_name: str = "app_db"
    database_user: str = "app"
    auth: Auth = Auth.IAM
    vpc_cidr: str = "10.0.0.0/16"
    vpc_id: str | None = None
    subnet_ids: tuple[str, ...] = ()
    pool: ConnectionPool = field(default_factory=ConnectionPool)
    reader_endpoint: bool = False
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
        given = _parse_table(_KEYS, config, problems, where="")
        raw_functions = given.pop("functions", None)
        functions = _parse_functions(raw_functions, project, default_architecture, problems)
        pool = ConnectionPool(**{name: given.pop(name) for name in _POOL_FIELDS if name in given})
        problems += pool.problems()
        engine = given.get("engine", Engine.POSTGRESQL)
        facts = ENGINES[engine]
        cluster = given.get("target") is TargetKind.CLUSTER
        given.setdefault("engine_version", facts.default_cluster_version if cluster else facts.default_version)
        parsed = cls(**given, pool=pool, functions=functions)
        problems += _contradictions(parsed, given)
        if problems:
            raise StackConfigError(problems)
        return parsed

    def as_args(self, platform: Platform) -> "ServerlessDatabaseArgs":
        """The arguments of `ServerlessDatabase`; `platform` is where functions run."""
        args: ServerlessDatabaseArgs = {
            "functions": [function.as_args() for function in self.functions],
            "profile": self.profile,
            "engine": self.engine,
            "engine_version": self.engine_version,
            "kind": self.target,
            "instance_class": self.instance_class,
            "instances": self.instances,
            "storage_gib": self.storage_gib,
            "database_name": self.database_name,
            "database_user": self.database_user,
            "auth": self.auth,
            "max_connections_percent": self.pool.max_connections_percent,
            "max_idle_connections_percent": self.pool.idle_percent,
            "connection_borrow_timeout": self.pool.connection_borrow_timeout,
            "idle_client_timeout": self.pool.idle_client_timeout,
            "reader_endpoint": self.reader_endpoint,
            "bootstrap": self.bootstrap,
            "python": platform.python,
            "admin_architecture": platform.architecture,
            "tags": dict(self.tags),
        }
        if self.vpc_id is None:
            args["vpc_cidr"] = self.vpc_cidr
        else:
            args["vpc_id"], args["subnet_ids"] = self.vpc_id, list(self.subnet_ids)
        return args


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


# key → (field, parser). The parser raises ValueError with the allowed values as its text.
_KEYS: Mapping[str, tuple[str, Parser]] = {
    "profile": ("profile", member(Profile)),
    "engine": ("engine", member(Engine)),
    "engineVersion": (
        "engine_version",
        matching(re.compile(r"[0-9][0-9A-Za-z._]*"), 'a version such as "17"'),
    ),
    "target": ("target", member(TargetKind)),
    "instanceClass": ("instance_class", instance_class),
    "instances": ("instances", whole_number("a whole number from 1 to 16", low=1, high=16)),
    "storageGib": ("storage_gib", whole_number("a whole number from 20 to 65536", low=20, high=65_536)),
    "databaseName": (
        "database_name",
        matching(_IDENTIFIER, "a lower-case identifier of at most 63 characters such as app_db"),
    ),
    "databaseUser": (
        "database_user",
        matching(_IDENTIFIER, "a lower-case identifier of at most 63 characters such as app"),
    ),
    "auth": ("auth", member(Auth)),
    "vpcCidr": ("vpc_cidr", cidr),
    "vpcId": (
        "vpc_id",
        matching(re.compile(r"vpc-[0-9a-f]+"), "the id of a VPC such as vpc-0123456789abcdef0"),
    ),
    "subnetIds": ("subnet_ids", subnets),
    "maxConnectionsPercent": (
        "max_connections_percent",
        whole_number("a whole number from 1 to 100", low=1, high=100),
    ),
    "maxIdleConnectionsPercent": (
        "max_idle_connections_percent",
        whole_number("a whole number from 0 to maxConnectionsPercent", low=0, high=100),
    ),
    "idleClientTimeout": (
        "idle_client_timeout",
        whole_number("a whole number of seconds from 1 to 28800", low=1, high=28_800),
    ),
    "borrowTimeout": (
        "connection_borrow_timeout",
        whole_number("a whole number of seconds from 0 to 300", low=0, high=300),
    ),
    "readerEndpoint": ("reader_endpoint", flag),
    "functions": ("functions", entries),
    "bootstrap": ("bootstrap", flag),
    "alarmTopicArn": (
        "alarm_topic_arn",
        matching(re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:.+"), "the ARN of an SNS topic"),
    ),
    "tags": ("tags", string_map),
}
_STRUCTURED = {"subnetIds", "functions", "tags"}
_POOL_FIELDS = tuple(each.name for each in fields(ConnectionPool))

# Lambda's limits: CreateFunction in botocore's service model.
_FUNCTION_KEYS: Mapping[str, tuple[str, Parser]] = {
    "name": (
        "name",
        matching(
            _FUNCTION_NAME,
            "a name of at most 40 letters, digits, hyphens and underscores, starting with a letter",
        ),
    ),
    "path": ("path", text),
    "handler": (
        "handler",
        matching(re.compile(r"[A-Za-z_][\w/]*(\.\w+)+"), "module.function such as app.handler"),
    ),
    "memory": ("memory", whole_number("a whole number of MB from 128 to 10240", low=128, high=10_240)),
    "timeout": ("timeout", whole_number("a whole number of seconds from 1 to 900", low=1, high=900)),
    "reservedConcurrency": (
        "reserved_concurrency",
        whole_number("a whole number from 1 to 1000", low=1, high=1000),
    ),
    "architecture": ("architecture", matching(re.compile("arm64|x86_64"), "one of arm64, x86_64")),
    "environment": ("environment", string_map),
}


def _parse_table(
    table: Mapping[str, tuple[str, Parser]], values: Mapping[str, object], problems: list[str], *, where: str
) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for key, value in values.items():
        if value == "":
            continue  # how a default in Pulumi.yaml says "the program chooses"
        if key not in table:
            close = get_close_matches(key, table, n=1)
            hint = f"did you mean {close[0]}?" if close else "the keys are " + ", ".join(table)
            problems.append(f"{where}{key} is not a key of this project; {hint}")
            continue
        name, parser = table[key]
        try:
            parsed[name] = parser(_structure(value) if key in _STRUCTURED else value)
        except ValueError as error:
            problems.append(f"{where}{key} is {_shown(value)}; it must be {error}")
    return parsed


def _structure(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f'"{text}"' if len(text) <= 60 else f'"{text[:57]}…"'


def _parse_functions(
    entries: list[object] | None, project: Path, default_architecture: str, problems: list[str]
) -> tuple[FunctionConfig, ...]:
    if entries is None:
        entries = [{"name": "app", "path": "handler"}]
    functions: list[FunctionConfig] = []
    for index, entry in enumerate(entries):
        where = f"functions[{index}]."
        if not isinstance(entry, dict):
            problems.append(f"functions[{index}] is {_shown(entry)}; it must be a map {{name, path, handler, …}}")
            continue
        given = _parse_table(_FUNCTION_KEYS, entry, problems, where=where)
        missing = [key for key in ("name", "path") if key not in entry]
        problems += [f"{where}{key} is missing; every function needs a name and a path" for key in missing]
        if "name" not in given or "path" not in given:
            continue
        given["path"] = _source_folder(given["path"], given.get("handler", "app.handler"), project, where, problems)
        reserved = [key for key in given.get("environment", {}) if key.startswith(("DB_", "AWS_"))]
        problems += [
            f"{where}environment.{key} is not yours to set; the proxy gives the DB_ names and Lambda the AWS_ names"
            for key in reserved
            if not key.startswith("DB_POOL_")
        ]
        functions.append(FunctionConfig(**{"architecture": default_architecture, **given}))
    names = [function.name for function in functions]
    problems += [
        f'functions have the name "{name}" {names.count(name)} times; every function needs a name of its own'
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return tuple(functions)


def _source_folder(text: str, handler: str, project: Path, where: str, problems: list[str]) -> Path:
    folder = project / PurePosixPath(text)
    module = handler.rsplit(".", 1)[0].replace(".", "/")
    if not folder.is_dir():
        problems.append(f'{where}path is "{text}"; it must be an existing folder, relative to Pulumi.yaml')
    elif not (folder / f"{module}.py").is_file() and not (folder / module / "__init__.py").is_file():
        problems.append(f'{where}handler is "{handler}"; {text}/{module}.py does not exist')
    return folder


def _contradictions(config: StackConfig, given: Mapping[str, Any]) -> list[str]:
    """What is wrong between keys that are each right alone."""
    found = []
    if (config.vpc_id is None) != (not config.subnet_ids):
        found.append("vpcId and subnetIds belong together; give both for an existing VPC, or neither for a new one")
    if config.vpc_id is not None and "vpc_cidr" in given:
        found.append("vpcCidr is for a new VPC; leave it out when vpcId names an existing one")
    if config.target is TargetKind.INSTANCE and config.instances != 1:
        found.append(f"instances is {config.instances}; target instance has exactly 1 (choose target cluster for more)")
    if config.reader_endpoint and (config.target is TargetKind.INSTANCE or config.instances < 2):
        found.append(
            "readerEndpoint is true; it needs target cluster with at least 2 instances, because a proxy has no reader "
            "behind a single instance"
        )
    found += [
        f"borrowTimeout is {config.pool.connection_borrow_timeout} but the timeout of function {function.name} is "
        f"{function.timeout} s; it must be below it, or the function is ended before the proxy can answer"
        for function in config.functions
        if config.pool.connection_borrow_timeout >= function.timeout
    ]
    return found
