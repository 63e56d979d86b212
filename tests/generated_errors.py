"""docs/errors.md: every sentence with which this project refuses or gives up, beside those of database and proxy.

The sentences are read in the sources, so that none is forgotten; what a value stands in is `…`.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ops.doctor.verdict import Cause
from rds_proxy_guard.pack import RULES

ROOT = Path(__file__).resolve().parents[1]
# Shorter, or without a blank, it is a word of an interface and no sentence.
_SHORTEST = 12
# Modules whose functions give sentences instead of raising them.
_COLLECTORS = (
    "problems.py",
    "lambda_arguments.py",
    "adoption.py",
    "config.py",
    "reading.py",
    "facts.py",
    "postgresql.py",
    "mysql.py",
)
_COMPONENTS = "components/lambda_rds_proxy"
_ADMIN = f"{_COMPONENTS}/user/admin_function/database_admin"

_ABOUT = """\
# Errors

What you read, and where to go from there. Search for the part without names and numbers: `…` stands for a value. What
AWS itself answers while a stack is made or removed has a page of its own, with sources:
[troubleshooting.md](troubleshooting.md). This page is written by `make generate`: the sentences of each part are read
in its sources.

Not sure which of many errors is the cause? `python -m ops doctor` looks at all of it and gives one verdict, and
`python -m ops logs --errors` shows what the functions said ([doctor.md](doctor.md), [ops.md](ops.md)).

## Of the database and the proxy

