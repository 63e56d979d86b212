"""How long a preview takes: of a dev stack against an empty program, and with more functions.

`python -m bench.preview` runs the real engine with the stand-in provider in the shell of `make env`; nothing is
started. Both programs import the same packages and ask the provider for the region, so both start it (here a Python
process, on AWS a Go program), and the ratio is what the components cost. They take turns, so that a
slow moment of the machine hits both. Packages are cached by a first run that is not counted, and is shown apart.

The floor is a program that declares the same resources of each function (six, and of ten functions two alarms over
them) without components, and waits for them as ours does: what the engine, the SDK and the provider take whoever
declares them. One
more preview of each, which is not timed, is watched for the processor time of its processes: its own sampling would
slow it down.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, MANY_ROUNDS = 7, 3
FUNCTIONS = (1, 50, 200, 500)
_SAMPLE_SECONDS = 0.02
_EMPTY = f"""
import sys
sys.path.insert(0, {str(ROOT / "components")!r})
import pulumi, pulumi_aws
from lambda_rds_proxy import ServerlessDatabase
from lambda_rds_proxy.serverless_database import config
pulumi_aws.get_region()
"""
_FULL = ROOT / "__main__.py"
_FLOOR = f"""
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "components")!r})
import pulumi, pulumi_aws as aws
from lambda_rds_proxy.function.package import Platform, build_package

async def main():
    target = Platform(python="3.13", architecture="arm64")
    archive = build_package(Path({str(ROOT / "handler")!r}), target=target, engine="postgresql")
    functions = []
    for entry in pulumi.Config().require_object("functions"):
        name = entry["name"]
        log = aws.cloudwatch.LogGroup(name, name=f"/aws/lambda/{{name}}", retention_in_days=14)
        role = aws.iam.Role(name, assume_role_policy="{{}}")
        grants = [
            aws.iam.RolePolicy(f"{{name}}-{{kind}}", role=role.name, policy=log.arn.apply(json.dumps))
            for kind in ("runtime", "connect")
        ]
        function = aws.lambda_.Function(
            name, name=name, role=role.arn, runtime="python3.13", architectures=["arm64"], handler="app.handler",
            code=pulumi.FileArchive(str(archive)), memory_size=256, timeout=15, reserved_concurrent_executions=1,
            vpc_config={{"subnet_ids": ["subnet-1", "subnet-2"], "security_group_ids": ["sg-1"]}},
            environment={{"variables": {{"DB_HOST": role.unique_id, "DB_PORT": "5432", "DB_NAME": "app_db"}}}},
            opts=pulumi.ResourceOptions(depends_on=[log, *grants]),
        )
        metric = aws.cloudwatch.LogMetricFilterMetricTransformationArgs(namespace="floor", name=name, value="1")
        aws.cloudwatch.LogMetricFilter(
            name, name=name, log_group_name=log.name, pattern="timed", metric_transformation=metric
        )
        functions.append(function.name)
    for first in range(0, len(functions), 10):
        for metric in ("Errors", "Throttles"):
            queries = [{{"id": "value", "expression": "MAX(METRICS())", "return_data": True}}]
            queries += [
                {{"id": f"f{{number}}", "metric": {{
                    "namespace": "AWS/Lambda", "metric_name": metric, "dimensions": {{"FunctionName": name}},
                    "period": 60, "stat": "Sum",
                }}}}
                for number, name in enumerate(functions[first : first + 10])
            ]
            aws.cloudwatch.MetricAlarm(
                f"{{metric}}-{{first}}", name=f"{{metric}}-{{first}}", metric_queries=queries, threshold=0,
                evaluation_periods=3, comparison_operator="GreaterThanThreshold",
            )
    await asyncio.sleep(0)

