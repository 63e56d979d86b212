"""What is left of a checkout's laptop cloud: ended and removed without its own help. Standard library only."""

import contextlib
import os
import shutil
import signal
import socket
import time
from pathlib import Path

from .checkout import GATEWAY_PORT, LAPTOP_MARK, laptop_state, subnet
from .progress import CommandError

_END_SECONDS = 30.0
_FREE_SECONDS = 10.0


def remove_remains(root: Path) -> None:
    """End every process of a checkout's laptop cloud and remove its state; fine when there is nothing.

    Raises:
        CommandError: something is left; names it.
    """
    folder = laptop_state(root)
    end_processes(folder, root=root)
    shutil.rmtree(folder, ignore_errors=True)
    left = [pid for pid in _processes() if _is_of(pid, folder, root)]
    if left:
        raise CommandError(f"process {left[0]} of the local stack still runs: {' '.join(_command(left[0]))}")
    deadline = time.monotonic() + _FREE_SECONDS
    while not _is_free((f"{subnet(root)}.1", GATEWAY_PORT)):
        if time.monotonic() > deadline:
            raise CommandError(f"something still listens at {subnet(root)}.1:{GATEWAY_PORT}")
        time.sleep(0.05)
    if folder.exists():
        raise CommandError(f"{folder} could not be removed; remove it by hand")
    if folder.parent == Path("/var/cache/lambda-rds-proxy"):
        with contextlib.suppress(OSError):  # another checkout's state stands there
            folder.parent.rmdir()


def _is_free(address: tuple[str, int]) -> bool:
    """A killed process may be listed as ended while a thread of it, the last to go, still has its sockets."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


def end_processes(folder: Path, *, root: Path | None = None) -> None:
    """Kill what a server or a supervisor that was killed left running in its folder; with `root`, the supervisor too.

    The kernel ends a supervisor's own children with it, but not theirs: a backend of PostgreSQL in the middle of a
    query outlives its server, and no other server starts on that data before it has ended.
    """
    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline:
        left = [pid for pid in _processes() if _is_of(pid, folder, root)]
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _processes() -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and int(each.name) != os.getpid()]


def _is_of(pid: int, folder: Path, root: Path | None) -> bool:
    """PostgreSQL's processes write their title over their environment: known by where they work; others by our mark."""
    process = Path("/proc") / str(pid)
    try:
        if (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return False  # has ended, and waits for its parent
        works_in = (process / "cwd").readlink()
        if (process / "comm").read_text().strip() == "postgres" and works_in.is_relative_to(folder):
            return True
        if f"{LAPTOP_MARK}={folder}" in (process / "environ").read_bytes().decode(errors="replace").split("\0"):
            return True
    except OSError:
        return False  # gone meanwhile, or another user's
    return root is not None and _command(pid)[-3:] == ["-m", "local.supervisor", str(root.resolve())]


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []
