"""The events of a function's log: each line with its time and its log stream, in a file beside the text.

Records of one length, in order: who looks for a time need not read the text. What was written before there were such
files is in no event.
"""

import struct
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# Where a line begins in the text and how long it is, its time in milliseconds, and its stream's day and random part.
_RECORD = struct.Struct("<QIQI16s")
# Environments of one function write into the same files.
_writing = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class LogEvent:
    """One line; `number` is its place among all of the function's."""

    number: int
    milliseconds: int
    stream: str
    message: str


def stream_name(day: str, token: str) -> str:
    """A log stream as Lambda names it: the day as 20261231, 32 hexadecimal digits."""
    return f"{day[:4]}/{day[4:6]}/{day[6:]}/[$LATEST]{token}"


def append(log: Path, stream: str, data: bytes) -> None:
    """Write whole lines to a log, and when they came and from where."""
    day, token = stream.split("/[$LATEST]")
    now, records = time.time_ns() // 1_000_000, bytearray()
    with _writing, log.open("ab") as text, index(log).open("ab") as events:
        start = text.tell()
        for line in data.split(b"\n"):
            if line.strip():
                records += _RECORD.pack(start, len(line) + 1, now, int(day.replace("/", "")), bytes.fromhex(token))
            start += len(line) + 1
        text.write(data)
        text.flush()
        # A full disk or a kill may have left part of a record, after which none could be read.
        events.truncate(events.tell() // _RECORD.size * _RECORD.size)
        events.write(records)


def index(log: Path) -> Path:
    """The file beside a log that says when its lines came."""
    return log.with_suffix(".events")


class LogEvents:
    """The events of a log as they are now; each is read when it is asked for."""

    def __init__(self, log: Path) -> None:
        self._log = log
        file = index(log)
        self._records = file.read_bytes() if file.exists() else b""

    def __len__(self) -> int:
        return len(self._records) // _RECORD.size

    def milliseconds(self, number: int) -> int:
        """When an event came."""
        return int(_RECORD.unpack_from(self._records, number * _RECORD.size)[2])

    def stream(self, number: int) -> str:
        """The log stream of an event."""
        _, _, _, day, token = _RECORD.unpack_from(self._records, number * _RECORD.size)
        return stream_name(str(day), token.hex())

    def read(self, numbers: Iterable[int]) -> Iterator[LogEvent]:
        """Those events, with their text."""
        if not self._records:
            return
        with self._log.open("rb") as text:
            for number in numbers:
                start, length, milliseconds, _, _ = _RECORD.unpack_from(self._records, number * _RECORD.size)
                text.seek(start)
                # As Lambda hands it on: an error's lines are lines.
                message = text.read(length).decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
                yield LogEvent(number=number, milliseconds=milliseconds, stream=self.stream(number), message=message)
