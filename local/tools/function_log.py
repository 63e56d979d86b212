"""What a function's log says of its invocations: Lambda's own lines and the handler's metrics lines. Pure."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from ops.doctor.evidence import LoginProblem
from ops.function_logs import TIMED_OUT, failure

_OUT_OF_TIME, _LOGIN = "out-of-time", "authentication"
# The words of RDS Proxy, PostgreSQL and PgBouncer; an expired token is a matter of the words of the laptop's gate.
_EXPIRED = re.compile(r"token is expired", re.IGNORECASE)
_THROTTLED = re.compile(r"too many competing requests", re.IGNORECASE)
_WRONG = re.compile(r"password authentication failed|SASL authentication failed|The password that was provided")


@dataclass(frozen=True, kw_only=True)
class LoggedInvocations:
    """Counts over some part of a log.

    Attributes:
        connections: None when no line of the handler's metrics is in it.
        failed_logins: by the handler's metrics; `login_errors` by the text of errors, which any driver writes.
    """

    invocations: int = 0
    errors: int = 0
    timeouts: int = 0
    connections: int | None = None
    failed_logins: int = 0
    login_errors: int = 0
    login_problem: LoginProblem | None = None


def read_log(text: str) -> LoggedInvocations:
    """Count what a log holds; a line that is cut at either end is nobody's."""
    found = LoggedInvocations()
    for line in text.splitlines():
        if line.startswith("REPORT RequestId: "):
            found = replace(found, invocations=found.invocations + 1)
        elif line.startswith("INIT_REPORT ") and "Status: " in line:
            found = replace(found, invocations=found.invocations + 1, errors=found.errors + 1)
        elif line.startswith('{"_aws"'):
            found = _with_metrics(found, line)
        elif (told := failure(line)) is not None:
            problem = login_problem(line)
            found = replace(
                found,
                errors=found.errors + 1,
                timeouts=found.timeouts + (told.kind == TIMED_OUT),
                login_errors=found.login_errors + (problem is not None),
                login_problem=problem or found.login_problem,
            )
    return found


def login_problem(text: str) -> LoginProblem | None:
    """Why a login was refused, by the words of the refusal; None when the text is about something else."""
    if _EXPIRED.search(text):
        return LoginProblem.EXPIRED_TOKEN
    if _THROTTLED.search(text):
        return LoginProblem.THROTTLED
    if _WRONG.search(text):
        return LoginProblem.WRONG_PASSWORD
    return None


def _with_metrics(found: LoggedInvocations, line: str) -> LoggedInvocations:
    try:
        values: Any = json.loads(line)
        opened, reused = int(values["ConnectionsOpened"]), int(values["ConnectionsReused"])
        outcome = values["Outcome"]
    except (ValueError, KeyError, TypeError):
        return found
    return replace(
        found,
        connections=(found.connections or 0) + opened + reused,
        timeouts=found.timeouts + (outcome == _OUT_OF_TIME),
        failed_logins=found.failed_logins + (outcome == _LOGIN),
    )
