"""Programs built from a pinned Go module: under a lock, aside, and renamed when done. Standard library only."""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .progress import say


def pins(module: Path) -> str:
    """Twelve hex digits that change with any pinned version."""
    content = (module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


@contextmanager
def lock(folder: Path, what: str) -> Iterator[None]:
    """One checkout at a time gets `what` into a folder of the cache."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say(f"waiting for another checkout that gets {what}")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def aside(final: Path) -> Iterator[Path]:
    """A folder that becomes `final`'s parent when the block ends well, and nothing otherwise."""
    target = final.parent
    made = Path(tempfile.mkdtemp(dir=target.parent, suffix=".part"))
    try:
        yield made
        shutil.rmtree(target, ignore_errors=True)  # one that does not work
        made.rename(target)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def go_environment(go: str, made: Path) -> dict[str, str]:
    """Go's own caches where the user has them; else ones of our own that can be deleted, and are, after the build."""
    environment = {"CGO_ENABLED": "0", "GOFLAGS": "-modcacherw -buildvcs=false", "GOTOOLCHAIN": "local"}
    modules = subprocess.run([go, "env", "GOMODCACHE"], capture_output=True, text=True, check=False).stdout.strip()
    if not modules or not Path(modules).is_dir():
        environment |= {"GOMODCACHE": str(made / "go" / "mod"), "GOCACHE": str(made / "go" / "build")}
    return environment
