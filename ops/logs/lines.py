"""How the events of a function's log are told: each with its time, its request, and the lines that it has. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ops.function_logs import TRACEBACK, Event, Kind, Requests, condensed, kind

_SUMS_UP = ("metrics ", "INIT_REPORT ")


@dataclass(frozen=True, kw_only=True)
class Told:
    """One event as it is told: `request` is its invocation's id, or nothing where it belongs to none."""

    milliseconds: int
    function: str
    request: str
    kind: Kind
    lines: tuple[str, ...]
    stream: str = ""

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
            lines=tuple(line for line in condensed(text).split("\n") if line.strip()),
            stream=stream,
        )

    def _kind(self, text: str, stream: str) -> Kind:
        # What a function prints of an exception is one event per line: the indented ones, and the one that names it.
        continued = stream in self._in_traceback
        self._in_traceback.discard(stream)
        if text.endswith(TRACEBACK) or (continued and text[:1].isspace()):
            self._in_traceback.add(stream)
        return Kind.ERROR if continued else kind(text)


def errors_alone(found: Iterable[Told]) -> Iterator[Told]:
    """The errors; what sums a failure up, metrics or INIT_REPORT, only where nothing else has told of it.

    Metrics come before the error that they count, and INIT_REPORT after it.
    """
    told, held = set[tuple[str, str]](), dict[tuple[str, str], Told]()
    for each in found:
        stream = (each.function, each.stream)
        if each.kind is not Kind.ERROR:
            if each.kind is Kind.PLATFORM:  # another invocation, or the end of this one
                told.discard(stream)
                yield from filter(None, [held.pop(stream, None)])
        elif not each.lines[0].startswith(_SUMS_UP):
            told.add(stream)
            held.pop(stream, None)
            yield each
        elif stream not in told:
            held[stream] = each
    yield from held.values()
