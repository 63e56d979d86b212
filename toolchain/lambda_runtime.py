"""AWS's Lambda runtime client and boto3, as the managed runtime has them: installed once, into the cache."""

import hashlib
import sys
from pathlib import Path

from .checkout import cache_root, checkout_root
from .environments import venv_python
from .exclusion import alone, whole
from .installer import install


def lambda_runtime_directory() -> Path:
    """The folder that stands for Lambda's /var/runtime; `install_lambda_runtime` makes it."""
    requirements = checkout_root() / "local" / "runtime-requirements.txt"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = hashlib.sha256(requirements.read_bytes() + python.encode()).hexdigest()[:16]
    return cache_root() / "lambda-runtime" / key


def install_lambda_runtime(root: Path) -> None:
    """Install it if it is not there.

    Raises:
        CommandError: it is not to be had.
    """
    folder = lambda_runtime_directory()
    if folder.is_dir():
        return
    with alone(folder.parent / "lock", "installing AWS's Lambda runtime client"):
        if not folder.is_dir():  # another checkout may have been faster
            _install(root, folder)


def _install(root: Path, folder: Path) -> None:
    with whole(folder) as aside:
        requirements = root / "local" / "runtime-requirements.txt"
        options = ["--no-deps", "--target", str(aside)]
        # Functions run as an account that writes nothing there, and start often.
        install("AWS's Lambda runtime client", venv_python(root), requirements, options, compiled=True)
