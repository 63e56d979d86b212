"""What programs built from a pinned Go module have in common. Standard library only."""

import hashlib
import subprocess
from pathlib import Path


def pins(module: Path) -> str:
    """Twelve hex digits that change with any pinned version."""
    content = (module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]


def go_environment(go: str, made: Path) -> dict[str, str]:
    """Go's own caches where the user has them; else ones of our own that can be deleted, and are, after the build."""
    environment = {"CGO_ENABLED": "0", "GOFLAGS": "-modcacherw -buildvcs=false", "GOTOOLCHAIN": "local"}
    modules = subprocess.run([go, "env", "GOMODCACHE"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - a list of words, no shell
    if not modules or not Path(modules).is_dir():
        environment |= {"GOMODCACHE": str(made / "go" / "mod"), "GOCACHE": str(made / "go" / "build")}
    return environment
