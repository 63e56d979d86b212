"""What a stack's configuration says: the program's settings as the program reads them, and the provider's keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .places import project
from .stack_outputs import StackError, stack_configuration

if TYPE_CHECKING:
    from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs

PROJECT = "lambda-rds-proxy"


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The settings of a ServerlessDatabase, all keys as texts, and those that are encrypted and so were not read."""

    settings: "ServerlessDatabaseArgs"
    values: Mapping[str, str]
    encrypted: tuple[str, ...]


def configuration(stack: str) -> Configuration:
    """What is configured for a stack.

    Raises:
        StackError: there is no `pulumi`, no such stack, or its configuration is wrong.
    """
    return read(stack_configuration(stack))


def read(document: Mapping[str, Any]) -> Configuration:
    """The same out of what `pulumi config --json` prints.

    Raises:
        StackError: it is wrong; every problem is named.
    """
    # Loads the SDK, which a verdict alone does not need.
    from lambda_rds_proxy.serverless_database.config import ConfigError, project_values, read_config

    if not any(key.startswith(f"{PROJECT}:") for key in document):
        raise StackError(f"the program in {project()} is one of its own, whose settings stand in its code")
    values = {key: entry["value"] for key, entry in document.items() if "value" in entry}
    try:
        settings, _ = read_config(project_values(values, project=PROJECT), project=project())
    except ConfigError as error:
        raise StackError("; ".join(error.problems)) from None
    encrypted = (key.removeprefix(f"{PROJECT}:") for key, entry in document.items() if "value" not in entry)
    return Configuration(settings=settings, values=values, encrypted=tuple(encrypted))
