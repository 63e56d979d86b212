"""`python -m ops pins …`: each command stands in its own module; here they are only named."""

import typer

from .lint import lint
from .run import CONTEXT, run
from .watch import watch

pins = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Who pins sessions to database connections behind RDS Proxy, and why.",
)
pins.callback()(lambda: None)  # what makes it a group
pins.command("lint")(lint)
pins.command("run", context_settings=CONTEXT)(run)
pins.command("watch")(watch)
