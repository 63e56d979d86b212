"""`python -m ops pins`: who pins, live and in a command."""

import typer

from ops.errors import Commands

from .run import CONTEXT, run
from .watch import watch

pins = typer.Typer(
    cls=Commands, no_args_is_help=True, rich_markup_mode="markdown", help="What pins sessions to database connections."
)
pins.command(context_settings=CONTEXT)(run)
pins.command()(watch)
