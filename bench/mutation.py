"""Which changes of the policies' pure modules no test notices: mutmut over a copy of them, and the list of survivors.

`python -m bench.mutation [MODULES…]` (default: all the pure ones) lays the package and its pure tests out as mutmut
wants them, in the cache, and prints every surviving change as a diff. docs/mutation.md says of each why it may stay.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from toolchain.checkout import cache_root

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "policies" / "rds_proxy_guard"
# What touches the SDK is tested through the SDK's servicer and the pack's process, not by mutation.
ADAPTERS = {"__init__.py", "advisory.py", "assets.py", "pack.py", "policies.py"}
# These start processes or read files of the repository.
_OTHER_TESTS = {"test_pack.py", "test_process.py", "test_readme.py", "test_traps.py"}
_SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = [{patterns}]
pytest_add_cli_args_test_selection = ["tests/policies"]
[tool.pytest.ini_options]
pythonpath = ["src", "."]
addopts = "--import-mode=importlib -x -q"
"""


def main() -> None:
    """Run mutmut and print what survives."""
    wanted = sys.argv[1:] or [path.relative_to(PACKAGE).as_posix() for path in pure_modules()]
    folder = cache_root() / "mutation"
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", *_OTHER_TESTS)
    shutil.copytree(PACKAGE, folder / "src" / PACKAGE.name, ignore=ignored)
    shutil.copytree(ROOT / "tests" / "policies", folder / "tests" / "policies", ignore=ignored)
    patterns = ", ".join(f'"src/{PACKAGE.name}/{name}"' for name in wanted)
    (folder / "pyproject.toml").write_text(_SETTINGS.format(patterns=patterns))
    mutmut = [sys.executable, "-m", "mutmut"]
    done = subprocess.run([*mutmut, "run"], cwd=folder, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    listed = subprocess.run([*mutmut, "results"], cwd=folder, check=True, capture_output=True, text=True).stdout
    survivors = [line.split(":")[0].strip() for line in listed.splitlines() if line.strip().endswith("survived")]
    print(f"{len(survivors)} survivors")
    for name in survivors:
        subprocess.run([*mutmut, "show", name], cwd=folder, check=True)


def pure_modules() -> list[Path]:
    """The modules without SDK and I/O."""
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name not in ADAPTERS)


if __name__ == "__main__":
    main()
