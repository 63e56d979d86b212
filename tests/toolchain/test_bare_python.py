"""The toolchain runs before anything is installed: on a Python without packages."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_all_but_the_language_host_needs_nothing_but_the_standard_library() -> None:
    # The language host serves Pulumi's own stubs, inside the environment that the rest has made.
    names = {path.stem for path in (ROOT / "toolchain").glob("*.py")} - {"language_host"}
    program = f"import importlib; [importlib.import_module('toolchain.' + name) for name in {sorted(names)}]"
    bare = [sys.executable, "-S", "-c", program]
    subprocess.run(bare, env={"PYTHONPATH": str(ROOT)}, check=True, timeout=60)
