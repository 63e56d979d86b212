"""PostgreSQL, PgBouncer and libnss-wrapper: found, or installed with apt by root, or named in one command to type."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from .progress import CommandError, run

_POLICY = Path("/usr/sbin/policy-rc.d")
_APT_SECONDS = 600.0


def _postgresql() -> bool:
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb") is not None


def _pgbouncer() -> bool:
    return shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin") is not None


def _nss_wrapper() -> bool:
    return any(Path("/usr/lib").glob("*/libnss_wrapper.so")) or Path("/usr/lib/libnss_wrapper.so").exists()


def _setpriv() -> bool:
    return shutil.which("setpriv") is not None


# Debian package → whether what it brings is there.
PACKAGES: dict[str, Callable[[], bool]] = {
    "postgresql": _postgresql,
    "pgbouncer": _pgbouncer,
    "libnss-wrapper": _nss_wrapper,
    "util-linux": _setpriv,
}


def missing() -> list[str]:
    """The Debian packages that are not there."""
    return [package for package, is_there in PACKAGES.items() if not is_there()]


def install_servers() -> None:
    """Install what is missing.

    Raises:
        CommandError: this is no Linux, or somebody with the right to install must do it; names the command.
    """
    if sys.platform != "linux":
        raise CommandError(f"the laptop stack needs Linux or WSL2, and this is {sys.platform}")
    packages = missing()
    if not packages:
        return
    command = f"apt-get update && apt-get install -y {' '.join(packages)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CommandError(f"{', '.join(packages)} is missing; run: sudo sh -c '{command}'")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get update", ["apt-get", "update"], seconds=_APT_SECONDS, environment=quiet)
    # Debian starts the services of what it installs; ours are started by the supervisor, so say no for this once.
    own_policy = not _POLICY.exists()
    if own_policy:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
        run(f"installing {', '.join(packages)}", install, seconds=_APT_SECONDS, environment=quiet)
    finally:
        if own_policy:
            _POLICY.unlink(missing_ok=True)
