"""What a stack's configuration wants of its proxy."""

import json
import subprocess
from typing import Any

from lambda_rds_proxy.stack_config import StackConfig, StackConfigError, project_values
from toolchain.checkout import checkout_root

from .drift import Settings

_PROJECT = "lambda-rds-proxy"


class ConfigurationError(RuntimeError):
    """A configuration that cannot be read: one sentence."""


def configured(stack: str) -> Settings:
    """The settings that the program would give the proxy of this stack, defaults included.

    Raises:
        ConfigurationError: there is no `pulumi`, no such stack, or its configuration is wrong.
    """
    try:
        done = subprocess.run(
            ["pulumi", "config", "--json", "--stack", stack, "--non-interactive"],
            cwd=checkout_root(),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise ConfigurationError("there is no `pulumi` on PATH") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise ConfigurationError(lines[-1].removeprefix("error: "))
    return wanted(json.loads(done.stdout or "{}"))


def wanted(document: dict[str, Any]) -> Settings:
    """The settings out of what `pulumi config --json` prints.

    Raises:
        ConfigurationError: it is wrong; every problem is named.
    """
    values = {key: entry["value"] for key, entry in document.items() if "value" in entry}
    try:
        parsed = StackConfig.parse(project_values(values, project=_PROJECT), project=checkout_root())
    except StackConfigError as error:
        raise ConfigurationError("; ".join(error.problems)) from None
    return Settings(
        max_connections_percent=parsed.pool.max_connections_percent,
        borrow_timeout=parsed.pool.connection_borrow_timeout,
        idle_client_timeout=parsed.pool.idle_client_timeout,
        require_tls=True,  # no key: DatabaseProxy always asks for it
        auth=parsed.auth.value,
    )
