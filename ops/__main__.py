"""The command line: `python -m ops --help`. Each command stands in its own module; here they are only named."""

import importlib
import os
import sys
from collections import UserDict
from pathlib import Path
from typing import Any

import typer

from .called import INSTALLED, called
from .errors import Commands
from .places import TOOLS_VARIABLE, place_here

_MODULES = {
    "capacity": "ops.capacity.command",
    "doctor": "ops.doctor.command",
    "invoke": "ops.invoke",
    "lock": "ops.lock",
    "logs": "ops.logs.command",
    "new": "ops.new",
    "pins": "ops.pins.command",
    "preflight": "ops.preflight.command",
    "psql": "ops.psql.command",
    "sbom": "ops.sbom",
    "storm": "ops.storm.command",
    "watch": "ops.watch.command",
}


class _Modules(UserDict[str, Any]):
    """Commands by name. A module is loaded when its command is asked for, so none needs what another one needs."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - the type of Typer's commands is private
        alone = typer.Typer(rich_markup_mode="markdown", add_completion=False)
        module = importlib.import_module(self.data[name])
        if isinstance(group := getattr(module, name), typer.Typer):
            return typer.main.get_group(group)
        alone.command(name, context_settings=getattr(module, "CONTEXT", None))(getattr(module, name))
        return typer.main.get_command(alone)


class _Program(Commands):
    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - Typer's own
        super().__init__(**settings)
        place = place_here()
        self.commands = _Modules(dict(sorted({**_MODULES, **(place.COMMANDS if place else {})}.items())))


app = typer.Typer(
    cls=_Program,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    help="Tools to see and operate a running Lambda → RDS Proxy → RDS stack.",
)
app.callback()(lambda: None)  # what makes it a group

# A shell completes a program, and `python` is not ours to complete for: `ops` is, which `make -s env` puts on PATH.
_COMPLETES = "completion" in "".join(sys.argv[1:2]) or "_OPS_COMPLETE" in os.environ


def main() -> None:
    """The program, by the name under which it was called.

    In a shell that is made for a place, the tools of that place do it: those of another environment do not know it.
    """
    tools = os.environ.pop(TOOLS_VARIABLE, None)  # taken out, so that they do not look for others
    if tools and Path(tools).is_file() and place_here() is None:
        os.execv(tools, [tools, *sys.argv[1:]])  # noqa: S606 - a program that the shell names, and a list of words
    app(prog_name="ops" if _COMPLETES and called() != INSTALLED else called())


if __name__ == "__main__":
    main()
