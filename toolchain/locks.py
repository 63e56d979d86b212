"""Hash-locked requirement lists, written by uv from the `.in` files (`make lock`), and what is known against them."""

import subprocess
from pathlib import Path

from .checkout import checkout_cache
from .environments import make_environment
from .installer import get_uv
from .progress import CommandError, run

# Files uploaded later are not yet served by every mirror.
_EXCLUDE_NEWER = "2026-11-14"
_LISTS = (
    "toolchain/uv.in",
    "toolchain/pip.in",
    "toolchain/build.in",
    "toolchain/pip-audit.in",
    "requirements.in",
    "requirements-dev.in",
    "ops/requirements.in",
    "bench/checkov.in",
    "bench/powertools.in",
    "policies/requirements.in",
    "handler/requirements.in",
    "handler/requirements-mysql.in",
    "components/requirements.in",
    "components/lambda_rds_proxy/user/admin_function/requirements.in",
    "components/lambda_rds_proxy/user/admin_function/requirements-mysql.in",
    "examples/frameworks/django/requirements.in",
    "examples/frameworks/fastapi/requirements.in",
    "examples/frameworks/powertools/requirements.in",
    "examples/frameworks/sqlmodel/requirements.in",
    "examples/own-program/api/requirements.in",
    "examples/several-functions/shop/requirements.in",
    "local/rotation_function/requirements.in",
    "local/runtime-requirements.in",
)


def write_locks(root: Path) -> None:
    """Write every `.txt` anew."""
    uv = get_uv()
    if uv is None:
        raise CommandError("there is no uv, as is said above, and nothing else writes the lists")
    for source in _LISTS:
        # For every platform and Python, so that Lambda's arm64 wheels are locked on any machine; no index's
        # address is written.
        command = [str(uv), "pip", "compile", "--quiet", "--generate-hashes", "--universal", "--no-header"]
        command += ["--no-emit-index-url", "--no-emit-find-links", "--python-version", "3.11"]
        command += ["--exclude-newer", _EXCLUDE_NEWER, source, "-o", _locked(source)]
        run(f"locking {source}", command, folder=root, seconds=300)


def audit_locks(root: Path) -> None:
    """Hold what the lists lock against the known vulnerabilities (OSV); installs none of it.

    Raises:
        CommandError: a version has one, or nobody could be asked about it.
    """
    home = checkout_cache(root) / "pip-audit"
    make_environment(home, root / "toolchain" / "pip-audit.txt", "pip-audit")
    # Strict: what could not be asked about is not taken for sound.
    command = [str(home / "bin" / "pip-audit"), "--strict", "--require-hashes", "--disable-pip"]
    command += ["--progress-spinner", "off"]
    command += ["--vulnerability-service", "osv", "--requirement"]
    lists = [_locked(source) for source in _LISTS]
    failed = [each for each in lists if subprocess.run([*command, each], cwd=root, check=False).returncode]  # noqa: S603 - a list of words, no shell
    if failed:
        raise CommandError(
            f"{', '.join(failed)}: versions with a known vulnerability, or nobody to ask, as is said above; raise them "
            "in the .in file, then `make lock`"
        )


def _locked(source: str) -> str:
    return source.removesuffix(".in") + ".txt"
