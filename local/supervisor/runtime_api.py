"""Lambda's Runtime API for one execution environment, at a port of its own.

AWS's client takes `host:port` and nothing more (it reports init errors through a plain HTTPConnection), so the port is
what tells environments apart.
"""

import re
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

_PREFIX = "/2018-06-01/runtime/"
_ANSWER = re.compile(re.escape(_PREFIX) + r"invocation/(?P<id>[^/]+)/(?P<kind>response|error)")


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One invocation on its way to an environment; `deadline` in milliseconds since the epoch."""

    request_id: str
    payload: bytes
    deadline: int
    arn: str


class Worker(Protocol):
    """What the API needs of an environment."""

    def next_invocation(self, gone: Callable[[], bool]) -> Invocation | None:
        """Block until there is something to do; None when there never will be."""

    def answer(self, request_id: str | None, body: bytes, error: str | None) -> bool:
        """Take an answer, or (without request id) an init error; whether somebody waits for it."""


class RuntimeApi(ThreadingHTTPServer):
    """Serves one environment until `close`."""

    daemon_threads = True

    def __init__(self, address: str, worker: Worker) -> None:
        self.worker = worker
        super().__init__((address, 0), _Handler)
        self.endpoint = f"{address}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one segment: two would wait for a delayed ACK, 40 ms each.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: RuntimeApi

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}invocation/next":
            self._send(404, {}, b"")
            return
        invocation = self.server.worker.next_invocation(self._client_is_gone)
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
        }
        self._send(200, headers, invocation.payload)

    def do_POST(self) -> None:
        body = self._body()
        answer = _ANSWER.fullmatch(self.path)
        if self.path == f"{_PREFIX}init/error":
            self.server.worker.answer(None, body, "Init")
        elif answer:
            self.server.worker.answer(answer["id"], body, "Function" if answer["kind"] == "error" else None)
        self._send(202, {"Content-Type": "application/json"}, b'{"status":"OK"}')

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401 - the library's names
        """Silent: a function's log is its own."""

    def _client_is_gone(self) -> bool:
        waiting = select.poll()  # select() knows no file number above 1023
        waiting.register(self.connection, select.POLLIN)
        if not waiting.poll(0):
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