| what you read | what it is | go on at |
|---|---|---|
"""
# What is read; what it is; where it goes on.
OF_THE_DATABASE = (
    (
        (
            "remaining connection slots are reserved for non-replication superuser connections",
            "remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "sorry, too many clients already",
            "Too many connections",
        ),
        "the database has no connection left (PostgreSQL `53300`, MySQL `1040`): clients go round the proxy, or "
        "proxies take more than it has",
        "[database-nearly-full](runbook.md#database-nearly-full), [size](how-to/size.md)",
    ),
    (
        ("Timed-out waiting to acquire database connection",),
        "the proxy had no connection free within the borrow timeout (`08000`, MySQL `9501`)",
        "[proxy-is-the-bottleneck](runbook.md#proxy-is-the-bottleneck), [size](how-to/size.md)",
    ),
    (
        ("PENDING_PROXY_CAPACITY", "REGISTERING"),
        "the proxy is not ready yet: it grows, or its target is being registered; wait, unless nothing was changed for "
        "half an hour",
        "[the doctor's `proxy-scaling` and `proxy-stuck`](doctor.md#the-table)",
    ),
    (
        ("UNREACHABLE", "CONNECTION_FAILED", "AUTH_FAILURE"),
        "why the proxy's target is UNAVAILABLE: a way that is closed, a database that is full or down, or a secret "
        "that is not the database's",
        "[database-refuses-connections](runbook.md#database-refuses-connections)",
    ),
    (
        (
            "The IAM authentication failed for the role …",
            "IAM authentication failed for user …",
            "PAM authentication failed for user …",
        ),
        "a token that is expired, or of another host, port or user; or a role without `rds-db:connect` on this proxy",
        "[logins-fail](runbook.md#logins-fail)",
    ),
    (
        ("The IAM authentication failed because of too many competing requests.",),
        "more logins with tokens at once than AWS takes",
        "[the doctor's `iam-throttled`](doctor.md#the-table)",
    ),
    (
        (
            "password authentication failed for user …",
            "SASL authentication failed",
            "Access denied for user …",
            "The password that was provided for the role … is wrong.",
        ),
        "an old password: rotated, or changed by hand",
        "[rotate](how-to/rotate.md), [logins-fail](runbook.md#logins-fail)",
    ),
    (
        ("This RDS proxy has no credentials for the role …", "no such user"),
        "a user of the database without a secret at this proxy",
        "[add a user](how-to/add-a-user.md)",
    ),
    (
        (
            "IAM authentication is allowed only with SSL connections.",
            "This RDS Proxy requires TLS connections.",
            "no pg_hba.conf entry for host …, no encryption",
        ),
        "a client that does not use TLS",
        "`sslmode=verify-full`; [certificates](../handler/README.md#certificates)",
    ),
    (
        ("certificate verify failed", "server certificate for … does not match host name"),
        "TLS found another authority or another name: the handler brings the authorities, other clients need a file",
        "[certificates](../handler/README.md#certificates), `python -m ops psql --print`",
    ),
    (
        (
            "server closed the connection unexpectedly",
            "SSL connection has been closed unexpectedly",
            "unexpected eof while reading",
            "terminating connection due to administrator command",
            "Lost connection to MySQL server during query",
        ),
        "the connection is gone: a restart, a failover, or a session that was ended; `transaction` runs once more",
        "[faults.md](faults.md), [what the handler does](../handler/README.md#writing)",
    ),
    (
        (
            "Feature not supported: RDS Proxy currently doesn’t support command-line options.",
            "unsupported startup parameter: options",
        ),
        "a client sends `options` when it connects",
        "[what not to do behind a proxy](../handler/README.md#what-not-to-do-behind-rds-proxy-postgresql)",
    ),
    (
        (
            "canceling statement due to statement timeout",
            "terminating connection due to idle-in-transaction timeout",
        ),
        "the user's own timeouts in the server ended it (`57014`, `25P03`): longer than its functions may run",
        "[what a killed function held](topology.md#what-a-killed-function-held)",
    ),
    (
        ("Task timed out after … seconds",),
        "Lambda ended the invocation: in the function's own code, in a statement, or on the way to the proxy",
        "[timeouts](runbook.md#timeouts)",
    ),
    (
        (
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        ),
        "more than the 6 MB that Lambda takes or answers; hand over a page of it, or where it lies",
        "[Lambda quotas](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)",
    ),
    (
        ("Rate Exceeded.", "TooManyRequestsException", "ReservedFunctionConcurrentInvocationLimitExceeded"),
        "Lambda turned the caller away: all environments that may run are busy",
        "[throttles](runbook.md#throttles)",
    ),
    (
        ("Unable to import module …: No module named …",),
        "a package that is not in the function's zip: its folder, or the list that is locked beside it, lacks it",
        "[add a function](how-to/add-a-function.md)",
    ),
)


@dataclass(frozen=True)
class Room:
    """A part of the repository whose sentences stand together; `kinds` are the errors that people read there."""

    title: str
    about: str
    paths: tuple[str, ...]
    kinds: tuple[str, ...]
    not_in: tuple[str, ...] = ()


ROOMS = (
    Room(
        "Of the handler, in a function's log",
        "What each means, and which are tried again: [handler](../handler/README.md#writing).",
        ("handler/rds_connection",),
        (
            *(
                "ConfigurationError",
                "NoConnectionError",
                "SecretUnavailableError",
                "OutOfTimeError",
                "PoolExhaustedError",
            ),
            *("UnfinishedTransactionError", "TransactionResolutionUnknown", "ProgrammingError", "TypeError"),
        ),
    ),
    Room(
        "Of a preview, before anything is made",
        "All of them are told at once, under `invalid stack configuration:` or the component's name; "
        "[settings.md](settings.md) has what each key may be, [topology.md](topology.md) what goes together.",
        (_COMPONENTS,),
        ("ArgumentsError", "ConfigError", "PackageError", "RunError", "_WrongError", "ValueError"),
        (_ADMIN,),
    ),
    Room(
        "Of `pulumi up`, when the database's user is made",
        "The admin function's; its log has the rest: `/aws/lambda/…-admin`.",
        (_ADMIN,),
        ("AdminError", "DatabaseNotReadyError", "DatabaseRefusedError"),
    ),
    Room(
        "Of the laptop",
        "What to do at the usual ones: [when something is in the way](laptop.md#when-something-is-in-the-way).",
        ("local",),
        (
            *("LaptopError", "PulumiError", "RefusedError", "Refusal", "ThrottledError", "ProxyDownError", "OpsError"),
            *("_invalid", "CannotLookError", "AutonamingError", "UnknownTypeError", "RotationError", "ValueError"),
        ),
    ),
    Room(
        "Of `python -m ops`",
        "Exit status 2: it could not look. [ops.md](ops.md) has every option.",
        ("ops",),
        ("OpsError", "StackError", "CannotLookError", "UnreadableError", "NotAskedError", "ValueError"),
    ),
    Room(
        "Of `make`",
        "What a machine lacks; the sentence has the command that mends it.",
        ("toolchain",),
        ("CommandError", "FileNotFoundError", "TimeoutError", "ValueError"),
    ),
)


def errors_page() -> str:
    """What database and proxy say, the doctor's verdicts, the pack's policies, and each room's sentences."""
    rows = (f"| {' · '.join(map(_code, texts))} | {what} | {where} |" for texts, what, where in OF_THE_DATABASE)
    lines = [_ABOUT + "\n".join(rows), ""]
    lines += ["## Of the policy pack", "", "A finding names the resource, why it matters and what to set.", ""]
    lines += ["| policy | says | go on at |", "|---|---|---|"]
    for rule in RULES:
        where = f"[policies](../policies/README.md#{rule.name})"
        lines.append(f"| `{rule.name}` | {rule.description} {rule.remediation_steps} | {where} |")
    lines += [
        "| `rds-proxy-guard-configuration` | The configuration of the policies has a mistake. "
        "| [policies](../policies/README.md#configuration) |",
        *(
            "",
            "## Of the doctor",
            "",
            "Verdicts of `python -m ops doctor`; what must be seen for each, and in which order:",
        ),
        *("[doctor.md](doctor.md#the-table).", "", " · ".join(f"`{cause}`" for cause in Cause), ""),
    ]
    for room in ROOMS:
        classes = " · ".join(f"`{each}`" for each in room.kinds if not each.startswith("_"))
        lines += [f"## {room.title}", "", room.about, "", f"Errors: {classes}.", ""]
        lines += [f"- {_code(text)}" for text in sentences(room)]
        lines.append("")
    return "\n".join(lines)


