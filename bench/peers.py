"""Other tools in environments of their own in the cache: they are measured beside ours, and no requirement of ours."""

import subprocess
import sys
from pathlib import Path

from toolchain.checkout import cache_root


def environment_of(package: str, version: str) -> Path:
    """The folder of programs of a virtual environment that has this package, made when it is first asked for."""
    home = cache_root() / f"{package}-{version}"
    if not (home / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        subprocess.run([str(home / "bin" / "pip"), "install", "--quiet", f"{package}=={version}"], check=True)
        (home / "complete").touch()
    return home / "bin"
