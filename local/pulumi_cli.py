"""The `local` stack through the Pulumi command line, in this checkout's own shell."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from toolchain.checkout import LAPTOP_STACK, checkout_cache
from toolchain.exclusion import only_ours
from toolchain.progress import LINE_SECONDS, full_disk
from toolchain.shell import enter

from .engine_output import step, summary
from .supervisor.errors import LaptopError
from .supervisor.file_lock import held
from .supervisor.processes import lives

STACK = LAPTOP_STACK
console = Console(emoji=False, highlight=False, markup=False, soft_wrap=True)
# What the engine prints when an earlier run was killed, and when another one is at work: the same.
_LOCKED = "the stack is currently locked"
_HOLDER = re.compile(r"\(pid (\d+)\)")
# Locks and attributes are a few hundred bytes: what is older is not being written any more.
_WRITTEN_SECONDS = 1.0
# How long a process of some hundred megabytes takes at most to end once it is killed.
_ENDING_SECONDS = 2.0


class PulumiError(RuntimeError):
    """Pulumi failed; what it said is on the screen already."""


def enter_shell(root: Path) -> None:
    """Make this process's environment that of `make env`.

    Raises:
        CommandError: the checkout is not set up.
    """
    enter(root)
    sys.dont_write_bytecode = False  # as it says


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Refuse a second `make up` or `make down` of the same checkout at the same time.

    Raises:
        LaptopError: another one is at work.
    """
    with held(checkout_cache(root) / "up.lock", seconds=0) as alone:
        if not alone:
            raise LaptopError("another `make up` or `make down` of this checkout is at work; wait for it")
        yield


def stack_exists(root: Path) -> bool:
    """Whether the backend knows the stack.

    Raises:
        PulumiError: the backend cannot be read.
    """
    _remove_half_written(root)
    return STACK in (each["name"].split("/")[-1] for each in _stacks(root))


def _stacks(root: Path) -> list[dict[str, Any]]:
    """What the backend knows: names, and which of them is selected."""
    found: list[dict[str, Any]] = json.loads(_checked(_captured(root, ["stack", "ls", "--json"])) or "[]")
    return found


def ensure_stack(root: Path) -> None:
    """Make the stack in the backend if it is not there.

    Raises:
        PulumiError: it cannot be made, or somebody's own `pulumi` is at work on it.
    """
    _remove_half_written(root)
    stacks = _stacks(root)
    if any(each["name"].split("/")[-1] == STACK for each in stacks):
        # Plain `pulumi stack output` is about this stack, unless its user selected another one.
        if not any(each.get("current") for each in stacks):
            _checked(_captured(root, ["stack", "select", STACK]))
        return
    keep = ["--no-select"] if any(each.get("current") for each in stacks) else []
    done = _captured(root, ["stack", "init", STACK, *keep])
    if done.returncode and _LOCKED in done.stdout + done.stderr:
        # `pulumi cancel` wants a stack that is there.
        _check_nobody_is_at_work(done.stdout + done.stderr)
        for lock in _backend(root).glob(f"locks/*/*/{STACK}/*"):
            lock.unlink(missing_ok=True)
        done = _captured(root, ["stack", "init", STACK, *keep])
    _checked(done)


def ensured(root: Path) -> str:
    """The stack as Pulumi exports it, made in the backend if it is not there.

    Raises:
        PulumiError: the backend cannot be read.
    """
    # Two looks of the engine, side by side.
    with ThreadPoolExecutor(1) as beside:
        export = beside.submit(_captured, root, ["stack", "export", "--stack", STACK])
        ensure_stack(root)
    done = export.result()
    return done.stdout if done.returncode == 0 else output(root, "stack", "export")


def output(root: Path, *arguments: str) -> str:
    """What a Pulumi command prints.

    Raises:
        PulumiError: it failed.
    """
    return _checked(_captured(root, [*arguments, "--stack", STACK]))


