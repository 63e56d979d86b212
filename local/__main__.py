"""`python -m local up|down|status`: the laptop stack."""

import json
import sys

from rich.table import Table

from toolchain.checkout import checkout_root
from toolchain.progress import CommandError, fail, os_reason

from .down import down
from .pulumi_cli import PulumiError, console
from .supervisor.client import SupervisorClient
from .supervisor.errors import LaptopError
from .up import up


def main(arguments: list[str]) -> int:
    """Run one command: its exit status."""
    commands = {"up": lambda: up(checkout_root()), "down": lambda: down(checkout_root()), "status": _status}
    if len(arguments) != 1 or arguments[0] not in commands:
        return fail(f"use one of: python -m local {'|'.join(commands)}")
    try:
        commands[arguments[0]]()
    except (CommandError, LaptopError, PulumiError, ValueError) as error:
        return fail(str(error))
    except OSError as error:
        return fail(os_reason(error))
    except KeyboardInterrupt:
        return fail("interrupted; `make up` goes on from here, `make down` ends everything")
    return 0


def _status() -> None:
    client = SupervisorClient.running()
    if client is None:
        raise LaptopError("the local stack is not up; run `make up`")
    table = Table("kind", "name", "state", "facts")
    for each in client.resources():
        table.add_row(each["kind"], each["identifier"], each["status"], json.dumps(each["facts"]))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
