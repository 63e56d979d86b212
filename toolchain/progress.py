"""Progress of slow work, some of it side by side: what runs and for how long. Standard library only.

A terminal has it on its last line; elsewhere it is a line now and then, so that a log stays one screen.
"""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

LINE_SECONDS = 30.0
_TERMINAL_SECONDS = 1.0
# A line of a tool's own can be megabytes long: pip lists every file that it could not write.
_LINE_CHARACTERS = 300
_MORE_SPACE = "free some space, or set XDG_CACHE_HOME to a folder with more, and run this again"


class CommandError(RuntimeError):
    """A command failed or took too long; the message has the end of what it said."""


class Ended(Exception):  # noqa: N818 - no error: what it was begun with failed, and says so itself
    """Work was ended because other work beside it failed."""


_lines = threading.RLock()
_running: dict[str, float] = {}
_told = 0.0
_ending = threading.Event()


def say(text: str) -> None:
    """One line for the user."""
    _write(f"· {text}\n")


def _write(line: str) -> None:
    global _told
    with _lines:
        sys.stdout.write(f"\r\x1b[K{line}" if sys.stdout.isatty() else line)
        sys.stdout.flush()
        _told = time.monotonic()


@contextmanager
def working(what: str) -> Iterator[None]:
    """Work that takes a while and calls `tick` now and then."""
    with _lines:
        _running[what] = time.monotonic()
    try:
        yield
    finally:
        with _lines:
            del _running[what]
            if sys.stdout.isatty():
                _write("")


def tick() -> None:
    """Tell now and then what runs and for how long.

    Raises:
        Ended: there is no use in it any more.
    """
    if _ending.is_set():
        raise Ended
    with _lines:
        now, on_terminal = time.monotonic(), sys.stdout.isatty()
        if not _running or now - _told < (_TERMINAL_SECONDS if on_terminal else LINE_SECONDS):
            return
        text = "  … " + "; ".join(f"{what}, {now - started:.0f} s" for what, started in _running.items())
        _write(text[: shutil.get_terminal_size().columns - 1] if on_terminal else f"·{text[1:]}\n")


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[None]:
    """Do some work in a thread, beside the block. Who fails ends the other; it returns when both have ended.

    Raises:
        CommandError: both failed, each for a reason of its own.
    """

    def worked() -> BaseException | None:
        try:
            work()
        except BaseException as error:
            _ending.set()
            return error
        return None

    failed: list[BaseException | None] = []
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(worked)
        try:
            yield
            wait([other])
        except BaseException as error:
            failed.append(error)
            _ending.set()
        finally:
            failed.append(other.result())
            _ending.clear()
    _raise_of([error for error in failed if error is not None and not isinstance(error, Ended)])


def _raise_of(failed: list[BaseException]) -> None:
    for error in failed:  # Ctrl-C reaches what runs, too, and is why it fails
        if len(failed) == 1 or isinstance(error, KeyboardInterrupt):
            raise error
    if failed:
        raise CommandError(
            "; and ".join(os_reason(each) if isinstance(each, OSError) else str(each) for each in failed)
        )


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
    started = time.monotonic()
    with working(what), tempfile.TemporaryFile() as output:
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
                tick()
                if time.monotonic() - started > seconds:
                    raise CommandError(f"{what}: not done within {seconds:.0f} s")
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
