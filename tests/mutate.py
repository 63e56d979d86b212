"""Which changes of the policies and of the components' security no test notices: mutmut over copies: `make mutate`.

`python -m tests.mutate [FILES…]` (default: every target) lays the package of a file and its tests out as mutmut wants
them, in the cache, and prints every change that survives as a diff. docs/mutation.md says of each why it may stay.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toolchain.checkout import checkout_cache

ROOT = Path(__file__).resolve().parents[1]
_SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
process_isolation = "forkserver"  # Pulumi runs threads, which a fork loses
only_mutate = {targets}
pytest_add_cli_args_test_selection = {tests}
[tool.pytest.ini_options]
pythonpath = ["src", "."]
addopts = "--import-mode=importlib -x -q"
markers = ["servers", "engine"]
"""


@dataclass(frozen=True)
class Room:
    """A package, which of its modules are mutated, and the tests that have to notice; all as glob patterns."""

    package: Path
    tests: Path
    targets: tuple[str, ...]
    not_targets: tuple[str, ...] = ()
    not_tests: tuple[str, ...] = ()

    def files(self) -> list[Path]:
        """The modules that are mutated."""
        found = {path for pattern in self.targets for path in (ROOT / self.package).glob(pattern)}
        left_out = {path for pattern in self.not_targets for path in (ROOT / self.package).glob(pattern)}
        return sorted(path.relative_to(ROOT) for path in found - left_out)


ROOMS = (
    Room(
        package=Path("policies/rds_proxy_guard"),
        tests=Path("tests/policies"),
        targets=("**/*.py",),
        # What touches the SDK is tested through the SDK's servicer and the pack's process, not by mutation.
        not_targets=("**/__init__.py", "advisory.py", "assets.py", "pack.py", "policies.py"),
        # These start processes or read files of the repository.
        not_tests=("test_pack.py", "test_process.py", "test_readme.py", "test_traps.py"),
    ),
    Room(
        package=Path("components/lambda_rds_proxy"),
        tests=Path("tests/components"),
        # What docs/threat-model.md rests on: who may do what, who reaches whom, what is encrypted and kept.
        targets=(
            "iam_policies.py",
            "security_rules.py",
            "network/component.py",
            "database/component.py",
            "user/*.py",
            "proxy/access.py",
            "proxy/component.py",
            "function/vpc_function.py",
        ),
        not_targets=("*/__init__.py",),
        # These need servers, the engine or files of the repository, or take long and look at nothing of the above.
        not_tests=(
            "test_admin_function*.py",
            "test_package.py",
            "monitor",
            "serverless_database",
        ),
    ),
)


def main(arguments: list[str]) -> None:
    """Mutate these files, or every target, room by room."""
    chosen = [Path(each).resolve().relative_to(ROOT) for each in arguments]
    for room in ROOMS:
        files = [each for each in chosen if each.is_relative_to(room.package)] if arguments else room.files()
        if files:
            _mutate(room, files)


def _mutate(room: Room, files: Iterable[Path]) -> None:
    folder = checkout_cache(ROOT) / "mutation" / room.package.name
    shutil.rmtree(folder, ignore_errors=True)
    source = Path("src") / room.package.name
    shutil.copytree(ROOT / room.package, folder / source, ignore=shutil.ignore_patterns("__pycache__"))
    ignored = shutil.ignore_patterns("__pycache__", *room.not_tests)
    shutil.copytree(ROOT / room.tests, folder / room.tests, ignore=ignored)
    targets = [str(source / each.relative_to(room.package)) for each in files]
    (folder / "pyproject.toml").write_text(_SETTINGS.format(targets=targets, tests=[str(room.tests)]))
    mutmut = [sys.executable, "-m", "mutmut"]
    done = subprocess.run([*mutmut, "run"], cwd=folder, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    listed = subprocess.run([*mutmut, "results"], cwd=folder, check=True, capture_output=True, text=True).stdout
    survivors = [line.split(":")[0].strip() for line in listed.splitlines() if line.strip().endswith("survived")]
    print(f"{len(survivors)} survivors in {room.package}", flush=True)
    for name in survivors:
        subprocess.run([*mutmut, "show", name], cwd=folder, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
