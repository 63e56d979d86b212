"""The command line: `python -m ops --help`. Each command stands in its own module; here they are only named."""

import os
import sys

import typer

from .capacity.command import capacity
from .doctor.command import doctor
from .errors import Commands
from .invoke import invoke
from .storm.command import storm
from .survey.command import survey
from .watch.command import watch

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    help="Tools to see and operate a running Lambda → RDS Proxy → RDS stack.",
)
app.callback()(lambda: None)  # commands by name, even while there is one
app.command()(capacity)
app.command()(doctor)
app.command()(invoke)
app.command()(storm)
app.command()(survey)
app.command()(watch)

# A shell completes a program, and `python` is not ours to complete for: `ops` is, which `make -s env` puts on PATH.
_OPS = "ops" if "completion" in "".join(sys.argv[1:2]) or "_OPS_COMPLETE" in os.environ else "python -m ops"

if __name__ == "__main__":
    app(prog_name=_OPS)
