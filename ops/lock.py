"""`python -m ops lock`: the hash-locked list of a function's packages, written by uv."""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer

from lambda_rds_proxy.engines import ENGINES
from lambda_rds_proxy.stack.args import LAMBDA_PYTHON

from .errors import OpsError

_SECONDS = 300
# uv's names of what Lambda is, which the component asks pip for (function/package.py).
_PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
# Nothing of an index gets into a list, whatever uv's configuration says; what has no wheel is of no use to a function.
_UV = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--color", "never", "--python", sys.executable]
_UV += ["--no-header", "--no-emit-index-url", "--no-emit-find-links", "--no-emit-index-annotation"]
_UV += ["--generate-hashes", "--only-binary", ":all:"]


def lock(
    path: Annotated[Path, typer.Argument(help="The function's folder, or one .in file of it.")],
    python: Annotated[str, typer.Option(help="The function's Python, the oldest if there are several.")] = (
        LAMBDA_PYTHON
    ),
    architecture: Annotated[Literal["arm64", "x86_64"], typer.Option(help="The function's architecture.")] = "arm64",
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Take newer versions of what is listed already.")] = False,
) -> None:
    """Write requirements.txt, with the version and the hashes of every package, from a function's requirements.in.

    The list is for the laptop as well, so for any architecture and from this Python on; that Lambda's has a wheel of
    each is checked. requirements-mysql.in and requirements-postgresql.in are locked, too. The index is uv's
    (UV_DEFAULT_INDEX), and nothing of it gets into the list.

    **Examples**

    - `python -m ops lock api`: api/requirements.txt, for Lambda's default Python and architecture
    - `python -m ops lock api --architecture x86_64 --upgrade`: for another architecture, with what is newest

    Exit status: 0 written, 2 it could not be, and what was there is as it was.
    """
    sources = [path] if path.suffix == ".in" and path.is_file() else [*_sources(path)]
    if not sources:
        raise OpsError(f"{path} has no requirements.in; name the function's packages there, one on a line")
    for source in sources:
        written = source.with_suffix(".txt")
        with TemporaryDirectory() as aside:
            made = Path(aside) / written.name
            if written.is_file() and not upgrade:  # whose versions are kept
                shutil.copyfile(written, made)
            oldest = min(python, f"{sys.version_info.major}.{sys.version_info.minor}", key=_numbers)
            _uv(source, ["--universal", "--python-version", oldest, "--output-file", str(made), source.name])
            platform = ["--python-platform", _PLATFORMS[architecture], "--python-version", python]
            _uv(source, [*platform, "--no-deps", str(made)])
            shutil.copyfile(made, written)
        print(f"{written} is locked")


def _sources(folder: Path) -> Iterator[Path]:
    names = ("requirements.in", *(facts.requirements.replace(".txt", ".in") for facts in ENGINES.values()))
    return (folder / name for name in names if (folder / name).is_file())


def _numbers(version: str) -> list[int]:
    try:
        return [int(number) for number in version.split(".")]
    except ValueError:
        raise OpsError(f'--python is "{version}"; it must be a version of Python such as {LAMBDA_PYTHON}') from None


def _uv(source: Path, options: Iterable[str]) -> None:
    # In its folder, so that no path of this machine gets into the list.
    try:
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            [*_UV, *options], cwd=source.parent, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise OpsError(f"uv did not lock {source} within {_SECONDS} s; check the network") from None
    if done.returncode:
        told = " ".join(done.stderr.partition("\n\n")[0].split()) or "no message"
        raise OpsError(f"uv cannot lock {source}: {told.removeprefix('error: ')}")
