"""Files that only their owner can read."""

import os
from pathlib import Path

from .processes import give_to_servers


def write_private(file: Path, content: str | bytes, *, of_servers: bool = False) -> None:
    """Put a file with mode 0600, ours or of the servers' account, in the place of another one at once."""
    aside = file.with_name(f"{file.name}.new")
    aside.unlink(missing_ok=True)
    # O_EXCL makes a file, and never goes by a link.
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
        made.write(content.encode() if isinstance(content, str) else content)
    if of_servers:
        give_to_servers(aside)
    aside.replace(file)
