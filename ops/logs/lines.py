"""How the events of a function's log are told: each with its time, its request, and the lines that it has. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ops.function_logs import TRACEBACK, Event, Kind, Requests, document, kind

_OF_METRICS = frozenset({"_aws", "FunctionName", "Proxy", "RequestId"})


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
class Reader:
    """Reads the events of one function in their order."""

    function: str
    _requests: Requests = field(default_factory=Requests)
    _in_traceback: set[str] = field(default_factory=set)

    def read(self, event: Mapping[str, Any]) -> Told:
        """One event of FilterLogEvents."""
        text, stream = str(event["message"]).replace("\r", "\n").rstrip(), str(event.get("logStreamName"))
        return Told(
            milliseconds=int(event["timestamp"]),
            function=self.function,
            request=self._requests.of(Event(text=text, stream=stream)).request_id or "",
            kind=self._kind(text, stream),
            lines=tuple(line for line in _words(text).split("\n") if line.strip()),
        )

    def _kind(self, text: str, stream: str) -> Kind:
        # What a function prints of an exception is one event per line: the indented ones, and the one that names it.
        continued = stream in self._in_traceback
        self._in_traceback.discard(stream)
        if text.endswith(TRACEBACK) or (continued and text[:1].isspace()):
            self._in_traceback.add(stream)
        return Kind.ERROR if continued else kind(text)


def _words(text: str) -> str:
    """A line of metrics by its values alone: the rest says to CloudWatch what they are."""
    said = document(text)
    if "_aws" not in said:
        return text
    return "metrics " + " ".join(f"{name}={value}" for name, value in said.items() if name not in _OF_METRICS)
