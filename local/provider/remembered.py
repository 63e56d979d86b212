"""Plain facts that are slow to read from large packages, kept on disk between two runs of the provider.

A preview starts the provider anew, and to load what `pulumi_aws` and botocore know of twenty types takes it longer than
all its answers. What is kept depends on their versions and on the code that reads them, so it is never out of date.
"""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from toolchain.checkout import cache_root

_READERS = ("real_classes.py", "types/limits.py")


@cache
def folder() -> Path:
    """Where the facts of these packages, read by this code, are kept."""
    seen = hashlib.sha256(f"pulumi-aws {version('pulumi-aws')} botocore {version('botocore')}".encode())
    for reader in _READERS:
        seen.update((Path(__file__).parent / reader).read_bytes())
    return cache_root() / "aws-facts" / seen.hexdigest()[:16]


def remembered(key: str, read: Callable[[], Any]) -> Any:  # noqa: ANN401 - JSON
    """What `read` says, which must be JSON; from the disk when it was read under this key before.

    What it raises is raised, and nothing is kept.
    """
    file = folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError):  # not there, or cut short by a machine that went down
        found = read()
    _keep(file, json.dumps(found))
    return found


def _keep(file: Path, text: str) -> None:
    """Write as a whole or not at all; without a disk to write on it is only slower the next time."""
    aside = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text)
        aside.replace(file)
    with suppress(OSError):
        aside.unlink(missing_ok=True)
