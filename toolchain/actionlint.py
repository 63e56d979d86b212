"""actionlint, which checks the workflows: the one on PATH, else built from its Go module when a test first needs it.

No part of `make setup`: who only runs the stack never waits for it.
"""

import shutil
from pathlib import Path

from .checkout import cache_root
from .go_module import aside, go_environment, lock, pins
from .progress import CommandError, run

_MODULE = Path(__file__).resolve().parent / "actionlint_module"
_PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"
_BUILD_SECONDS = 600.0


def get_actionlint() -> Path:
    """The program.

    Raises:
        CommandError: it is not on PATH and cannot be built; says what to install.
    """
    on_path = shutil.which("actionlint")
    if on_path is not None:
        return Path(on_path)
    built = cache_root() / "actionlint" / pins(_MODULE) / "bin" / "actionlint"
    if built.exists():
        return built
    with lock(cache_root() / "actionlint", "actionlint"):
        if not built.exists():  # another checkout may have been faster
            _build(built)
    return built


def _build(final: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise CommandError(
            "actionlint is not on PATH and Go is not installed; install one of them: https://go.dev/doc/install "
            "or https://github.com/rhysd/actionlint/blob/main/docs/install.md"
        )
    with aside(final.parent) as made:
        environment = go_environment(go, made)
        (made / "bin").mkdir()
        command = [go, "build", "-mod=readonly", "-o", str(made / "bin" / final.name), _PACKAGE]
        run("building actionlint", command, folder=_MODULE, environment=environment, seconds=_BUILD_SECONDS)
        shutil.rmtree(made / "go", ignore_errors=True)
