"""The toolchain runs before anything is installed: on a Python without packages."""

import subprocess
import sys
from pathlib import Path

from tests.waiting import LIMIT_SECONDS

ROOT = Path(__file__).resolve().parents[2]


def test_all_but_what_serves_plugins_needs_nothing_but_the_standard_library() -> None:
    # These serve Pulumi's own stubs, inside the environment that the rest has made.
    names = {path.stem for path in (ROOT / "toolchain").glob("*.py")} - {"language_host", "plugin"}
    program = f"import importlib; [importlib.import_module('toolchain.' + name) for name in {sorted(names)}]"
    bare = [sys.executable, "-S", "-c", program]
    subprocess.run(bare, env={"PYTHONPATH": str(ROOT)}, check=True, timeout=LIMIT_SECONDS)
