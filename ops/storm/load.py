"""The load of a storm: many execution environments in few processes, each with the real handler and a pool of its own.

Runs under the same isolation as a function (`python -S`, the function's package, nothing of this project), so it uses
the standard library only. An environment that opens several connections is several copies of the handler's modules:
nothing is shared, as between environments on Lambda. Reads one JSON line of settings, prints one JSON line of results
per process, and keeps its connections open until its standard input ends, as idle environments do.
"""

import importlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Handler = Callable[[dict[str, Any], Any], object]
_THREAD_STACK_BYTES = 256 * 1024
# What PostgreSQL, PgBouncer and RDS Proxy say when they are at a limit.
_KNOWN_FAILURES = (
    "too many clients already",
    "remaining connection slots are reserved",
    "query_wait_timeout",
    "Timed-out waiting",
    "no more connections allowed",
    "Connection refused",
    "timeout expired",
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


def invoke_until(handler: Handler, *, start: float, end: float, timeout: float, results: dict[str, Any]) -> None:
    """One client: invoke again and again, and note how long it took or what went wrong."""
    time.sleep(max(0.0, start - time.time()))
    latencies: list[float] = results["latencies"]
    errors: dict[str, int] = results["errors"]
    while time.time() < end:
        began = time.perf_counter()
        try:
            handler({}, Context(timeout))
        except Exception as error:  # every way to fail is what a storm counts
            label = describe(error)
            errors[label] = errors.get(label, 0) + 1
        else:
            latencies.append(round((time.perf_counter() - began) * 1000, 3))


def describe(error: BaseException) -> str:
    """A short name for a failure, so that equal ones are counted together."""
    text = " ".join(str(error).split())
    for words in _KNOWN_FAILURES:
        if words in text:
            return words
    # The end of the sentence is the reason; its beginning names hosts.
    return f"{type(error).__name__}: {text.rsplit(': ', 1)[-1][:60]}"


def run_process(settings: dict[str, Any], clients: int) -> dict[str, Any]:
    """All clients of one process, as threads; they wait for each other's start and end together."""
    handlers = [fresh_handler(settings["handler"]) for _ in range(clients)]
    threading.stack_size(_THREAD_STACK_BYTES)
    results: list[dict[str, Any]] = [{"latencies": [], "errors": {}} for _ in handlers]
    threads = [
        threading.Thread(
            target=invoke_until,
            args=(handler,),
            kwargs={key: settings[key] for key in ("start", "end", "timeout")} | {"results": result},
        )
        for handler, result in zip(handlers, results, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors: dict[str, int] = {}
    for result in results:
        for label, count in result["errors"].items():
            errors[label] = errors.get(label, 0) + count
    settings["keep"].append(handlers)  # their connections stay open, as those of idle environments do
    return {
        "latencies": [value for result in results for value in result["latencies"]],
        "errors": errors,
        "neverServed": sum(not result["latencies"] for result in results),
    }


def main() -> None:
    """Fork the processes, collect what they measured, and hold still until standard input ends."""
    settings = json.loads(sys.stdin.readline())
    logging.disable()  # thousands of refused connections, each told in a line, are not what is measured
    sys.path.insert(0, str(Path.cwd()))
    fresh_handler(settings["handler"])  # the driver is loaded once, before the fork
    pipes = []
    for clients in settings["clients"]:
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.close(reader)
            settings["keep"] = []
            with os.fdopen(writer, "w") as stream:
                json.dump(run_process(settings, clients), stream)
            sys.stdin.read()
            os._exit(0)
        os.close(writer)
        pipes.append(reader)
    for reader in pipes:
        with os.fdopen(reader) as stream:
            print(stream.read(), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
