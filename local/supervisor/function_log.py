"""The log of a function: what its environments print, between the lines that Lambda itself writes."""

import os
import select
import threading
from pathlib import Path
from typing import IO

from .log_events import append

# What Lambda sends back of an invocation's log with LogType=Tail.
_TAIL_BYTES = 4096
_CHUNK = 65_536


class EnvironmentLog:
    """The output of one environment on its way to the function's files, line by line, as events of its log stream."""

    def __init__(self, file: Path, stream: str, output: IO[bytes]) -> None:
        self._file = file
        self._stream = stream
        self._output = output
        self._lock = threading.Lock()
        self._unfinished = b""
        self._tail = bytearray()
        os.set_blocking(output.fileno(), False)
        threading.Thread(target=self._follow, daemon=True).start()

    def begin(self, line: str) -> None:
        """Begin the log of an invocation."""
        with self._lock:
            self._drain()
            self._tail.clear()
            self._write_line(line)

    def add(self, line: str) -> None:
        """Write a line of Lambda's own after all that the environment has printed so far."""
        with self._lock:
            self._drain()
            self._write_line(line)

    def tail(self) -> bytes:
        """The last 4 KB since the invocation began."""
        with self._lock:
            self._drain()
            return bytes(self._tail)

    def _follow(self) -> None:
        """Take what comes while nobody asks: a full pipe would stop the function."""
        waiting = select.poll()
        waiting.register(self._output, select.POLLIN)
        more = True
        while more:
            waiting.poll()
            with self._lock:
                more = self._drain()

    def _drain(self) -> bool:
        """Take all that is in the pipe; False at its end."""
        while not self._output.closed:
            try:
                data = os.read(self._output.fileno(), _CHUNK)
            except BlockingIOError:
                return True
            if not data:
                self._output.close()
                break
            # Other environments write into the same file: whole lines only.
            lines, newline, self._unfinished = (self._unfinished + data).rpartition(b"\n")
            self._write(lines + newline)
        return False

    def _write_line(self, line: str) -> None:
        if self._unfinished:
            self._write(self._unfinished + b"\n")
            self._unfinished = b""
        self._write(f"{line}\n".encode())

    def _write(self, data: bytes) -> None:
        if data:
            self._tail += data
            del self._tail[:-_TAIL_BYTES]
            append(self._file, self._stream, data)
