"""What the lines of a function's log are: of which request, whether an error, how they are told. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any

_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_OWN = re.compile(rf"(START|END|REPORT) RequestId: ({_ID})")
_NAMED = re.compile(rf"(?:RequestId: |\t|^\S+Z )({_ID})\b")
_PLATFORM = re.compile(r"(INIT_START|INIT_REPORT|START|END|REPORT|XRAY|EXTENSION) ")
_ERROR = re.compile(
    r"\[(ERROR|CRITICAL|FATAL)\]|Traceback \(most recent call last\):|Task timed out after [\d.]+ s|"
    r"Error: Runtime exited|Runtime exited with error|INIT_REPORT .*Status: "
)
_TRACEBACK = "Traceback (most recent call last):"
_LEVELS = frozenset({"ERROR", "CRITICAL", "FATAL"})
_OF_METRICS = frozenset({"_aws", "FunctionName", "Proxy", "RequestId"})


class Kind(Enum):
    """What a line is, by which it is coloured and chosen."""

    ERROR = "error"
    PLATFORM = "platform"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event as it is told: `request` is its invocation's id, or nothing where it belongs to none."""

    milliseconds: int
    function: str
    request: str
    kind: Kind
    lines: tuple[str, ...]

    @property
    def time(self) -> str:
        """When, to the millisecond, in UTC."""
        return datetime.fromtimestamp(self.milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@dataclass
class _Stream:
    """What is known of one log stream so far: an execution environment runs one invocation at a time."""

    request: str = ""
    in_traceback: bool = False


@dataclass
class Reader:
    """Reads the events of one function in their order."""

    function: str
    _streams: dict[str, _Stream] = field(default_factory=dict)

    def read(self, event: Mapping[str, Any]) -> Told:
        """One event of FilterLogEvents."""
        text = str(event["message"]).replace("\r", "\n").rstrip()
        stream = self._streams.setdefault(str(event.get("logStreamName")), _Stream())
        document = _document(text)
        stream.request = _request(text, document) or stream.request
        told = Told(
            milliseconds=int(event["timestamp"]),
            function=self.function,
            request=stream.request,
            kind=_kind(text, document, stream),
            lines=tuple(line for line in _words(text, document).split("\n") if line.strip()),
        )
        if text.startswith("REPORT ") or (document or {}).get("type") == "platform.report":
            stream.request = ""
        return told


def _document(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _request(text: str, document: dict[str, Any] | None) -> str:
    """The id that a line names: of Lambda's own, of Python's logging, or of JSON."""
    if document is not None:
        record = document.get("record")
        inner = record if isinstance(record, dict) else document
        return str(inner.get("requestId") or inner.get("RequestId") or inner.get("aws_request_id") or "")
    own = _OWN.match(text)
    if own:
        return own[2]
    named = _NAMED.search(text)
    return named[1] if named else ""


def _kind(text: str, document: dict[str, Any] | None, stream: _Stream) -> Kind:
    if document is not None:
        failed = str(document.get("level")).upper() in _LEVELS or "errorMessage" in document
        failed = failed or ("_aws" in document and document.get("Outcome", "ok") != "ok")
        platform = str(document.get("type")).startswith("platform.")
        return Kind.ERROR if failed else Kind.PLATFORM if platform else Kind.OTHER
    # What a function prints of an exception is one event per line: the indented ones, and the one that names it.
    continued, stream.in_traceback = stream.in_traceback, False
    if (_TRACEBACK in text and text.rstrip().endswith(_TRACEBACK)) or (continued and text[:1].isspace()):
        stream.in_traceback = True
    if continued or _ERROR.search(text):
        return Kind.ERROR
    return Kind.PLATFORM if _PLATFORM.match(text) else Kind.OTHER


def _words(text: str, document: dict[str, Any] | None) -> str:
    """A line of metrics by its values alone: the rest says to CloudWatch what they are."""
    if document is None or "_aws" not in document:
        return text
    return "metrics " + " ".join(f"{name}={value}" for name, value in document.items() if name not in _OF_METRICS)
