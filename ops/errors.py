"""The errors that end a command."""

import typer


class OpsError(typer.TyperException):
    """One sentence for the user; it ends the command with `exit_code`: it could not look."""

    exit_code = 2
