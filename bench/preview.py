"""How long a preview takes: of a dev stack against an empty program, and with more functions.

`python -m bench.preview` runs the real engine with the stand-in provider in the shell of `make env`; nothing is
started. Both programs import the same packages, so the ratio is what the components cost. They take turns, so that a
slow moment of the machine hits both. Packages are cached by a first run that is not counted, and is shown apart.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, MANY_ROUNDS = 7, 3
FUNCTIONS = (1, 50, 200)
_EMPTY = f"""
import sys
sys.path.insert(0, {str(ROOT / "components")!r})
import pulumi, pulumi_aws
from lambda_rds_proxy import ServerlessDatabase, stack_config
"""
_FULL = f"""
import runpy
runpy.run_path({str(ROOT / "__main__.py")!r}, run_name="__main__")
"""


@dataclass(frozen=True)
class Project:
    """A project of this checkout's backend with one stack."""

    folder: Path
    stack: str

    def pulumi(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the engine here."""
        return subprocess.run(
            ["pulumi", *arguments, "--stack", self.stack, "--non-interactive", "--color", "never"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def preview(self) -> float:
        """Seconds of one preview."""
        started = time.perf_counter()
        done = self.pulumi("preview")
        if done.returncode != 0:
            raise RuntimeError(f"the preview of {self.stack} failed: {done.stdout}{done.stderr}")
        return time.perf_counter() - started


@contextmanager
def project(program: str, *, functions: int) -> Iterator[Project]:
    """A project with this program, and a configuration with so many functions; gone afterwards."""
    keys: dict[str, Any] = {"aws:region": "eu-west-1", "aws:allowedAccountIds": ["000000000000"]}
    keys["lambda-rds-proxy:functions"] = [
        {"name": f"f{index}", "path": str(ROOT / "handler"), "reservedConcurrency": 1} for index in range(functions)
    ]
    stack = f"bench-{os.getpid()}-{functions}"
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        runtime = {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}}
        (folder / "Pulumi.yaml").write_text(json.dumps({"name": "lambda-rds-proxy", "runtime": runtime}))
        (folder / "__main__.py").write_text(program)
        (folder / f"Pulumi.{stack}.yaml").write_text(json.dumps({"config": keys}))
        made = Project(folder, stack)
        subprocess.run(
            ["pulumi", "stack", "init", stack, "--no-select", "--non-interactive"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        try:
            yield made
        finally:
            made.pulumi("stack", "rm", "--yes", "--force")


def main() -> None:
    """Measure and print."""
    from rich.console import Console
    from rich.table import Table

    if shutil.which("pulumi") is None:
        sys.exit('no pulumi on PATH; run this in the shell of eval "$(make -s env)"')
    console = Console(highlight=False)
    with project(_EMPTY, functions=0) as empty, project(_FULL, functions=1) as dev:
        first = dev.preview()
        empty.preview()
        pairs = [(empty.preview(), dev.preview()) for _ in range(ROUNDS)]
    ratios = [full / bare for bare, full in pairs]
    console.print(f"first preview of the dev stack, packages built where they are not cached: {first:.1f} s")
    console.print(
        f"empty program {statistics.median(bare for bare, _ in pairs):.2f} s, dev stack "
        f"{statistics.median(full for _, full in pairs):.2f} s: ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} – {max(ratios):.2f}, goal ≤ 1.5)"
    )
    table = Table("functions", "seconds", "ms per further function")
    seconds: dict[int, float] = {}
    for count in FUNCTIONS:
        with project(_FULL, functions=count) as many:
            many.preview()
            seconds[count] = statistics.median(many.preview() for _ in range(MANY_ROUNDS))
        more = count - FUNCTIONS[0]
        each = f"{(seconds[count] - seconds[FUNCTIONS[0]]) / more * 1000:.0f}" if more else ""
        table.add_row(str(count), f"{seconds[count]:.1f}", each)
    console.print(table)


if __name__ == "__main__":
    main()
