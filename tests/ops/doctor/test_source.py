"""Each place is loaded when it is asked for, and none for what needs no place."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from ops.doctor.source import SOURCES, sources

_ROOT = Path(__file__).resolve().parents[3]
_HEAVY = ("local", "boto3", "psycopg", "pulumi")


@pytest.mark.parametrize(
    "module", ["ops.doctor.command", "ops.doctor.table", "ops.watch.command", "ops.capacity.command"]
)
def test_what_judges_loads_no_place(module: str) -> None:
    told = f"import sys, {module}; print([each for each in {_HEAVY} if each in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = ['.', 'components']; {told}"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("place", SOURCES)
def test_every_place_has_sources_with_the_same_arguments(place: str) -> None:
    own = inspect.signature(importlib.import_module(SOURCES[place]).sources).parameters
    assert list(own)[:3] == list(inspect.signature(sources).parameters)
