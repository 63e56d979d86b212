"""Virtual environments from hash-locked lists: the checkout's `.venv`, and the pack's own `policies/venv`.

A marker with the list's hash is written last: an environment without it is made anew, one with another is brought up to
date.
"""

import hashlib
import shutil
from pathlib import Path

from .installer import install, make_venv

_MARKER = ".made-from"


def venv_python(root: Path) -> Path:
    """The interpreter of the checkout's environment."""
    return root / ".venv" / "bin" / "python"


def make_environments(root: Path) -> None:
    """Make what is missing or outdated.

    Raises:
        CommandError: a package is not to be had.
    """
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
        CommandError: it cannot be made, or a package is not to be had.
    """
    if _is_made(folder, requirements):
        return
    marker = folder / _MARKER
    if not (marker.is_file() and (folder / "bin" / "python").exists()):  # not there, or an interrupted one
        shutil.rmtree(folder, ignore_errors=True)
        make_venv(folder)
    marker.unlink(missing_ok=True)
    install(what, folder / "bin" / "python", requirements)
    marker.write_text(_stamp(requirements))