def run(root: Path, *arguments: str) -> None:
    """Run a Pulumi command that changes the stack, on the user's screen.

    What an earlier run left that was killed, or had no space to write, is removed.

    Raises:
        PulumiError: it failed, or somebody's own `pulumi` is at work on the stack.
    """
    _remove_half_written(root)
    status, text = _shown(root, [*arguments, "--stack", STACK])
    if status and _LOCKED in text:
        _check_nobody_is_at_work(text)
        console.print("· an earlier run was killed: pulumi cancel, then refresh --clear-pending-creates")
        _shown(root, ["cancel", "--yes", "--stack", STACK])
        _shown(root, ["refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", STACK])
        status, text = _shown(root, [*arguments, "--stack", STACK])
    if status:
        why = (
            f": {full_disk(text)}"
            if full_disk(text)
            else f"; what it said is above, and whole in {_log(root, arguments[0])}"
        )
        raise PulumiError(f"pulumi {arguments[0]} failed{why}")


def _check_nobody_is_at_work(text: str) -> None:
    """Our own lock keeps another `make up` away; who typed `pulumi up` has a lock that is not ours to take.

    A pulumi that was killed a moment ago may still be ending, and stays in the list of processes as long as its parent
    does not ask for it, which the first process of many a container never does.
    """
    deadline = time.monotonic() + _ENDING_SECONDS
    holders = [pid for pid in map(int, _HOLDER.findall(text)) if _is_at_work(pid)]
    while holders and time.monotonic() < deadline:
        time.sleep(0.05)
        holders = [pid for pid in holders if _is_at_work(pid)]
    if holders:
        raise PulumiError(
            f"another pulumi (process {holders[0]}) is at work on the stack {STACK}; wait for it, or end it"
        )


def _is_at_work(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return lives(process) and process.name() == "pulumi"
    except psutil.NoSuchProcess:
        return False


def _remove_half_written(root: Path) -> None:
    """Remove what pulumi, `cancel` included, fails at ever after: files that it does not write all at once.

    A full disk leaves locks without content; a kill between two system calls leaves the `.attrs` beside a state empty,
    which pulumi does without when it is not there.
    """
    backend = _backend(root)
    for file in [*backend.glob("locks/**/*.json*"), *backend.glob("**/*.attrs")]:
        while not _is_whole(file):
            if _age(file) > _WRITTEN_SECONDS:
                console.print(f"· removing {file.name}, which a killed run or a full disk left half-written")
                file.unlink(missing_ok=True)
            time.sleep(0.05)


def _is_whole(file: Path) -> bool:
    try:
        json.loads(file.read_text())
    except ValueError:
        return False
    except FileNotFoundError:
        pass  # its run has just ended
    return True


def _age(file: Path) -> float:
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _backend(root: Path) -> Path:
    return checkout_cache(root) / "backend" / ".pulumi"


def _checked(done: "subprocess.CompletedProcess[str]") -> str:
    if done.returncode:
        raise PulumiError((done.stderr or done.stdout).strip())
    return done.stdout


def _captured(root: Path, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - a list of words, no shell
        ["pulumi", *arguments, "--non-interactive"],  # noqa: S607 - the engine of this shell
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _shown(root: Path, arguments: list[str]) -> tuple[int, str]:
    """Run with its progress on the screen and all that it says in a file.

    Ctrl-C reaches Pulumi too, which ends in its own orderly way.
    """
    log = _log(root, arguments[0])
    process = subprocess.Popen(  # noqa: S603 - a list of words, no shell
        ["pulumi", *arguments, "--non-interactive", "--color", "never"],  # noqa: S607 - the engine of this shell
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    lines: list[str] = []
    done = 0
    began = told = time.monotonic()
    what = f"pulumi {arguments[0]}"
    with open(log, "w", opener=only_ours) as file, console.status(what) as progress:
        while True:
            try:
                for line in process.stdout:
                    lines.append(line.rstrip("\n"))
                    file.write(line)
                    done += step(line) is not None
                    now = time.monotonic()
                    counted = f"{what}: {done} resources, {now - began:.0f} s"
                    progress.update(counted)
                    if not console.is_terminal and now - told >= LINE_SECONDS:
                        told = now
                        console.print(f"· {counted}")
                break
            except KeyboardInterrupt:
                console.print("· interrupted: waiting for pulumi to stop in good order")
        status = process.wait()
    for line in summary(lines):
        style = "red" if "error:" in line or "❌" in line else "yellow" if "warning:" in line else None
        console.print(line, style=style)
    console.print(f"· all that pulumi {arguments[0]} said: {log}")
    return status, "\n".join(lines)


def _log(root: Path, command: str) -> Path:
    """The file of the last run of a command."""
    file = checkout_cache(root) / f"pulumi-{command}.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
