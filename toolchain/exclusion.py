"""One process at a time, and what it makes is whole or not there. Standard library only."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .progress import LINE_SECONDS, say, tick


def only_ours(path: str, flags: int) -> int:
    """For `open`: a file that no other account reads; who may read one may also lock it, and never let go."""
    return os.open(path, flags, 0o600)


@contextmanager
def alone(file: Path, doing: str) -> Iterator[None]:
    """Hold a lock file while `doing` something; say whom it waits for. The lock of a killed process is free."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "a+", opener=only_ours) as lock:
        _wait_for(lock, doing)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _wait_for(lock: IO[str], doing: str) -> None:
    started = time.monotonic()
    told: float | None = None
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            now = time.monotonic()
            if told is None or now - told >= LINE_SECONDS:
                told = now
                lock.seek(0)
                say(f"waiting for process {lock.read() or 'unknown'}, which is {doing}, {now - started:.0f} s")
            tick()
            time.sleep(0.1)
        else:
            return


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A folder aside that becomes `target` when the block ends well, and nothing otherwise.

    The caller holds the lock of `target`'s folder, so every other `*.part` there is of a run that was killed, and goes.
    """
    for left in target.parent.glob("*.part"):
        shutil.rmtree(left, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, suffix=".part"))
    try:
        yield aside
        shutil.rmtree(target, ignore_errors=True)  # one that does not work
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
