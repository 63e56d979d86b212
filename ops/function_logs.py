"""What a function's log says: its events, whose they are, what sort they are, and what failed where. Pure.

The laptop's file and CloudWatch have the same words in it: those of Lambda's Python runtime, of Lambda itself, and the
handler's metrics. Source: awslambdaric 3.1, bootstrap.py, `log_error`; Lambda Developer Guide, "Log formats".

A person who may read a log sees it as it is (`ops logs`, `ops invoke --log`); what is quoted of one elsewhere has no
secret in it (`without_secrets`).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

TIMED_OUT = "Task timed out"
"""The type of a failure that Lambda ended for lack of time."""
TRACEBACK = "Traceback (most recent call last):"
_LONGEST_MESSAGE = 200
_MOST_LINES = 50
# Of Lambda's Python runtime: `[ERROR] Type: message`. What a handler logs itself has a tab after the level.
_ERROR = re.compile(r"\[ERROR\] (?P<kind>[\w.]+)(?:: (?P<message>.*))?", re.DOTALL)
_TIMEOUT = re.compile(r"Task timed out after [\d.]+ seconds")
_DIED = re.compile(r"Error: (?P<message>Runtime exited.*)")
_LEVELS = ("ERROR", "CRITICAL", "FATAL")
_LOOKS_FAILED = re.compile(rf"\[(?:{'|'.join(_LEVELS)})\]|{re.escape(TRACEBACK)}|INIT_REPORT .*Status: ")
_PLATFORM = re.compile(r"(?:INIT_START|INIT_REPORT|START|END|REPORT|XRAY|EXTENSION) ")
# An id names the invocation in Lambda's own lines, in those of Python's logging, and nowhere else in a text.
_REQUEST = re.compile(
    r"(?:(?:(?:START|END|REPORT) )?RequestId: |\S+Z |\[\w+\]\t\S*\t)"
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b"
)
_METRICS = '{"_aws"'
_OF_METRICS = frozenset({"_aws", "FunctionName", "Proxy", "RequestId"})
# Lambda tries to initialize before the invocation, and once more as part of it: the second failure is its own.
# Source: Lambda Developer Guide, "Failures during the Init phase"; logs in public issues have both, each with an error.
_FIRST_INIT = re.compile(r"INIT_REPORT .*Phase: init\s.*Status: ")
_FRAME = re.compile(r"File \"(?P<file>[^\"]+)\", line (?P<line>\d+)")
# Where a function's own files are: on Lambda, and unpacked on the laptop.
_ROOT = re.compile(r"^(?:/var/task|.*/functions/[^/]+/[0-9a-f]{16})/")
# What is no application's: Python, the runtime, layers, and packages that a function brings along.
_OTHERS = re.compile(
    r"^/(?:var/(?:lang|runtime)|opt|usr)/|/lib/python\d|/site-packages/|^<|"
    r"^(?:rds_connection|psycopg\w*|pymysql|sqlalchemy|boto3|botocore|s3transfer|urllib3|requests|aws_\w+)/"
)
# What may stand in a message and is a secret: words of a URL, values of telling names, and what looks like a key.
_SECRETS = (
    (re.compile(r"(://[^\s/:@]*:)\S+(@)"), r"\1***\2"),
    (
        re.compile(
            r"(?i)((?:pass(?:word|wd|phrase)?|pwd|secret\w*|\w*token|api[_-]?key|access[_-]?key\w*|credentials?|"
            r"authorization|x-amz-(?:signature|credential|security-token))[\"']?\s*[=:]\s*(?:bearer\s+|basic\s+)?)"
            r"(\"[^\"]*\"|'[^']*'|[^\s,;&}\])]+)"
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/-]{8,}=*"), r"\1 ***"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}"), "***"),
    (re.compile(r"-----BEGIN [A-Z ]+-----.*"), "***"),
)


class Kind(Enum):
    """What sort of event one is."""

    ERROR = "error"
    PLATFORM = "platform"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event of a log.

    Attributes:
        text: as it was written, with the lines of its traceback.
        at: when it came, in seconds since 1970.
        stream: the environment that wrote it, where that is known.
        request_id: whose it is, where that can be told.
    """

    text: str
    at: float = 0.0
    stream: str = ""
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an invocation failed.

    Attributes:
        kind: the error's type, or `TIMED_OUT`.
        message: in one line, without what looks like a secret.
        place: file and line of the innermost frame that is the application's own, where there is one.
    """

    kind: str
    message: str = ""
    place: str | None = None

    def __str__(self) -> str:
        said = f"{self.kind}: {self.message}" if self.message else self.kind
        return f"{said} ({self.place})" if self.place else said


@dataclass
class Requests:
    """Whose the events of a function are, in their order: an environment runs one invocation at a time."""

    _under_way: dict[str, str] = field(default_factory=dict)

    def of(self, event: Event) -> Event:
        """The event with its request."""
        said, stream = document(event.text), event.stream
        named = _request(event.text, said)
        if named:
            self._under_way[stream] = named
        request = self._under_way.get(stream)
        if is_report(event.text):
            self._under_way.pop(stream, None)
        return replace(event, request_id=request)


def whole(parts: Iterable[Event]) -> Iterator[Event]:
    """Events out of lines or events, with their requests: an error whose message has several lines is one of them."""
    requests, unfinished = Requests(), dict[str, Event]()  # errors whose tracebacks are yet to come
    for part in parts:
        text, begun = part.text, unfinished.pop(part.stream, None)
        if begun is not None:
            own = text.startswith(_METRICS) or _PLATFORM.match(text) or _ERROR.match(text)
            if not own and begun.text.count("\n") < _MOST_LINES:
                unfinished[part.stream] = replace(begun, text=f"{begun.text}\n{text}")
                if TRACEBACK in text:
                    yield requests.of(unfinished.pop(part.stream))
                continue
            yield requests.of(begun)
        if _ERROR.match(text) and TRACEBACK not in text:
            unfinished[part.stream] = part
        elif text.strip():
            yield requests.of(part)
    yield from map(requests.of, unfinished.values())


def kind(text: str) -> Kind:
    """The sort of an event."""
    said = document(text)
    failed = str(said.get("level")).upper() in _LEVELS or "errorMessage" in said or outcome(text) not in (None, "ok")
    if failed or failure(text) or (not said and _LOOKS_FAILED.search(text)):
        return Kind.ERROR
    return Kind.PLATFORM if _PLATFORM.match(text) or str(said.get("type")).startswith("platform.") else Kind.OTHER


def failures(found: Iterable[Event]) -> list[tuple[Event, Failure]]:
    """The failed invocations among whole events, each once, by the event that tells why."""
    failed: dict[int, tuple[Event, Failure]] = {}
    last: dict[str, int] = {}  # of each stream
    for number, event in enumerate(found):
        before, told = failed.get(last.get(event.stream, -1)), failure(event.text)
        if before and _is_first_init(event.text):
            del failed[last.pop(event.stream)]
        elif told and not (before and event.request_id and before[0].request_id == event.request_id):
            failed[number], last[event.stream] = (event, told), number
    return list(failed.values())


def failure(text: str) -> Failure | None:
    """The failure that an event tells of; None when it tells of none."""
    if text.startswith("{"):
        return _of_document(document(text))
    if (timeout := _TIMEOUT.search(text)) and not _ERROR.match(text):
        return Failure(kind=TIMED_OUT, message=timeout[0].removeprefix(f"{TIMED_OUT} "))
    if died := _DIED.search(text):
        return Failure(kind="Runtime.ExitError", message=one_line(died["message"]))
    said, _, traceback = text.partition(TRACEBACK)
    found = _ERROR.match(said)
    if found is None:
        return None
    return Failure(kind=found["kind"], message=one_line(found["message"] or ""), place=place(traceback))


def is_report(text: str) -> bool:
    """Whether an event is Lambda's last of an invocation."""
    return text.startswith("REPORT ") or document(text).get("type") == "platform.report"


