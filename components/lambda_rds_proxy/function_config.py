"""`functions` and `users` of the stack's configuration."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from .config_tables import Table, parse_table, shown
from .config_values import flag, matching, member, string_map, text, whole_number
from .engines import Auth

if TYPE_CHECKING:
    from .serverless_database.args import FunctionArgs, UserArgs

IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# CreateFunction: a letter, digit, hyphen or underscore; short enough to leave room for project and stack.
_FUNCTION_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,39}")


@dataclass(frozen=True, kw_only=True)
class FunctionConfig:
    """One entry of `functions`. `memory` is MB, `timeout` seconds; `path` is relative to the project, or absolute."""

    name: str
    path: Path
    handler: str = "app.handler"
    memory: int = 256
    timeout: int = 15
    reserved_concurrency: int | None = None
    architecture: str = "arm64"
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    tracing: bool = False

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
            "tracing": self.tracing,
        }
        if self.reserved_concurrency is not None:
            args["reserved_concurrency"] = self.reserved_concurrency
        if self.user is not None:
            args["user"] = self.user
        return args


@dataclass(frozen=True, kw_only=True)
class UserConfig:
    """One entry of `users`: a user beside `databaseUser`, with its own secret."""

    name: str
    auth: Auth = Auth.IAM

    def as_args(self) -> "UserArgs":
        """The arguments of one more user of `ServerlessDatabase`."""
        return {"name": self.name, "auth": self.auth}


# Lambda's limits: CreateFunction in botocore's service model.
_FUNCTION_KEYS: Table = {
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
    "user": ("user", matching(IDENTIFIER, "a user of this stack such as app")),
    "tracing": ("tracing", flag),
}
_USER_KEYS: Table = {
    "name": ("name", matching(IDENTIFIER, "a lower-case identifier such as reporting")),
    "auth": ("auth", member(Auth)),
}


def parse_functions(
    entries: list[object] | None, project: Path, default_architecture: str, problems: list[str]
) -> tuple[FunctionConfig, ...]:
    """Every entry that is right; a sentence in `problems` for everything that is not."""
    if entries is None:
        entries = [{"name": "app", "path": "handler"}]
    functions: list[FunctionConfig] = []
    for index, entry in enumerate(entries):
        where = f"functions[{index}]."
        if not isinstance(entry, dict):
            problems.append(f"functions[{index}] is {shown(entry)}; it must be a map {{name, path, handler, …}}")
            continue
        given = parse_table(_FUNCTION_KEYS, entry, problems, where=where)
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
    problems += _twice("functions", "function", [function.name for function in functions])
    return tuple(functions)


def parse_users(entries: list[object] | None, problems: list[str]) -> tuple[UserConfig, ...]:
    """Every entry that is right; a sentence in `problems` for everything that is not."""
    users: list[UserConfig] = []
    for index, entry in enumerate(entries or []):
        if not isinstance(entry, dict):
            problems.append(f"users[{index}] is {shown(entry)}; it must be a map {{name, auth}}")
            continue
        given = parse_table(_USER_KEYS, entry, problems, where=f"users[{index}].", required=["name"])
        if "name" in given:
            users.append(UserConfig(**given))
    problems += _twice("users", "user", [user.name for user in users])
    return tuple(users)


def _twice(key: str, what: str, names: Sequence[str]) -> list[str]:
    return [
        f'{key} have the name "{name}" {names.count(name)} times; every {what} needs a name of its own'
        for name in sorted({name for name in names if names.count(name) > 1})
    ]


def _source_folder(text: str, handler: str, project: Path, where: str, problems: list[str]) -> Path:
    folder = project / PurePosixPath(text)
    module = handler.rsplit(".", 1)[0].replace(".", "/")
    if not folder.is_dir():
        problems.append(f'{where}path is "{text}"; it must be an existing folder, relative to Pulumi.yaml')
    elif not (folder / f"{module}.py").is_file() and not (folder / module / "__init__.py").is_file():
        problems.append(f'{where}handler is "{handler}"; {text}/{module}.py does not exist')
    return folder
