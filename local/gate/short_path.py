"""Paths of sockets, which hold no more than 107 characters, whatever the folder is called."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def short_path(folder: Path) -> Iterator[str]:
    """A path to a folder that is short, by way of its descriptor, for the length of a block.

    Raises:
        OSError: there is no such folder, or no descriptor.
    """
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
