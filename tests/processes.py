"""Other processes: any of them may end, or be ended by somebody else, at any moment between two looks."""

import contextlib
import os
from collections.abc import Iterable

import psutil

from local.supervisor.processes import lives
from tests.waiting import until


def tree(pid: int) -> list[psutil.Process]:
    """A process and everything under it; nothing when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def is_running(pid: int) -> bool:
    """Whether there is a process of this number that has not ended."""
    return any(lives(each) for each in tree(pid)[:1])


def running(word: str) -> list[psutil.Process]:
    """Every process with this text, such as a file of its own, in its command line."""
    found = psutil.process_iter(["cmdline"])
    return [each for each in found if any(word in part for part in each.info["cmdline"] or [])]


def children(pid: int) -> list[psutil.Process]:
    """What a process has started itself; nothing when it is gone."""
    try:
        return psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []


def program(process: psutil.Process) -> str:
    """Its program's name; empty when it is gone."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def kill(*processes: psutil.Process) -> None:
    """Kill them; one that is gone already, perhaps because its parent was killed a moment ago, is what was wanted."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def wait_for_the_end(processes: Iterable[psutil.Process]) -> None:
    """Until none of them runs any more; one whose parent is gone may wait for ever to be asked for its end.

    Raises:
        AssertionError: one still runs; names it.
    """
    left = list(processes)

    def none_is_left() -> bool:
        left[:] = filter(lives, left)
        assert not left, f"{left} still run"
        return True

    until(none_is_left)


def read_terminal(reader: int) -> str:
    """All that was written to a terminal until its other side was closed; a single read may have part of it.

    Closes the reader.
    """
    with open(reader, "rb", buffering=0) as terminal:
        shown = b""
        with contextlib.suppress(OSError):  # EIO is its end
            while part := os.read(terminal.fileno(), 1 << 16):
                shown += part
    return shown.decode()
