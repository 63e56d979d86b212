"""`python -m local up|down|status [--json]`: the laptop stack."""

import contextlib
import json
import sys

from toolchain.checkout import checkout_root, laptop_state
from toolchain.progress import CommandError, fail, os_reason

from .down import down
from .gate.seen import Seen
from .pulumi_cli import PulumiError
from .supervisor.client import SupervisorClient
from .supervisor.errors import LaptopError
from .supervisor.proxy import seen
from .topology import show_topology
from .up import up


def main(arguments: list[str]) -> int:
    """Run one command: its exit status."""
    commands = {
        "up": lambda: up(checkout_root()),
        "down": lambda: down(checkout_root()),
        "status": lambda: _status(as_json=False),
    }
    commands["status --json"] = lambda: _status(as_json=True)
    command = commands.get(" ".join(arguments))
    if command is None:
        return fail(f"use one of: python -m local {'|'.join(commands)}")
    try:
        command()
    except (CommandError, LaptopError, PulumiError, ValueError) as error:
        return fail(str(error))
    except OSError as error:
        return fail(os_reason(error))
    except KeyboardInterrupt:
        return fail("interrupted; `make up` goes on from here, `make down` ends everything")
    return 0


def _status(*, as_json: bool) -> None:
    client = SupervisorClient.running()
    if client is None:
        raise LaptopError("the local stack is not up; run `make up`")
    resources, gates = client.resources(), dict[str, Seen]()
    for name in (each["identifier"] for each in resources if each["kind"] == "proxy"):
        with contextlib.suppress(LaptopError):  # its status says that it does not serve
            gates[name] = seen(laptop_state(checkout_root()), name)
    if as_json:
        told = {"gates": {name: gate.as_json() for name, gate in gates.items()}, "resources": resources}
        print(json.dumps({"endpoint": client.url, "problems": client.problems(), **told}, indent=2))
    else:
        show_topology(client.url, resources, gates)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
