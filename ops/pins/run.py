"""`python -m ops pins run`: a command that fails when something pinned meanwhile."""

import contextlib
import difflib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer
from rich.console import Console

from ops.doctor.source import CannotLookError, Source, sources
from ops.errors import OpsError
from ops.pinning.counts import PinKey, fewer
from ops.pinning.fixes import RULES

from .view import table

CONTEXT = {"ignore_unknown_options": True, "allow_interspersed_args": False}
# No status of a command that the shell, pytest or unittest gives to a failed test.
_PINNED = 3


def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="The command and its arguments.")],
    allow: Annotated[int, typer.Option(min=0, help="So many sessions may be pinned.")] = 0,
    allow_rule: Annotated[
        list[str] | None, typer.Option(help="Pins by this rule do not count; may be given several times.")
    ] = None,
    proxy: Annotated[str | None, typer.Option(help="Look at this proxy only; else at all of the laptop stack.")] = None,
    user: Annotated[str | None, typer.Option(help="Count this database user's sessions only.")] = None,
    application: Annotated[str | None, typer.Option(help="Count sessions of this application_name only.")] = None,
) -> None:
    """Run a command, such as an application's tests, against the laptop stack: fails when it pins.

    Sessions of others that are pinned meanwhile count too, unless --user or --application tells them apart (libpq and
    most drivers take PGAPPNAME). What pinned, and what avoids it, is printed to standard error.

    **Examples**

    - `python -m ops pins run -- pytest -q`: fails when a test pins a session
    - `python -m ops pins run --allow 2 -- ./smoke.sh`: two sessions may be pinned
    - `python -m ops pins run --allow-rule advisory-lock -- python migrate.py`: so many as like, by that rule
    - `python -m ops pins run --application ci -- pytest -q`: with PGAPPNAME=ci, while others use the stack

    Exit status: the command's own where it fails, 3 when more sessions were pinned than allowed, 2 it could not look.
    """
    for name in allow_rule or ():
        if name not in RULES:
            near = difflib.get_close_matches(name, RULES, 1)
            raise OpsError(f'there is no rule "{name}"; {f"did you mean {near[0]}?" if near else ", ".join(RULES)}')
    looked_at = list(sources(None, proxy=proxy))
    before = [each.pins(0).pins for each in looked_at]
    status = _run(command)
    try:
        pins = _since(looked_at, before)
    except CannotLookError as error:
        if not status:
            raise
        print(f"what pinned could not be seen: {error}", file=sys.stderr)
        raise typer.Exit(status) from None
    own = {
        key: count for key, count in pins.items() if user in (None, key.user) and application in (None, key.application)
    }
    counted = sum(count for key, count in own.items() if key.rule not in (allow_rule or ()))
    _tell(own, {key: count for key, count in pins.items() if key not in own}, counted, allow)
    if status or counted > allow:
        raise typer.Exit(status or _PINNED)


def _since(looked_at: list[Source], before: list[Mapping[PinKey, int]]) -> Counter[PinKey]:
    found = Counter[PinKey]()
    for each, then in zip(looked_at, before, strict=True):
        found.update(fewer(each.pins(0).pins, then))
    return found


def _tell(own: Mapping[PinKey, int], others: Mapping[PinKey, int], counted: int, allow: int) -> None:
    console = Console(stderr=True, emoji=False, highlight=False)
    if own:
        console.print(table(own, "pinned meanwhile"))
    if others:
        console.print(table(others, "pinned by others, not counted"))
    sessions = "1 session" if counted == 1 else f"{counted:,} sessions"
    colour = "red" if counted > allow else "green"
    console.print(f"{sessions} pinned that count, {allow:,} allowed", style=colour)


def _run(command: list[str]) -> int:
    """Its exit status, that of a shell where a signal ended it."""
    try:
        process = subprocess.Popen(command)  # noqa: S603 - a list of words, no shell
    except OSError as error:
        status = 127 if isinstance(error, FileNotFoundError) else 126
        raise OpsError(f"{command[0]} cannot be run: {error.strerror}", exit_code=status) from None
    with _handed_on(process):
        status = process.wait()
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _handed_on(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Signals that would end us go to the command: what it pinned is told all the same."""

    def hand_on(number: int, _: object) -> None:
        # A terminal has sent Ctrl-C to the command already: a second one would cut its clean-up short.
        if number != signal.SIGINT or not os.isatty(0):
            process.send_signal(number)

    kept = {each: signal.signal(each, hand_on) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
