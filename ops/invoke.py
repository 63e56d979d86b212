"""`python -m ops invoke`: one invocation of a stack's function, and its answer."""

import base64
import json
import sys
from typing import Annotated, Any

import boto3
import botocore.config
import typer

from .aws.errors import AwsErrors, reason
from .errors import OpsError
from .function_logs import condensed
from .places import stack_or_the_places
from .stack_outputs import StackError, complete_function, stack_functions

# Lambda's longest timeout is 900 s.
_ANSWER_SECONDS = 910
_SHOWN = 60  # characters of an event that is none


def invoke(
    function: Annotated[
        str | None,
        typer.Argument(
            help="Its name in the stack, such as app; the first one if left out.", autocompletion=complete_function
        ),
    ] = None,
    payload: Annotated[str, typer.Option(help="The event as JSON; - reads it from standard input.")] = "{}",
    stack: Annotated[str | None, typer.Option(help="The Pulumi stack; the laptop's if left out.")] = None,
    log: Annotated[bool, typer.Option(help="Print the end of its log, too, on standard error.")] = False,
) -> None:
    """One invocation of a function of a stack: its answer as JSON.

    **Examples**

    - `python -m ops invoke`: the first function of the laptop stack, with the event {}
    - `python -m ops invoke app --payload '{"id": 7}' --log`: a named one, with an event, and with its log
    - `echo '{"id": 7}' | python -m ops invoke app --payload -`: the event from standard input
    - `python -m ops invoke app --stack dev`: of stack dev on AWS, with the shell's credentials

    Exit status: 0 it answered, 1 the function failed, 2 it could not be invoked.
    """
    event = _event(payload)
    name = next(iter(stack_functions(stack_or_the_places(stack), function).values()))
    answer = _invoke(name, event)
    if log:
        # Lambda's client parts an error's lines by carriage returns, and a terminal would write them over each other.
        told = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace").splitlines()
        print(*(condensed(line.rstrip()) for line in told if line.strip()), sep="\n", file=sys.stderr)
    text = answer["Payload"].read().decode()
    try:
        print(json.dumps(json.loads(text), indent=2, ensure_ascii=False))
    except ValueError:
        print(text)
    if "FunctionError" in answer:
        raise typer.Exit(1)


def _event(payload: str) -> bytes:
    text = sys.stdin.read() if payload == "-" else payload
    try:
        json.loads(text)
    except ValueError as error:
        given = " ".join(text.split()) or "nothing"
        given = given if len(given) <= _SHOWN else f"{given[: _SHOWN - 1]}…"
        raise OpsError(f"the event {given} is no JSON ({error}); give it as --payload '{{\"id\": 7}}'") from None
    return text.encode()


def _invoke(name: str, event: bytes) -> dict[str, Any]:
    # A second attempt would run the function twice.
    limits = botocore.config.Config(read_timeout=_ANSWER_SECONDS, retries={"total_max_attempts": 1})
    try:
        answer: dict[str, Any] = boto3.client("lambda", config=limits).invoke(
            FunctionName=name, Payload=event, LogType="Tail"
        )
    except AwsErrors as error:
        raise StackError(f"Lambda does not invoke {name}: {reason(error)}") from None
    return answer
