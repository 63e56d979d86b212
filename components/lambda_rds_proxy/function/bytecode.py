"""The bytecode of a package's modules, made by exactly the function's Python.

Lambda's /var/task is read-only: without it every cold start compiles whatever it imports. `unchecked-hash`, because a
zip's times need not survive Lambda's unpacking. Two patch releases may compile a module differently (3.13.2 emits an
instruction in generator expressions that 3.13.0 does not), which only their compilers could make equal. So packages
have none by default: those are the same bytes on every machine, whatever Python it has.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_LOOK_SECONDS, _COMPILE_SECONDS = 30, 600
_WHAT = "import sys; print(sys.implementation.cache_tag, sys.version_info.releaselevel, sys.executable, sep='\\n')"
# Run by the function's Python with the folder as argument. The paths in tracebacks are Lambda's. What is no Python of
# this version (a template, a test of an older syntax) has no bytecode, as pip leaves it too.
_COMPILE = """
import pathlib, py_compile, sys
root = pathlib.Path(sys.argv[1])
for path in sorted(root.rglob("*.py")):
    try:
        py_compile.compile(
            str(path), dfile="/var/task/" + path.relative_to(root).as_posix(), doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    except py_compile.PyCompileError as error:
        if not isinstance(error.exc_value, (SyntaxError, ValueError)):
            raise
"""


def python_of(version: str) -> str | None:
    """An interpreter of that minor version, such as "3.13": the one that runs, else of its name on PATH."""
    on_path = [str(Path(folder) / f"python{version}") for folder in os.get_exec_path()]
    return next(filter(None, (_release(each, version) for each in (sys.executable, *on_path))), None)


def bytecode_of(modules: Mapping[str, bytes], python: str, aside: Path) -> dict[str, bytes]:
    """The files beside `modules`, both by their names in the package: `__pycache__/app.cpython-313.pyc` of `app.py`.

    `aside` is a folder for what is between.

    Raises:
        OSError: there is no room.
        subprocess.SubprocessError: the interpreter failed.
    """
    aside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=aside, suffix=".part") as folder:
        task = Path(folder) / "task"
        for name, source in modules.items():
            path = task / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source)
        # The folder of the modules is not the current one, or theirs would stand in for the interpreter's own.
        _run(python, [_COMPILE, str(task)], seconds=_COMPILE_SECONDS, folder=folder)
        return {path.relative_to(task).as_posix(): path.read_bytes() for path in sorted(task.rglob("*.pyc"))}


def _release(python: str, version: str) -> str | None:
    """The interpreter behind a name, if it is a release of CPython of that version; a preview's bytecode is another."""
    # pyenv's names say "command not found" unless a version is chosen.
    chosen = {"PYENV_VERSION": version}
    try:
        said = _run(python, [_WHAT], seconds=_LOOK_SECONDS, environment=chosen).splitlines()
    except (OSError, subprocess.SubprocessError):  # not there, or a name of nothing
        return None
    return said[2] if said[:2] == [f"cpython-{version.replace('.', '')}", "final"] else None


def _run(
    python: str,
    words: list[str],
    *,
    seconds: float,
    folder: str | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(  # noqa: S603 - a list of words, no shell
        [python, "-S", "-s", "-W", "ignore", "-c", *words],
        env={**kept, "PYTHONHASHSEED": "0", **environment}, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=seconds, check=True,
    ).stdout  # fmt: skip
