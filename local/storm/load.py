"""The load of a storm: many execution environments in few processes, each with the real handler and a pool of its own.

Runs under the same isolation as a function (`python -S`, the function's package, nothing of this project), so it uses
the standard library only. An environment that opens several connections is several copies of the handler's modules:
nothing is shared, as between environments on Lambda. Reads one JSON line of settings, prints a JSON line of progress
ten times a second and one of results per process, and keeps its connections open until its standard input ends, as idle
environments do.
"""

import ctypes
import importlib
import json
import logging
import mmap
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Handler = Callable[[dict[str, Any], Any], object]
# Reserved, not used. With 256 KiB processes of the load crashed now and then; that this was the reason is not shown.
_THREAD_STACK_BYTES = 1024 * 1024
_TICK_SECONDS = 0.1
_LOOK_SECONDS = 0.02
# When not even the last client has had an answer by then, the sustained part begins without it.
_COLD_SECONDS = 30.0
# So many clients start at the same moment; of more, so many every second, for one machine makes
# both ends of each handshake. Lambda itself starts no more than 1,000 environments of a function in 10 s.
_AT_ONCE, _PER_SECOND = 1000, 400
_NEVER = float("inf")
# What PostgreSQL and RDS Proxy say when they are at a limit.
_KNOWN_FAILURES = (
    "too many clients already",
    "remaining connection slots are reserved",
    "Timed-out waiting",
    "maximum number of client connections",
    "Connection refused",
    "timeout expired",
    "did not answer within",
    "server closed the connection",
)


class Context:
    """Lambda's context, as far as the handler asks it."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"
    function_name = "storm"

    def __init__(self, timeout: float) -> None:
        self._ends = time.monotonic() + timeout

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return max(0, int((self._ends - time.monotonic()) * 1000))


class Times(ctypes.Structure):
    """On the monotonic clock: when the clients begin, when the cold start is over, when the last request may begin."""

    _fields_ = (("start", ctypes.c_double), ("sustain", ctypes.c_double), ("end", ctypes.c_double))


class Board:
    """What all processes see, in memory that they share: when to begin and to end, and how far each client is."""

    def __init__(self, clients: int) -> None:
        head = ctypes.sizeof(Times)
        memory = mmap.mmap(-1, head + 8 * 3 * clients)
        self.times = Times.from_buffer(memory)
        self.times.start = self.times.sustain = self.times.end = _NEVER
        # One slot per client: nobody writes where another does.
        each = ctypes.c_int64 * clients
        self.loaded, self.served, self.failed = (
            each.from_buffer(memory, head + 8 * clients * part) for part in range(3)
        )

    def begun(self) -> int:
        """Clients that have had an answer, good or bad."""
        return sum(good + bad > 0 for good, bad in zip(self.served, self.failed, strict=True))


def fresh_handler(name: str) -> Handler:
    """The handler out of modules of its own, as a new execution environment loads them."""
    module, function = name.rsplit(".", 1)
    folder = str(Path.cwd())
    for loaded in list(sys.modules):
        file = getattr(sys.modules[loaded], "__file__", None) or ""
        # The driver is shared code without state of ours; the function's own modules hold the pool.
        if file.startswith(f"{folder}/") and loaded.split(".")[0] in (module, "rds_connection"):
            del sys.modules[loaded]
    found: Handler = getattr(importlib.import_module(module), function)
    return found


def describe(error: BaseException) -> str:
    """A short name for a failure, so that equal ones are counted together."""
    text = " ".join(str(error).split())
    for words in _KNOWN_FAILURES:
        if words in text:
            return words
    # The end of the sentence is the reason; its beginning names hosts.
    return f"{type(error).__name__}: {text.rsplit(': ', 1)[-1]}"


class Signals:
    """Where the threads of a process wait for the board: one thread looks, for a thousand that look are a load too."""

    def __init__(self, board: Board) -> None:
        self.start = threading.Event()
        self.sustain = threading.Event()
        threading.Thread(target=self._open, args=(board,), daemon=True).start()

    def _open(self, board: Board) -> None:
        while board.times.start == _NEVER:
            time.sleep(_LOOK_SECONDS)
        self.start.set()
        while board.times.sustain == _NEVER:
            time.sleep(_LOOK_SECONDS)
        self.sustain.set()


class Client:
    """One connection's worth of an environment: invokes again and again, and notes what it got."""

    def __init__(self, number: int, handler: Handler, board: Board, signals: Signals, timeout: float) -> None:
        self._number = number
        self._handler = handler
        self._board = board
        self._signals = signals
        self._timeout = timeout
        self.served_at: list[float] = []
        self.latencies: list[float] = []
        self.errors: dict[str, int] = {}
        self.texts: dict[str, str] = {}

    def run(self) -> None:
        """The cold start with everyone else, then invoke until the end."""
        board, signals = self._board, self._signals
        signals.start.wait()
        start = board.times.start
        time.sleep(max(0.0, start + starts_after(self._number) - time.monotonic()))
        self._invoke(start)
        signals.sustain.wait()
        while time.monotonic() < board.times.end:
            self._invoke(start)

    def _invoke(self, start: float) -> None:
        began = time.monotonic()
        try:
            self._handler({}, Context(self._timeout))
        except Exception as error:  # every way to fail is what a storm counts
            label = describe(error)
            self.errors[label] = self.errors.get(label, 0) + 1
            self.texts.setdefault(label, f"{type(error).__name__}: {error}")
            self._board.failed[self._number] += 1
        else:
            ended = time.monotonic()
            self.served_at.append(round(ended - start, 3))
            self.latencies.append(round((ended - began) * 1000, 3))
            self._board.served[self._number] += 1


