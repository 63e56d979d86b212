"""A program with many stacks' components in one stack: the key `sets` has a configuration of each, by its name."""

import asyncio
import json
import sys
from pathlib import Path

import pulumi

PROJECT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(PROJECT / "components"))

from lambda_rds_proxy import ServerlessDatabase  # noqa: E402
from lambda_rds_proxy.function.package import this_machine  # noqa: E402
from lambda_rds_proxy.serverless_database.config import read_config  # noqa: E402
from lambda_rds_proxy.settings.spelling import SPELLING  # noqa: E402


async def main() -> None:
    """Declare every set as the program of this repository declares its one."""
    here = this_machine()
    for name, values in pulumi.Config().require_object("sets").items():
        # A function's name is its own, whatever component it belongs to.
        functions = values.get("functions", {"app": {"path": "handler"}})
        values = {**values, "functions": {f"{name}-{function}": each for function, each in functions.items()}}
        told = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
        args, spelling = read_config(told, project=PROJECT)
        args["stack"] = {"python": here.python, "architecture": here.architecture, **args.get("stack", {})}
        SPELLING.set(spelling)
        ServerlessDatabase(name, args)
    await asyncio.sleep(0)  # as __main__.py does, and for its reason


pulumi.run(main)
