"""`python -m ops logs`: the logs of a stack's functions, by CloudWatch Logs, on the laptop too."""

import heapq
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import boto3
import typer
from rich.console import Console
from rich.text import Text

from ops.aws.errors import AwsErrors, reason
from ops.errors import OpsError
from ops.function_logs import Kind
from ops.places import stack_or_the_places
from ops.stack_outputs import StackError, complete_function, stack_functions

from .lines import Reader, Told, errors_alone

_PAUSE_SECONDS = 1.0
# CloudWatch shows an event some seconds after it came, and not those of two streams in their order.
_LATE_MILLISECONDS = 15_000
_BACK = "1h"
_BACK_FOLLOWING = "10s"  # what comes, and what has just come
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_STYLES = {Kind.ERROR: "red", Kind.PLATFORM: "dim", Kind.OTHER: "none"}
_console = Console(emoji=False, highlight=False, markup=False, soft_wrap=True)


def logs(
    function: Annotated[
        str | None,
        typer.Argument(help="Its name in the stack, such as app; all if left out.", autocompletion=complete_function),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    since: Annotated[
        str | None,
        typer.Option(
            help="How far back: 30s, 10m, 2h, 1d, or a time such as 2026-01-31T12:00; "
            f"{_BACK} if left out, with --follow {_BACK_FOLLOWING}."
        ),
    ] = None,
    errors: Annotated[bool, typer.Option(help="Errors alone, each traceback whole.")] = False,
    stack: Annotated[str | None, typer.Option(help="The Pulumi stack; the laptop's if left out.")] = None,
) -> None:
    """What a stack's functions wrote, each line with its time and its request's id.

    A terminal shows the time of day and the first eight digits of the id, in colour; a pipe gets all of both.
    Nothing is masked: who may read the log sees what stands in it.

    **Examples**

    - `python -m ops logs`: the last hour of all functions of the laptop stack
    - `python -m ops logs app --errors --since 1d`: what went wrong in one of them since yesterday
    - `python -m ops logs app --follow --stack dev`: as it comes, of stack dev on AWS, with the shell's credentials

    Exit status: 0 told, with --errors 1 when there were some; 2 the log could not be read.
    """
    since = since or (_BACK_FOLLOWING if follow else _BACK)
    start = _start(since, datetime.now(UTC))
    names = stack_functions(stack_or_the_places(stack), function)
    many, told = len(names) > 1, 0
    try:
        found = _events(names, start, follow=follow)
        for each in errors_alone(found) if errors else found:
            told += 1
            _tell(each, named=many)
    except KeyboardInterrupt:
        return
    if not told:
        print(f"no {'error' if errors else 'line'} of {', '.join(names)} since {since}", file=sys.stderr)
    if errors and told:
        raise typer.Exit(1)


def _start(since: str, now: datetime) -> int:
    """Milliseconds since the epoch."""
    short = re.fullmatch(r"(\d{1,9})([smhd])", since)
    try:
        began = now - timedelta(**{_UNITS[short[2]]: int(short[1])}) if short else datetime.fromisoformat(since)
        # A time without a zone is that of the reader's clock.
        return max(0, int(began.timestamp() * 1000))
    except (ValueError, OverflowError):
        message = f'--since is "{since}"; it must be such as 30s, 10m, 2h, 1d or 2026-01-31T12:00'
        raise OpsError(message) from None


def _events(names: dict[str, str], start: int, *, follow: bool) -> Iterator[Told]:
    """All events since then in their order, and with `follow` those that come."""
    client = boto3.client("logs")
    readers = {name: Reader(function=name) for name in names}
    seen: dict[str, int] = {}
    while True:
        found = [_of_function(client, readers[name], on_aws, start, seen) for name, on_aws in names.items()]
        yield from heapq.merge(*found, key=lambda each: each.milliseconds)
        if not follow:
            return
        start = max(start, max(seen.values(), default=0) - _LATE_MILLISECONDS)
        seen = {event: milliseconds for event, milliseconds in seen.items() if milliseconds >= start}
        time.sleep(_PAUSE_SECONDS)


def _of_function(client: Any, reader: Reader, name: str, start: int, seen: dict[str, int]) -> Iterator[Told]:  # noqa: ANN401 - boto3 has no types
    asked = {"logGroupName": f"/aws/lambda/{name}", "startTime": start}
    try:
        for page in client.get_paginator("filter_log_events").paginate(**asked):
            for event in page["events"]:
                if event["eventId"] not in seen:
                    seen[event["eventId"]] = event["timestamp"]
                    yield reader.read(event)
    except client.exceptions.ResourceNotFoundException:
        return  # Lambda makes the group with the first line
    except AwsErrors as error:
        raise StackError(f"CloudWatch Logs does not show /aws/lambda/{name}: {reason(error)}") from None


def _tell(event: Told, *, named: bool) -> None:
    moment, request, function = event.time, event.request or "-", f"{event.function} " if named else ""
    for line in event.lines:
        if not _console.is_terminal:
            print(f"{moment} {request} {function}{line}", flush=True)
            continue
        words = Text.assemble((f"{moment[11:-1]} {request[:8]:8} ", "dim"), (function, "cyan"))
        words.append(line, style=_STYLES[event.kind])
        _console.print(words)
