"""The workflows as data, and their scripts as programs that a test can run."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.waiting import LIMIT_SECONDS

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github").glob("workflows/*.yml"))
ACTIONS = sorted((ROOT / ".github").glob("actions/*/action.yml"))


def loaded(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads its key `on` as true, so that is mended."""
    document: dict[Any, Any] = yaml.safe_load(path.read_text())
    return {("on" if key is True else key): value for key, value in document.items()}


def workflow(name: str) -> dict[str, Any]:
    """A workflow by its name."""
    return loaded(ROOT / ".github" / "workflows" / f"{name}.yml")


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every job of every workflow, as `workflow.job`."""
    for path in FILES:
        for name, job in loaded(path)["jobs"].items():
            yield f"{path.stem}.{name}", job


def script(steps: list[dict[str, Any]], name: str) -> str:
    """The script of the step of this name."""
    return str(next(step["run"] for step in steps if step.get("name") == name))


def run(text: str, folder: Path, /, *flags: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a script as the runner does (`bash -e`), with programs of `folder/bin` first on PATH."""
    environment: Mapping[str, str] = {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_ACTION_PATH": str(ROOT / ".github" / "actions" / "stack"),
        "RUNNER_TEMP": str(folder),
        **variables,
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", *flags, "-c", text],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )


def program(folder: Path, name: str, text: str) -> None:
    """A program that stands in for another in a script's PATH."""
    path = folder / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
