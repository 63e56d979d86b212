"""What a function's log says: its events, whose they are, and what failed where. Pure.

The laptop's file and CloudWatch have the same words in it: those of Lambda's Python runtime, of Lambda itself, and the
handler's metrics. Source: awslambdaric 3.1, bootstrap.py, `log_error`; Lambda Developer Guide, "Log formats".
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

TIMED_OUT = "Task timed out"
"""The type of a failure that Lambda ended for lack of time."""
_LONGEST_MESSAGE = 200
_MOST_LINES = 50
_TRACEBACK = "Traceback (most recent call last):"
# Of Lambda's Python runtime: `[ERROR] Type: message`. What a handler logs itself has a tab after the level.
_ERROR = re.compile(r"\[ERROR\] (?P<kind>[\w.]+)(?:: (?P<message>.*))?", re.DOTALL)
_TIMEOUT = re.compile(r"Task timed out after [\d.]+ seconds")
_DIED = re.compile(r"Error: (?P<message>Runtime exited.*)")
_REQUEST = re.compile(r"\b(?:RequestId: |\")?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")
_OWN_WORDS = ("START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_REPORT ", '{"_aws"')
_TIME = re.compile(r"(?:^|\t)(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)\b")
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


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event of a log.

    Attributes:
        text: as it was written, with the lines of its traceback.
        request_id: whose it is, where that can be told.
        at: when it came, in seconds since 1970, where that is known.
        stream: the environment that wrote it, where that is known.
    """

    text: str
    request_id: str | None = None
    at: float | None = None
    stream: str = ""


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


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a log's lines, as they are between two newlines."""
    return whole(Event(text=line, at=_at(line)) for line in lines)


def whole(parts: Iterable[Event]) -> Iterator[Event]:
    """Events out of lines or events, with their requests: an error whose message has several lines is one of them.

    What does not name its request is of the only one that is under way in its stream; environments that write into one
    file without telling their streams are not told apart by more than that.
    """
    streams: dict[str, _Stream] = {}
    for part in parts:
        yield from streams.setdefault(part.stream, _Stream()).take(part)
    for each in streams.values():
        yield from each.rest()


class _Stream:
    """What one environment has written so far."""

    def __init__(self) -> None:
        self._under_way: list[str] = []
        self._unfinished: list[Event] = []  # an error whose traceback is yet to come

    def take(self, part: Event) -> Iterator[Event]:
        """The events that are whole with one more part."""
        text = part.text
        if self._unfinished:
            if not text.startswith(_OWN_WORDS) and len(self._unfinished) < _MOST_LINES:
                self._unfinished.append(part)
                if _TRACEBACK in text:
                    yield from self.rest()
                return
            yield from self.rest()
        if _ERROR.match(text) and _TRACEBACK not in text:
            self._unfinished = [part]
        elif text.strip():
            event = self._with_request(part)
            if text.startswith("START ") and event.request_id:
                self._under_way.append(event.request_id)
            elif text.startswith("REPORT ") and event.request_id in self._under_way:
                self._under_way.remove(str(event.request_id))
            yield event

    def rest(self) -> Iterator[Event]:
        """What is not whole and will not be."""
        if self._unfinished:
            text = "\n".join(each.text for each in self._unfinished)
            first, self._unfinished = self._unfinished[0], []
            yield self._with_request(replace(first, text=text))

    def _with_request(self, event: Event) -> Event:
        named = None if _ERROR.match(event.text) else _REQUEST.search(event.text)
        alone = self._under_way[0] if len(self._under_way) == 1 else None
        return replace(event, request_id=named[1] if named else alone)


def failure(text: str) -> Failure | None:
    """The failure that an event tells of; None when it tells of none."""
    if text.startswith("{"):
        return _of_document(_document(text))
    if (timeout := _TIMEOUT.search(text)) and not _ERROR.match(text):
        return Failure(kind=TIMED_OUT, message=timeout[0].removeprefix(f"{TIMED_OUT} "))
    if died := _DIED.search(text):
        return Failure(kind="Runtime.ExitError", message=one_line(died["message"]))
    said, _, traceback = text.partition(_TRACEBACK)
    found = _ERROR.match(said)
    if found is None:
        return None
    return Failure(kind=found["kind"], message=one_line(found["message"] or ""), place=place(traceback))


def outcome(text: str) -> str | None:
    """How a use of the database ended, when the event is the handler's line of metrics."""
    if not text.startswith('{"_aws"'):
        return None
    said = _document(text).get("Outcome")
    return said if isinstance(said, str) else None


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


def _at(text: str) -> float | None:
    if text.startswith("{"):
        said = _document(text)
        if isinstance(said.get("_aws"), dict):
            stamp = said["_aws"].get("Timestamp")
            return stamp / 1000 if isinstance(stamp, int | float) else None
        stamp = said.get("timestamp") or said.get("time")
    else:
        found = _TIME.search(text)
        stamp = found[1] if found else None
    try:
        return datetime.fromisoformat(str(stamp)).replace(tzinfo=UTC).timestamp() if stamp else None
    except ValueError:
        return None


def _document(text: str) -> Mapping[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


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
