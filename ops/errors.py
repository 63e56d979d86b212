"""What a tool cannot do, in one sentence for its user: an error that carries the exit status of its command."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup


class OpsError(typer.TyperException):
    """The message is one sentence with the fix; commands let it propagate."""

    def __init__(self, message: str, *, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Commands(TyperGroup):
    """Tells their errors in one line: the library would break them into the lines of a box."""

    def invoke(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - handed on
        """Run it; what is wrong with a value is told without the name of an exception that pydantic puts before it."""
        try:
            return super().invoke(*arguments, **options)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise

    def main(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - handed on
        """Run the command that is asked for, and exit."""
        try:
            return super().main(*arguments, **options)
        except OpsError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(error.exit_code)
