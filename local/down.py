"""`make down`: destroys the local stack and makes sure that nothing of it is left: no process, no port, no file."""

import shutil
import socket
from pathlib import Path

import psutil

from toolchain.checkout import GATEWAY_PORT, laptop_state, subnet

from . import pulumi_cli
from .pulumi_cli import PulumiError, console
from .supervisor.client import SupervisorClient
from .supervisor.errors import LaptopError


def down(root: Path) -> None:
    """Destroy the stack, end the supervisor, remove its state; fine when there is nothing.

    Raises:
        LaptopError: something is left; names it.
    """
    pulumi_cli.enter_shell(root)
    with pulumi_cli.only_one(root):
        if pulumi_cli.stack_exists(root):
            try:
                pulumi_cli.run(root, "destroy", "--yes", "--skip-preview")
            except PulumiError:
                # What stands behind the stack is ours alone and goes now; its record can go with it.
                console.print("· pulumi destroy failed: ending the servers and forgetting the stack instead")
                pulumi_cli.output(root, "stack", "rm", "--force", "--yes", "--preserve-config")
        client = SupervisorClient.running(root)
        if client is not None:
            client.stop()
        folder = laptop_state(root)
        shutil.rmtree(folder, ignore_errors=True)
        _check_nothing_left(root, folder)
    console.print("· down: no process, no port and no file of the local stack is left")


def _check_nothing_left(root: Path, folder: Path) -> None:
    for process in psutil.process_iter(["cmdline", "pid"]):
        if any(word.startswith(f"{folder}/") for word in process.info["cmdline"] or []):
            raise LaptopError(
                f"process {process.pid} of the local stack still runs: {' '.join(process.info['cmdline'])}"
            )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((f"{subnet(root)}.1", GATEWAY_PORT))
        except OSError:
            raise LaptopError(f"something still listens at {subnet(root)}.1:{GATEWAY_PORT}") from None
    if folder.exists():
        raise LaptopError(f"{folder} could not be removed; remove it by hand")
    if folder.parent.name == "lambda-rds-proxy" and folder.parent.parent == Path("/var/cache"):
        try:
            folder.parent.rmdir()
        except OSError:
            return  # another checkout's state stands there
