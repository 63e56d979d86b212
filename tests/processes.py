"""Waiting for processes to end."""

import time
from collections.abc import Iterable

import psutil

from local.supervisor.processes import lives


def wait_for_the_end(processes: Iterable[psutil.Process], *, seconds: float = 10) -> None:
    """Until none of them runs any more; one whose parent is gone may wait for ever to be asked for its end.

    Raises:
        AssertionError: one still runs; names it.
    """
    deadline = time.monotonic() + seconds
    for process in processes:
        while lives(process):
            assert time.monotonic() < deadline, f"{process} still runs"
            time.sleep(0.02)
