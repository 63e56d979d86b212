"""`python -m ops new`: a function's folder to begin with."""

import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import typer

from lambda_rds_proxy.engines import DEFAULT_ENGINE, Engine
from lambda_rds_proxy.function.problems import name_problems
from lambda_rds_proxy.function.requirements import list_of
from lambda_rds_proxy.settings.spelling import CONFIG

from .called import called
from .errors import OpsError
from .places import program_here

_DRIVERS = {Engine.POSTGRESQL: "psycopg[binary]", Engine.MYSQL: "pymysql"}
# The driver's versions with which everything is tested: those of the function that makes users.
_LISTS = Path(str(files("lambda_rds_proxy"))) / "user" / "admin_function"
_APP = '''\
"""Answers from a query through the proxy."""

from rds_connection import connection


def handler(event, context):
    with connection(context) as conn:
        (answer,) = conn.execute("SELECT 1").fetchone()
    return {"answer": answer}
'''
_TEST = '''\
"""What the function makes of a database's answer. The database is played: neither one nor its driver is needed."""

import runpy
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock, patch


def test_it_answers_from_a_query():
    conn = MagicMock()
    conn.execute.return_value.fetchone.return_value = (1,)
    played = ModuleType("rds_connection")
    played.connection = lambda context: nullcontext(conn)
    with patch.dict(sys.modules, rds_connection=played):
        app = runpy.run_path(str(Path(__file__).with_name("app.py")))
        assert app["handler"]({}, None) == {"answer": 1}
'''


def new(
    what: Annotated[Literal["function"], typer.Argument(help="What to begin.")],  # noqa: ARG001 - there is one yet
    name: Annotated[str, typer.Argument(help="The function's name in the stack, such as api.")],
    path: Annotated[Path | None, typer.Option(help="Its folder; a new one of its name here if left out.")] = None,
    engine: Annotated[Engine, typer.Option(help="Of the stack's database.")] = DEFAULT_ENGINE,
) -> None:
    """A function's folder: a handler that asks the database, its packages with their hashes, and a test that passes.

    Nothing that is there is written over. `rds_connection` is not copied: a package gets it when it is made.

    **Examples**

    - `python -m ops new function api`: the folder api, for PostgreSQL
    - `python -m ops new function report --path functions/report --engine mysql`: another folder, for MySQL

    Exit status: 0 made, 2 the name is not taken or something is there.
    """
    for problem in name_problems(name, CONFIG):
        raise OpsError(problem)
    folder = path or Path(name)
    contents = {
        "app.py": _APP,
        f"test_{name.replace('-', '_')}.py": _TEST,
        "requirements.in": f"{_DRIVERS[engine]}\n",
        "requirements.txt": re.sub(r"# via -r .*", "# via -r requirements.in", list_of(_LISTS, engine).read_text()),
    }
    try:
        if folder.exists() and next(folder.iterdir(), None):
            raise OpsError(f"{folder} is there and not empty; name another folder with --path")
        folder.mkdir(parents=True, exist_ok=True)
        for each, text in contents.items():
            with (folder / each).open("x") as file:
                file.write(text)
    except OSError as error:
        raise OpsError(f"{folder} cannot be made: {error.strerror}; name another folder with --path") from None
    # A path in a configuration is relative to its program.
    program = program_here()
    said = os.path.relpath(folder, program or Path.cwd())
    read = _reads_configuration(program)
    print(f"{folder} is made: {', '.join(contents)}")
    print(f"  its test:              pytest {folder} (change it with the function)")
    if read is not True:
        print(f'  in your own program:   "functions": {{"{name}": {{"path": "{said}"}}}}')
    if read is not False:
        print(f"  in the configuration:  pulumi config set --path functions.{name}.path {said}")
    print(f"  other packages:        name them in {folder}/requirements.in, {called()} lock {folder}")


def _reads_configuration(program: Path | None) -> bool | None:
    """Whether a program takes its functions from the stack's configuration, as ours does; None where none tells."""
    try:
        text = "" if program is None else (program / "__main__.py").read_text(errors="replace")
    except OSError:
        return None
    return "read_config" in text if text else None
