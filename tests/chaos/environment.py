"""One execution environment: the function's process, invoked, frozen and thawed as Lambda does it."""

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.supervisor.errors import LaptopError
from local.supervisor.processes import kill_group, plain_environment, start
from tests.chaos.verdict import Attempt, Told

_FUNCTION = Path(__file__).with_name("function.py")
_HANDLER = Path(__file__).resolve().parents[2] / "handler"
# What Lambda gives a function to load its module is 10 s; a machine full of servers that start may take longer.
_INIT_SECONDS = 30.0
# How much later than its limit an answer is still read: late is told apart from never.
_GRACE_SECONDS = 1.0


class Environment:
    """A process with the variables of a function, which is ready when this is made.

    Raises:
        LaptopError: it does not start.
    """

    def __init__(self, variables: Mapping[str, str], folder: Path) -> None:
        self._variables = {**plain_environment(), "PYTHONPATH": str(_HANDLER), **variables}
        self._folder = folder
        self.old_tokens = 0
        self._start()

    def invoke(self, event: Mapping[str, Any]) -> Attempt:
        """Run one invocation to its answer, or to the end that Lambda makes of one that gives none."""
        began = time.monotonic()
        limit = float(event["seconds"])
        self.begin(event)
        try:
            answer = self._answers.get(timeout=limit + _GRACE_SECONDS)
        except queue.Empty:
            answer = None
        seconds = time.monotonic() - began
        if answer is None:
            self.replace()
            return Attempt(number=event["number"], told=Told.NOTHING, seconds=seconds, limit=limit)
        self.old_tokens += answer["oldTokens"]
        return Attempt(
            number=answer["number"],
            told=Told(answer["told"]),
            seconds=seconds,
            limit=limit,
            error=answer.get("error", ""),
            text=answer.get("text", ""),
            runs=answer["runs"],
        )

    def begin(self, event: Mapping[str, Any]) -> None:
        """Begin an invocation, and wait for nothing."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: then no answer comes either
            self._process.stdin.write(json.dumps(event).encode() + b"\n")
            self._process.stdin.flush()

    def replace(self) -> None:
        """Kill it, and start another in its place."""
        self.end()
        self._start()

    def freeze(self) -> None:
        """Stop it, as between two invocations."""
        kill_group(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        kill_group(self._process.pid, signal.SIGCONT)

    def end(self) -> None:
        """Kill it."""
        kill_group(self._process.pid)
        self._process.wait()

    def _start(self) -> None:
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._process = start(
            [sys.executable, str(_FUNCTION)],
            environment=self._variables,
            folder=self._folder,
            output=subprocess.PIPE,
            as_server=False,
            stdin=subprocess.PIPE,
        )
        threading.Thread(target=self._read, args=(self._process, self._answers), daemon=True).start()
        with contextlib.suppress(queue.Empty):
            if self._answers.get(timeout=_INIT_SECONDS):
                return
        self.end()
        raise LaptopError(f"the function did not start within {_INIT_SECONDS:.0f} s; run it alone: {_FUNCTION}")

    @staticmethod
    def _read(process: "subprocess.Popen[bytes]", answers: "queue.Queue[dict[str, Any] | None]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"{"):  # else a warning of Python's own
                answers.put(json.loads(line))
        answers.put(None)  # it died
