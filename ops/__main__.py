"""The command line: `python -m ops --help`. Each command stands in its own module; here they are only named."""

import typer

from .chaos.command import chaos
from .doctor.command import doctor
from .storm.command import storm

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    help="Tools to see and operate a running Lambda → RDS Proxy → RDS stack.",
)
app.callback()(lambda: None)  # commands by name, even while there is one
app.command()(chaos)
app.command()(doctor)
app.command()(storm)

if __name__ == "__main__":
    app(prog_name="python -m ops")