pulumi.run(main)
"""
# What a process is, by a word of its command line; the engine starts all others.
_PROCESSES = {"pulumi-language-python-exec": "program", "local.provider": "provider"}
_KINDS = ("program", "provider", "engine")
_CAPTION = (
    "ms each: of every function after the first, by the clock (goal ≤ 40) and of processors; program, provider and "
    "engine: their processor seconds; floor: the same resources without components"
)


@dataclass(frozen=True)
class Project:
    """A project of this checkout's backend with one stack."""

    folder: Path
    stack: str

    def pulumi(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the engine here."""
        return subprocess.run(  # noqa: S603 - a list of words, no shell
            ["pulumi", *arguments, "--stack", self.stack, "--non-interactive", "--color", "never"],  # noqa: S607 - the engine of this shell
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

    def processor_seconds(self) -> dict[str, float]:
        """Processor time of one preview: of the `program`, the `provider`, and the `engine` with its language hosts."""
        engine = psutil.Popen(
            ["pulumi", "preview", "--stack", self.stack, "--non-interactive", "--color", "never"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        seen: dict[int, tuple[str, float]] = {}
        while engine.poll() is None:
            seen.update(_processor_seconds(engine))
            time.sleep(_SAMPLE_SECONDS)
        if engine.returncode != 0:
            raise RuntimeError(f"the preview of {self.stack} failed; run it by hand to see why")
        found = dict.fromkeys(_KINDS, 0.0)
        for kind, seconds in seen.values():
            found[kind] += seconds
        return found


def _processor_seconds(engine: psutil.Process) -> Iterator[tuple[int, tuple[str, float]]]:
    """Every process under the engine, with what it is and its processor time until now."""
    with suppress(psutil.NoSuchProcess):
        for process in (engine, *engine.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                command, times = " ".join(process.cmdline()), process.cpu_times()
                kind = next((what for word, what in _PROCESSES.items() if word in command), "engine")
                yield process.pid, (kind, times.user + times.system)


def _split(of: dict[str, float]) -> str:
    return ", ".join(f"{kind} {of[kind]:.1f}" for kind in _KINDS)


@contextmanager
def project(program: str | Path, *, functions: int) -> Iterator[Project]:
    """A project with this program, or that of a file, and a configuration with so many functions; gone afterwards."""
    keys: dict[str, Any] = {"aws:region": "eu-west-1", "aws:allowedAccountIds": ["000000000000"]}
    keys["lambda-rds-proxy:functions"] = [
        {"name": f"f{index}", "path": str(ROOT / "handler"), "reservedConcurrency": 1} for index in range(functions)
    ]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        stack = f"{folder.name.replace('_', '-')}-{functions}"
        runtime = {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}}
        (folder / "Pulumi.yaml").write_text(json.dumps({"name": "lambda-rds-proxy", "runtime": runtime}))
        if isinstance(program, Path):
            (folder / "__main__.py").symlink_to(program)
        else:
            (folder / "__main__.py").write_text(program)
        (folder / f"Pulumi.{stack}.yaml").write_text(json.dumps({"config": keys}))
        made = Project(folder, stack)
        subprocess.run(  # noqa: S603 - a list of words, no shell
            ["pulumi", "stack", "init", stack, "--no-select", "--non-interactive"],  # noqa: S607 - the engine of this shell
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
    console = Console(emoji=False, highlight=False)
    with project(_EMPTY, functions=0) as empty, project(_FULL, functions=1) as dev:
        first = dev.preview()
        empty.preview()
        pairs = [(empty.preview(), dev.preview()) for _ in range(ROUNDS)]
        processors = empty.processor_seconds(), dev.processor_seconds()
    ratios = [full / bare for bare, full in pairs]
    console.print(f"first preview of the dev stack, packages built where they are not cached: {first:.1f} s")
    console.print(
        f"empty program {statistics.median(bare for bare, _ in pairs):.2f} s, dev stack "
        f"{statistics.median(full for _, full in pairs):.2f} s: ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} – {max(ratios):.2f}, goal ≤ 1.5)"
    )
    console.print(f"processor seconds: empty program: {_split(processors[0])}; dev stack: {_split(processors[1])}")
    table = Table("", "functions", "seconds", "ms each", *_KINDS, "ms each", caption=_CAPTION)
    measured: dict[tuple[str, int], tuple[float, float]] = {}
    for count in FUNCTIONS:
        with project(_FULL, functions=count) as stack, project(_FLOOR, functions=count) as floor:
            projects = {"stack": stack, "floor": floor}
            for each in projects.values():
                each.preview()
            rounds = [[each.preview() for each in projects.values()] for _ in range(MANY_ROUNDS)]
            for (what, each), seconds in zip(projects.items(), zip(*rounds, strict=True), strict=True):
                split = each.processor_seconds()
                measured[what, count] = statistics.median(seconds), sum(split.values())
                wall, processor = _each(measured, what, count)
                shown = [f"{split[kind]:.1f}" for kind in _KINDS]
                table.add_row(what, str(count), f"{measured[what, count][0]:.1f}", wall, *shown, processor)
    console.print(table)


def _each(measured: dict[tuple[str, int], tuple[float, float]], what: str, count: int) -> tuple[str, str]:
    """Milliseconds by the clock and of processors for every function after the first."""
    first, more = measured[what, FUNCTIONS[0]], count - FUNCTIONS[0]
    if not more:
        return "", ""
    wall, processor = ((now - then) / more * 1000 for now, then in zip(measured[what, count], first, strict=True))
    return f"{wall:.0f}", f"{processor:.0f}"


if __name__ == "__main__":
    main()
