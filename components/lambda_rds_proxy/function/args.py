"""Settings of a function. Limits: CreateFunction in botocore's `lambda` service model."""

import re
from typing import Any, NotRequired, TypedDict

import pulumi

from ..names import IDENTIFIER
from ..references import ALARMS, NetworkRef, ProxyRef
from ..settings.checks import Checks, default, matching, number, one_of, passes
from ..stack.args import ARCHITECTURES, StackSettings


class FunctionSettings(TypedDict):
    """One function; its `DB_*` environment comes from the proxy."""

    path: str
    """Folder with its source and, if any, a hash-locked requirements.txt (requirements-mysql.txt for MySQL), which
    `python -m ops lock` writes from its .in file. If a .py file names rds_connection and the folder has none, the
    package gets that of the program's environment."""
    user: NotRequired[str]
    """Which user it connects as; the application's without it."""
    handler: NotRequired[str]
    """module.function; default app.handler."""
    bytecode: NotRequired[bool]
    """Whether the package holds its modules' bytecode, which every cold start compiles otherwise; only the function's
    Python makes it: the program's own, or pythonX.Y on PATH where `pulumi` runs; default false."""
    memory: NotRequired[int]
    """MB, 128 to 10240; default 256."""
    ephemeral_storage: NotRequired[int]
    """MB of /tmp, 512 to 10240; Lambda gives 512 without it."""
    layers: NotRequired[list[str]]
    """ARNs of at most 5 layer versions, merged in that order; none without it."""
    timeout: NotRequired[int]
    """Seconds, 1 to 900, above the borrow timeout of the proxy; default 15."""
    reserved_concurrency: NotRequired[int]
    """How many environments may run at once, 1 to 1000; without it only the account limits them. A new account can
    reserve none, every other all but 100 of its limit (`account_concurrent_executions`)."""
    architecture: NotRequired[str]
    """arm64 or x86_64; that of the stack without it."""
    environment: NotRequired[dict[str, pulumi.Input[str]]]
    """More environment variables; of the DB_ names only DB_POOL_… may be set, and none that Lambda reserves. What is
    secret stays so in the state; in AWS whoever may describe the function reads it."""
    lambda_arguments: NotRequired[dict[str, pulumi.Input[Any]]]
    """More arguments of pulumi-aws's `aws.lambda_.Function` that no setting has, by their names there, such as
    dead_letter_config, file_system_config or kms_key_arn (or deadLetterConfig and so on); what they need of the
    function's role and network is to be granted beside it."""
    reader_fallback: NotRequired[bool]
    """Whether the writer may stand in for read-only work where there is no reader, or none that lets it in, so that one
    program does for a stack with readers and one without; default false."""
    alarms: NotRequired[list[str]]
    """Alarms of this function alone, for 0.10 USD a month each: slow, and concurrency-nearly-used-up, which needs a
    `reserved_concurrency`; none without it. What fails or is throttled is told of every function."""
    tracing: NotRequired[bool]
    """Whether X-Ray traces it; default false."""


class DatabaseFunctionArgs(TypedDict):
    """A function that uses a database through its proxy."""

    network: NetworkRef
    """Where it stands: the proxy's VPC."""
    proxy: ProxyRef
    """What it connects to."""
    settings: FunctionSettings
    """What it runs, and how."""
    stack: NotRequired[StackSettings]
    """What holds for all resources."""


_LAYER = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:layer:[a-zA-Z0-9-_]+:[0-9]+")


def _are_layers(arns: list[str]) -> bool:
    return len(arns) <= 5 and all(map(_LAYER.fullmatch, arns))


CHECKS: Checks = {
    "user": matching(IDENTIFIER, "a user of this stack such as app"),
    "handler": matching(r"[A-Za-z_][\w/]*(\.\w+)+", "module.function such as app.handler", default="app.handler"),
    "bytecode": default(False),
    "memory": number(128, 10_240, default=256),
    "ephemeral_storage": number(512, 10_240),
    "layers": passes(_are_layers, "a list of at most 5 ARNs of layer versions, each ending in its version"),
    "timeout": number(1, 900, default=15),
    "reserved_concurrency": number(1, 1000),
    "architecture": one_of(ARCHITECTURES),
    "reader_fallback": default(False),
    "alarms": ALARMS,
    "tracing": default(False),
}
