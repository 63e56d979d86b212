"""Files that only their owner can read."""

from pathlib import Path

from .processes import give_to_servers


def write_private(file: Path, content: str | bytes, *, of_servers: bool = False) -> None:
    """Put a file with mode 0600, ours or of the servers' account, in the place of another one at once."""
    aside = file.with_name(f"{file.name}.new")
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600)
    aside.write_bytes(content.encode() if isinstance(content, str) else content)
    if of_servers:
        give_to_servers(aside)
    aside.replace(file)
