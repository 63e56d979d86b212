"""Virtual environments from hash-locked lists: the checkout's `.venv`, and the pack's own `policies/venv`.

A marker with the list's hash is written last: an environment without it is made anew, one with another is brought up to
date.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .progress import CommandError, run
from .servers import install_packages

OLDEST_PYTHON = (3, 11)
_MARKER = ".made-from"
_PIP_SECONDS = 900.0


def venv_python(root: Path) -> Path:
    """The interpreter of the checkout's environment."""
    return root / ".venv" / "bin" / "python"


def make_environments(root: Path) -> None:
    """Make what is missing or outdated.

    Raises:
        CommandError: Python is too old, has no venv, or pip failed.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise CommandError(
            f"python3 is {sys.version.split()[0]}, and this project needs 3.11 or later; install it, first on PATH"
        )
    make_environment(root / ".venv", root / "requirements-dev.txt", "the project's Python packages")
    # `python -m local` and `python -m ops` import the checkout, the components' package and the pack's pure modules.
    site = next((root / ".venv" / "lib").glob("python3*/site-packages"))
    (site / "lambda-rds-proxy.pth").write_text(f"{root}\n{root / 'components'}\n{root / 'policies'}\n")
    # The laptop joins the tools as anybody's place does (ops/places.py).
    joined = site / "lambda_rds_proxy_laptop-0.dist-info"
    joined.mkdir(exist_ok=True)
    (joined / "METADATA").write_text("Metadata-Version: 2.1\nName: lambda-rds-proxy-laptop\nVersion: 0\n")
    (joined / "entry_points.txt").write_text("[lambda_rds_proxy_ops.places]\nlaptop = local.tools\n")
    make_environment(root / "policies" / "venv", root / "policies" / "requirements.txt", "the policy pack's packages")


def are_made(root: Path) -> bool:
    """Whether nothing is missing or outdated."""
    return _is_made(root / ".venv", root / "requirements-dev.txt") and _is_made(
        root / "policies" / "venv", root / "policies" / "requirements.txt"
    )


def _is_made(folder: Path, requirements: Path) -> bool:
    marker = folder / _MARKER
    return marker.is_file() and marker.read_text() == _stamp(requirements)


def _stamp(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


def make_environment(folder: Path, requirements: Path, what: str) -> None:
    """One environment of what a list with hashes names.

    Raises:
        CommandError: there is no venv, or pip failed.
    """
    if _is_made(folder, requirements):
        return
    marker = folder / _MARKER
    if not (marker.is_file() and (folder / "bin" / "python").exists()):  # not there, or an interrupted one
        shutil.rmtree(folder, ignore_errors=True)
        _make_venv(folder)
    marker.unlink(missing_ok=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--requirement", str(requirements)]
    run(f"installing {what}", command, seconds=_PIP_SECONDS)
    marker.write_text(_stamp(requirements))


def _make_venv(folder: Path) -> None:
    # Not from inside another environment: its interpreter may go away.
    python = getattr(sys, "_base_executable", sys.executable)
    if not _has_venv(python):
        _install_venv(python)
    run(f"making {folder.name} with Python {sys.version.split()[0]}", [python, "-m", "venv", str(folder)], seconds=120)


def _has_venv(python: str) -> bool:
    """Debian's python3 lacks what `venv` needs; it is in a package of its own."""
    done = subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True, check=False)  # noqa: S603 - a list of words, no shell
    return done.returncode == 0


def _install_venv(python: str) -> None:
    package = f"python3.{sys.version_info.minor}-venv"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CommandError(f"{python} has no venv; run: sudo apt-get install -y {package}")
    install_packages([package])
    if not _has_venv(python):
        raise CommandError(
            f"{python} has no venv although {package} is installed; put a complete Python 3.11 or later first on PATH"
        )
