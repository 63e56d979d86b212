"""Locks between processes: files in a folder that may be removed by whoever holds them."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolchain.exclusion import only_ours

# How long folders that others remove are made again, in seconds beyond the time to wait.
_REMOVED_SECONDS = 5.0


@contextmanager
def held(file: Path, *, seconds: float) -> Iterator[bool]:
    """Hold the lock of a file, made with its folder where it is missing: whether it was had within so many seconds.

    Its holder may remove the file with its folder: one that has waited then finds its lock on a file that is gone,
    and takes the new one. The kernel frees the lock of a process that ends.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            stream = open(file, "w", opener=only_ours)  # noqa: SIM115 - closed below
        except (FileNotFoundError, FileExistsError):  # the second is mkdir's, of a folder gone before it looked again
            if time.monotonic() >= deadline + _REMOVED_SECONDS:
                raise  # not removed over and over: it cannot be made
            continue  # removed with its folder, or the folder above, by another checkout's `make down` just now
        with stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    yield False
                    return
                time.sleep(0.02)
                continue
            try:
                current = file.stat().st_ino == os.fstat(stream.fileno()).st_ino
            except FileNotFoundError:
                current = False
            if current:
                yield True
                return
