"""Progress of slow commands: what runs and for how long, every five seconds. Standard library only."""

import errno
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

LINE_SECONDS = 5.0
# A line of a tool's own can be megabytes long: pip lists every file that it could not write.
_LINE_CHARACTERS = 300
_MORE_SPACE = "free some space, or set XDG_CACHE_HOME to a folder with more, and run this again"


class CommandError(RuntimeError):
    """A command failed or took too long; the message has the end of what it said."""


def say(text: str) -> None:
    """One line for the user."""
    print(f"· {text}", flush=True)


def run(
    what: str,
    command: list[str],
    *,
    seconds: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> str:
    """Run a command to its end, saying what it is and how long it takes: its output.

    Raises:
        CommandError: it failed, or did not end within `seconds`.
    """
    if not quiet:
        say(what)
    started = told = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - a list of words, no shell
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while True:
                try:
                    process.wait(0.1)
                    break
                except subprocess.TimeoutExpired:
                    pass
                now = time.monotonic()
                if now - started > seconds:
                    raise CommandError(f"{what}: not done within {seconds:.0f} s")
                if now - told >= LINE_SECONDS:
                    told = now
                    say(f"  … {what}, {now - started:.0f} s")
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode:
        raise CommandError(f"{what} failed: " + (reason(text) or f"exit status {process.returncode}"))
    return text


def reason(said: str) -> str:
    """Why a tool failed, from what it said: its last lines, or that the disk is full."""
    lines = [line.strip()[:_LINE_CHARACTERS] for line in said.splitlines() if line.strip()]
    return full_disk(said) or " | ".join(lines[-3:])


def full_disk(said: str) -> str:
    """That the disk is full, with the way out, when a tool said so; else nothing."""
    is_full = os.strerror(errno.ENOSPC).lower() in said.lower()  # Go writes it small
    return f"the disk is full; {_MORE_SPACE}" if is_full else ""


def os_reason(error: OSError) -> str:
    """What the system refused, and where, in one sentence with the fix."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{where}; {_MORE_SPACE}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"{error.strerror}{where}{_owner(error.filename)}; run this as its owner, or give it to the account you use"
        )
    return f"{error.strerror or error}{where}"


def _owner(name: object) -> str:
    """Whose the file, or the nearest folder above it that is there, is."""
    path = Path(str(name or ""))
    try:
        while not path.exists() and path != path.parent:
            path = path.parent
        return f", which belongs to {path.owner()}" if str(path) == name else f", {path} belongs to {path.owner()}"
    except (OSError, KeyError):
        return ""


def fail(sentence: str) -> int:
    """Tell why nothing more happens: the exit status."""
    print(f"error: {sentence}", file=sys.stderr, flush=True)
    return 1