def starts_after(number: int) -> float:
    """Seconds after the start at which a client begins."""
    return max(0, number - _AT_ONCE + 1) / _PER_SECOND


def run_process(order: dict[str, Any], numbers: range, board: Board) -> tuple[list[Client], dict[str, Any]]:
    """All clients of one process, as threads: the clients, which keep their connections, and what they measured."""
    clients = []
    signals = Signals(board)
    for number in numbers:
        clients.append(Client(number, fresh_handler(order["handler"]), board, signals, order["timeout"]))
        board.loaded[number] = 1
    threading.stack_size(_THREAD_STACK_BYTES)
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors: dict[str, int] = {}
    for client in clients:
        for label, count in client.errors.items():
            errors[label] = errors.get(label, 0) + count
    return clients, {
        "servedAt": [at for client in clients for at in client.served_at],
        "latencies": [latency for client in clients for latency in client.latencies],
        "errors": errors,
        "texts": {label: text for client in clients for label, text in client.texts.items()},
        "medians": [statistics.median(client.latencies) for client in clients if client.latencies],
        "neverServed": sum(not client.latencies for client in clients),
    }


def conduct(board: Board, seconds: float) -> None:
    """Start all clients together once they are loaded, see them all begun, sustain that, and tell of it."""

    def tell(stage: str) -> None:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:  # what it says of the reason, if it can, stands in its traceback
            sys.exit(f"a process ended with status {status}" if os.WIFSIGNALED(status) else 1)
        now = time.monotonic()
        done = board.begun()
        passed = now - board.times.start if board.times.start != _NEVER else -1.0
        line = {
            "stage": stage,
            "seconds": round(passed, 2),
            "begun": sum(board.loaded) if stage == "loading" else done,
            "served": sum(board.served),
            "failed": sum(board.failed),
        }
        print(json.dumps(line), flush=True)

    while not all(board.loaded):
        tell("loading")
        time.sleep(_TICK_SECONDS)
    board.times.start = start = time.monotonic() + 3 * _TICK_SECONDS
    clients = len(board.loaded)
    latest = start + starts_after(clients - 1) + _COLD_SECONDS
    while board.begun() < clients and time.monotonic() < latest:
        tell("cold")
        time.sleep(_TICK_SECONDS)
    cold = max(0.0, time.monotonic() - start)
    board.times.end = start + cold + seconds
    board.times.sustain = start + cold
    while time.monotonic() < board.times.end:
        tell("sustained")
        time.sleep(_TICK_SECONDS)
    print(json.dumps({"coldSeconds": round(cold, 3)}), flush=True)


def main() -> None:
    """Fork the processes, conduct them, collect what they measured, and hold still until standard input ends."""
    order = json.loads(sys.stdin.readline())
    # On Lambda the environments have machines of their own; here a thousand threads must not starve the servers.
    os.nice(19)
    logging.disable()  # thousands of refused connections, each told in a line, are not what is measured
    sys.path.insert(0, str(Path.cwd()))
    fresh_handler(order["handler"])  # the driver is loaded once, before the fork
    board = Board(sum(order["clients"]))
    pipes = []
    first = 0
    for count in order["clients"]:
        reader, writer = os.pipe()
        numbers = range(first, first + count)
        first += count
        if os.fork() == 0:
            os.close(reader)
            kept, found = run_process(order, numbers, board)
            with os.fdopen(writer, "w") as stream:
                json.dump(found, stream)
            sys.stdin.read()
            del kept
            os._exit(0)
        os.close(writer)
        pipes.append(reader)
    conduct(board, order["seconds"])
    for reader in pipes:
        with os.fdopen(reader) as stream:
            print(stream.read(), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
