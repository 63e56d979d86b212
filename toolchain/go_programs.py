"""Programs in Go that few need: the one on PATH, else built from its pinned module when it is first asked for.

No part of `make setup`: who only runs the stack never waits for them. Standard library only.
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from .checkout import cache_root
from .exclusion import alone, whole
from .go_module import go_environment
from .progress import CommandError, run

_HERE = Path(__file__).resolve().parent
_BUILD_SECONDS = 1800.0


@dataclass(frozen=True)
class _Program:
    """Where it is built: a folder with go.mod and go.sum, and a package there; and where else it can be had."""

    module: Path
    package: str
    elsewhere: str


PROGRAMS = {
    "actionlint": _Program(
        _HERE / "actionlint_module",
        "github.com/rhysd/actionlint/cmd/actionlint",
        "https://github.com/rhysd/actionlint/blob/main/docs/install.md",
    ),
    # Official archives of the engine have it, and then nobody asks here.
    "pulumi-language-yaml": _Program(
        _HERE / "yaml_module",
        "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
        "https://www.pulumi.com/docs/install/",
    ),
    # What the official Python language host does itself, for ours.
    "pulumi-python-sdk": _Program(_HERE / "engine_module", "./python_sdk", "https://www.pulumi.com/docs/install/"),
}


def get_program(name: str) -> Path:
    """One of these programs.

    Raises:
        CommandError: it is not on PATH and cannot be built; says what to install.
    """
    on_path = shutil.which(name)
    if on_path is not None:
        return Path(on_path)
    program = PROGRAMS[name]
    built = cache_root() / name / _digest(program) / "bin" / name
    if built.exists():
        return built
    with alone(cache_root() / name / "lock", f"getting {name}"):
        if not built.exists():  # another checkout may have been faster
            _build(program, built)
    return built


def _digest(program: _Program) -> str:
    """Twelve hex digits that change with any pinned version, and with any line of our own."""
    own = program.module / program.package
    files = [program.module / "go.mod", program.module / "go.sum", *sorted(own.glob("*.go"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _build(program: _Program, final: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise CommandError(
            f"{final.name} is not on PATH and Go is not installed; install one of them: https://go.dev/doc/install "
            f"or {program.elsewhere}"
        )
    with whole(final.parent.parent) as made:
        environment = go_environment(go, made)
        (made / "bin").mkdir()
        command = [go, "build", "-mod=readonly", "-o", str(made / "bin" / final.name), program.package]
        what = f"building {final.name} (once)"
        run(what, command, folder=program.module, environment=environment, seconds=_BUILD_SECONDS)
        shutil.rmtree(made / "go", ignore_errors=True)