def outcome(text: str) -> str | None:
    """How a use of the database ended, when the event is the handler's line of metrics."""
    if not text.startswith(_METRICS):
        return None
    said = document(text).get("Outcome")
    return said if isinstance(said, str) else None


def condensed(text: str) -> str:
    """A line of metrics by its values alone: the rest says to CloudWatch what they are. Any other as it is."""
    said = document(text)
    if "_aws" not in said:
        return text
    return "metrics " + " ".join(f"{name}={value}" for name, value in said.items() if name not in _OF_METRICS)


def place(traceback: str) -> str | None:
    """File and line of the innermost frame that is the application's; of the innermost one where none is."""
    frames = [(_ROOT.sub("", each["file"]), each["line"]) for each in _FRAME.finditer(traceback)]
    own = [each for each in frames if not _OTHERS.search(each[0])]
    return ":".join((own or frames)[-1]) if frames else None


def without_secrets(text: str) -> str:
    """A text in which what looks like a secret is masked."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def one_line(text: str) -> str:
    """A text in one line that is not too long, without what looks like a secret."""
    masked = without_secrets(" ".join(text.split()))
    return masked if len(masked) <= _LONGEST_MESSAGE else f"{masked[: _LONGEST_MESSAGE - 1]}…"


def document(text: str) -> Mapping[str, Any]:
    """What an event in JSON says; nothing for any other."""
    try:
        said = json.loads(text) if text.startswith("{") else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _request(text: str, said: Mapping[str, Any]) -> str | None:
    inner = said["record"] if isinstance(said.get("record"), dict) else said
    named = inner.get("requestId") or inner.get("RequestId") or inner.get("aws_request_id")
    if named:
        return str(named)
    found = _REQUEST.match(text)
    return found[1] if found else None


def _is_first_init(text: str) -> bool:
    said = document(text)
    if said.get("type") == "platform.initReport" and isinstance(said.get("record"), dict):
        return bool(said["record"].get("phase") == "init" and said["record"].get("status") != "success")
    return _FIRST_INIT.match(text) is not None


def _of_document(said: Mapping[str, Any]) -> Failure | None:
    """The failure in an event of the JSON log format."""
    if said.get("errorType") and "stackTrace" in said:
        frames = said["stackTrace"] if isinstance(said["stackTrace"], list) else []
        return Failure(
            kind=str(said["errorType"]),
            message=one_line(str(said.get("errorMessage") or "")),
            place=place("\n".join(map(str, frames))),
        )
    words = str(said.get("message") or "")
    record = said.get("record")
    if isinstance(record, dict) and record.get("status") == "timeout":
        return Failure(kind=TIMED_OUT)
    return Failure(kind=TIMED_OUT) if _TIMEOUT.search(words) else None
