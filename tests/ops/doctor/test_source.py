"""Each place is loaded when it is asked for, and none for what needs no place."""

import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.doctor.source import AWS, sources

_ROOT = Path(__file__).resolve().parents[3]
_HEAVY = ("local", "boto3", "psycopg", "pulumi")


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        # What is configured is read when there is something to compare it with.
        ("ops.doctor.command", (*_HEAVY, "lambda_rds_proxy")),
        ("ops.watch.command", (*_HEAVY, "lambda_rds_proxy")),
        ("ops.capacity.command", _HEAVY),
        ("ops.__main__", (*_HEAVY, "lambda_rds_proxy")),
    ],
)
def test_what_judges_loads_no_place(module: str, unwanted: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([each for each in {unwanted} if each in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": f"{_ROOT}:{_ROOT / 'components'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("place", [AWS, "local.tools", "local.tools.source"])
def test_every_place_has_sources_with_the_same_arguments(place: str) -> None:
    own = inspect.signature(importlib.import_module(place).sources).parameters
    assert list(own)[:4] == list(inspect.signature(sources).parameters)
