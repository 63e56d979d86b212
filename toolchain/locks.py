"""Hash-locked requirement lists, written by uv from the `.in` files: `make lock`."""

import sys
import tempfile
from pathlib import Path

from .progress import run

_UV = "uv==0.13.9"
# Files uploaded later are not yet served by every mirror.
_EXCLUDE_NEWER = "2026-11-14"
_LISTS = (
    "requirements.in",
    "requirements-dev.in",
    "policies/requirements.in",
    "handler/requirements.in",
    "handler/requirements-mysql.in",
    "components/requirements.in",
    "components/lambda_rds_proxy/user/admin_function/requirements.in",
    "components/lambda_rds_proxy/user/admin_function/requirements-mysql.in",
    "local/rotation_function/requirements.in",
    "local/runtime-requirements.in",
)


def write_locks(root: Path) -> None:
    """Write every `.txt` anew."""
    with tempfile.TemporaryDirectory() as folder:
        run("making an environment for uv", [sys.executable, "-m", "venv", folder], seconds=120)
        run("installing uv", [f"{folder}/bin/pip", "install", "--quiet", _UV], seconds=300)
        for source in _LISTS:
            # For every platform and Python, so that Lambda's arm64 wheels are locked on any machine; no index's
            # address is written.
            command = [
                f"{folder}/bin/uv",
                "pip",
                "compile",
                "--quiet",
                "--generate-hashes",
                "--universal",
                "--no-header",
            ]
            command += ["--no-emit-index-url", "--no-emit-find-links", "--python-version", "3.11"]
            command += ["--exclude-newer", _EXCLUDE_NEWER, source, "-o", source.removesuffix(".in") + ".txt"]
            run(f"locking {source}", command, folder=root, seconds=300)
