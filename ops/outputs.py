"""`python -m ops outputs`: what a stack gave out."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from .stack_outputs import StackError, stack_outputs

_EXAMPLES = """
**Examples**

- `python -m ops outputs`: all of the laptop stack
- `python -m ops outputs proxyEndpoint`: one, and nothing else, for a script
- `python -m ops outputs --stack dev --json`: all of stack dev, for a machine

Exit status: 0 printed, 2 there is no such stack or output.
"""


def complete_output(incomplete: str) -> list[str]:
    """Names of outputs of the laptop stack, for the shell's completion."""
    try:
        return [name for name in stack_outputs("local") if name.startswith(incomplete)]
    except StackError:
        return []


def outputs(
    name: Annotated[
        str | None, typer.Argument(help="One output, such as proxyEndpoint.", autocompletion=complete_output)
    ] = None,
    stack: Annotated[str, typer.Option(help="The Pulumi stack.")] = "local",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")] = False,
) -> None:
    """The outputs of a stack: endpoints, functions, and the budget of connections."""
    try:
        found = stack_outputs(stack)
        if name is not None and name not in found:
            raise StackError(f'the stack "{stack}" has no output "{name}"; it has {", ".join(found) or "none"}')
    except StackError as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", soft_wrap=True, markup=False)
        raise typer.Exit(2) from None
    if as_json:
        print(json.dumps(found if name is None else found[name], indent=2))
    elif name is not None:
        print(_shown(found[name]))
    else:
        table = Table.grid(padding=(0, 2))
        for each, value in found.items():
            table.add_row(each, _shown(value))
        Console(highlight=False, markup=False, soft_wrap=True).print(table)


outputs.__doc__ = f"{outputs.__doc__}\n{_EXAMPLES}"


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON
    return value if isinstance(value, str) else json.dumps(value)
