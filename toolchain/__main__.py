"""`python3 -m toolchain setup|setup --tests|engine|program NAME|env|lock|audit|down`: gets what this project needs.

Standard library only.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said here, before anything is imported that an older Python cannot read
    sys.exit("error: python3 is " + sys.version.split()[0] + "; install 3.11 or later and put it first on PATH")

from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial

from .checkout import checkout_root
from .go_programs import PROGRAMS, get_program
from .progress import CommandError, fail, os_reason


def main(arguments: list[str]) -> int:
    """Run one command: its exit status."""
    commands: dict[str, Callable[[], None]] = {
        "setup": _setup,
        "setup --tests": lambda: _setup(tests=True),
        "engine": _engine,
        **{f"program {name}": partial(_program, name) for name in PROGRAMS},
        "env": _env,
        "lock": _lock,
        "audit": _audit,
        "down": _down,
    }
    command = commands.get(" ".join(arguments))
    if command is None:
        return fail(f"use one of: python3 -m toolchain {'|'.join(commands)}")
    try:
        command()
    except (CommandError, ValueError) as error:
        return fail(str(error))
    except OSError as error:
        return fail(os_reason(error))
    except KeyboardInterrupt:
        return fail("interrupted; nothing half-made is left, the next run goes on")
    return 0


def _setup(*, tests: bool = False) -> None:
    from .checkout import checkout_cache
    from .engine import get_engine
    from .environments import make_environments
    from .exclusion import alone
    from .lambda_runtime import install_lambda_runtime
    from .progress import beside
    from .servers import install_servers
    from .shell import prepare

    root = checkout_root()
    with alone(checkout_cache(root) / "setup.lock", "setting up this checkout"):
        # apt, which answers signals, is the main thread's.
        with beside(get_engine):
            install_servers(tests=tests)
            make_environments(root)
            install_lambda_runtime(root)
        prepare(root)


def _engine() -> None:
    """Its folder, for the PATH of a workflow."""
    from .engine import get_official_engine

    with redirect_stdout(sys.stderr):
        folder = get_official_engine()
    print(folder)


def _program(name: str) -> None:
    """Where it is, got if it is not there yet."""
    with redirect_stdout(sys.stderr):
        program = get_program(name)
    print(program)


def _env() -> None:
    from .shell import export_lines, laptop_environment, prepare

    root = checkout_root()
    variables = laptop_environment(root)
    prepare(root)
    print(export_lines(variables), end="")


def _lock() -> None:
    from .locks import write_locks

    write_locks(checkout_root())


def _audit() -> None:
    from .locks import audit_locks

    audit_locks(checkout_root())


def _down() -> None:
    """`make down` when even the Python packages are gone."""
    from .progress import say
    from .remains import remove_remains

    remove_remains(checkout_root())
    say("down: no process, no port and no file of the local stack is left")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
