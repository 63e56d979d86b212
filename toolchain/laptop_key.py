"""The key that opens a checkout's laptop cloud: who can read its file is the developer, and may do everything there."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from .checkout import checkout_cache

SHELL_ACCESS_KEY = "laptop"


def shell_secret(root: Path) -> str:
    """AWS_SECRET_ACCESS_KEY of the shell of `make env`: made once (0600), and still there when the stack is gone."""
    file = checkout_cache(root) / "laptop.key"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent) as made:
            made.write(secrets.token_hex(32))
            made.flush()
            os.fsync(made.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first
                os.link(made.name, file)
    return file.read_text()