@cache
def sentences(room: Room) -> list[str]:
    """Each sentence of a room's errors once."""
    found: set[str] = set()
    for path in (each for folder in room.paths for each in sorted((ROOT / folder).rglob("*.py"))):
        if not any(path.is_relative_to(ROOT / other) for other in room.not_in):
            tree = ast.parse(path.read_text())
            said = [*_raised(tree, room.kinds), *(_collected(tree) if path.name in _COLLECTORS else ())]
            found |= {text for text in said if _is_sentence(text)}
    return sorted(found, key=lambda text: text.strip("… '\"").lower())


def error_classes(path: Path) -> Iterator[str]:
    """The errors that a module declares."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and re.search(r"Error$|Unknown$|^Refusal$", node.name) and node.bases:
            yield node.name


def _raised(tree: ast.Module, kinds: Iterable[str]) -> Iterator[str]:
    """The texts with which errors of these kinds are made."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in kinds:
            yield from map(_text, node.args)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "problem":
            yield _text(node.value)


def _collected(tree: ast.Module) -> Iterator[str]:
    """The texts that are gathered, to be told at once."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Yield) and node.value is not None:
            yield _text(node.value)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("problems.append"):
            yield from map(_text, node.args)
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.List):
            yield from map(_text, node.value.elts)
        elif isinstance(node, ast.FunctionDef) and node.name.endswith("_allowed"):
            yield from (_text(each.value) for each in ast.walk(node) if isinstance(each, ast.Return) and each.value)
        elif isinstance(node, ast.keyword) and str(node.arg).startswith("why_"):
            yield re.sub(r"\{\w+\}", "…", _text(node.value))


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(each) if isinstance(each, ast.Constant) else "…" for each in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return ""


def _is_sentence(text: str) -> bool:
    return len(re.sub(r"[…\W]", "", text)) >= _SHORTEST and text.count(" ") > 1


def _code(text: str) -> str:
    """As code, whatever stands in it."""
    one = " ".join(text.split())
    return f"`` {one} ``" if "`" in one else f"`{one}`"
