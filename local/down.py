"""`make down`: destroys the local stack and makes sure that nothing of it is left: no process, no port, no file."""

from pathlib import Path

from toolchain.progress import CommandError
from toolchain.remains import remove_remains
from toolchain.shell import prepare

from . import pulumi_cli
from .pulumi_cli import PulumiError, console
from .supervisor.client import SupervisorClient
from .supervisor.errors import LaptopError


def down(root: Path) -> None:
    """Destroy the stack, end the supervisor, remove its state; fine when there is nothing, or no engine to do it.

    Raises:
        LaptopError, CommandError: another run is at work, or something is left; names it.
    """
    try:
        pulumi_cli.enter_shell(root)
    except CommandError:
        engine = False
        prepare(root)
    else:
        engine = True
    with pulumi_cli.only_one(root):
        if engine:
            _destroy(root)
        else:
            # Pulumi keeps its record of the stack, and the next `make up` sees what is gone.
            console.print("· the Pulumi engine is not set up: ending the servers without it")
        client = SupervisorClient.running(root)
        if client is not None:
            try:
                client.stop()
            except LaptopError as error:
                console.print(f"· {error}: ending it now")
        remove_remains(root)
    console.print("· down: no process, no port and no file of the local stack is left")


def _destroy(root: Path) -> None:
    try:
        if not pulumi_cli.stack_exists(root):
            return
        pulumi_cli.run(root, "destroy", "--yes", "--skip-preview")
    except PulumiError:
        # What stands behind the stack is ours alone and goes now; its record can go with it.
        console.print("· pulumi destroy failed: ending the servers and forgetting the stack instead")
        try:
            pulumi_cli.output(root, "stack", "rm", "--force", "--yes", "--preserve-config")
        except PulumiError as error:
            console.print(f"· Pulumi keeps its record of the stack: {error}")
