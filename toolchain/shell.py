"""The shell in which `pulumi` uses this checkout's engine, backend, passphrase and stand-in provider."""

import os
import shlex
from contextlib import suppress
from pathlib import Path

from .checkout import (
    ACCOUNT_VARIABLE,
    LAPTOP_ACCOUNT,
    LAPTOP_PASSPHRASE,
    LAPTOP_REGION,
    SUBNET_VARIABLE,
    TOOLS_VARIABLE,
    checkout_cache,
    gateway_url,
)
from .engine import engine_folder
from .environments import are_made
from .laptop_key import SHELL_ACCESS_KEY, shell_secret
from .progress import CommandError

# Of plugins that are new enough the engine takes the newest.
_NEWEST = "999.0.0"


def laptop_environment(root: Path) -> dict[str, str]:
    """The variables of such a shell.

    Raises:
        CommandError: something is not installed yet.
    """
    engine = engine_folder()
    if engine is None or not are_made(root):
        raise CommandError("this checkout is not set up; run `make setup`")
    own = checkout_cache(root)
    folders = [root / "local" / "bin", engine, root / ".venv" / "bin"]
    inherited = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if Path(folder) not in folders]
    # What was chosen for one command holds for the shell too; what follows from the folder is not to leave it.
    chosen = {name: value for name, value in os.environ.items() if name == SUBNET_VARIABLE and value}
    return {
        **chosen,
        "PATH": os.pathsep.join([*map(str, folders), *inherited]),
        "PULUMI_BACKEND_URL": f"file://{own / 'backend'}",
        "PULUMI_HOME": str(own / "pulumi-home"),
        # Any version that a program asks for is ours, as if it stood on PATH.
        "PULUMI_ENABLE_LEGACY_PLUGIN_SEARCH": "true",
        "PULUMI_CONFIG_PASSPHRASE": LAPTOP_PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        # uv compiles nothing ahead: what a first run had to compile, the next one finds, whoever asked for none of it.
        "PYTHONDONTWRITEBYTECODE": "",
        ACCOUNT_VARIABLE: LAPTOP_ACCOUNT,
        TOOLS_VARIABLE: str(root / "local" / "bin" / "ops"),
        "AWS_ENDPOINT_URL": gateway_url(root),
        "AWS_REGION": LAPTOP_REGION,
        "AWS_DEFAULT_REGION": LAPTOP_REGION,
        "AWS_ACCESS_KEY_ID": SHELL_ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": shell_secret(root),
        "AWS_SESSION_TOKEN": "",
        # A user's own profiles and credentials stay out of it.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def others(variables: dict[str, str]) -> list[str]:
    """What is exported for AWS beside those variables: a profile or the endpoint of one service would count more."""
    return [name for name in os.environ if name.startswith("AWS_") and name not in variables]


def export_lines(variables: dict[str, str]) -> str:
    """Lines for a POSIX shell, which export them and take out what else it has for AWS."""
    gone = "".join(f"unset {name}\n" for name in others(variables))
    return gone + "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def enter(root: Path) -> None:
    """Make this process's environment that of such a shell.

    Raises:
        CommandError: something is not installed yet.
    """
    variables = laptop_environment(root)
    for name in others(variables):
        del os.environ[name]
    os.environ.update(variables)
    prepare(root)


def prepare(root: Path) -> None:
    """Make the folders that those variables name."""
    own = checkout_cache(root)
    (own / "backend").mkdir(parents=True, exist_ok=True)
    install_plugins(root, own / "pulumi-home")


def install_plugins(root: Path, home: Path) -> None:
    """Put this checkout's plugins where an engine of that `PULUMI_HOME` finds them, after those of its own.

    Not on PATH: the engine warns of every plugin that it takes from there, at every run.
    source: pulumi/pulumi, sdk/go/common/workspace/plugins.go, getPluginInfoAndPath and LegacySelectCompatiblePlugin.
    """
    for plugin in [*root.glob("local/plugins/pulumi-*"), *root.glob("toolchain/plugins/pulumi-*")]:
        link = home / "plugins" / f"{plugin.name.removeprefix('pulumi-')}-v{_NEWEST}" / plugin.name
        link.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            link.symlink_to(plugin)
