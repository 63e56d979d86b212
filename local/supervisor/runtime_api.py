"""Lambda's Runtime API for one execution environment, at a port of its own.

AWS's client takes `host:port` and nothing more (it reports init errors through a plain HTTPConnection), so the port is
what tells environments apart.
"""

# ruff: noqa: N802 - the library's names
import json
import os
import re
import select
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path

from .http_handler import Handler

_PREFIX = "/2018-06-01/runtime/"
# Bytes of an answer, and what Lambda says of more to the caller and to the runtime's client: AWS's Runtime Interface
# Emulator, lambda/interop/model.go (6 MiB and 100) and lambda/rapi/rendering; the caller's words as Lambda has them now
# (aws-lambda-dotnet, CustomRuntimeTests.cs).
LARGEST_ANSWER = 6 * 1024 * 1024 + 100
# The kind of error that an answer became which the client was told we do not take.
REFUSED = "Refused"
_TOO_LARGE = {
    "errorType": "Function.ResponseSizeTooLarge",
    "errorMessage": f"Response payload size exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes).",
}
_REFUSED = {
    "errorMessage": f"Exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes).",
    "errorType": "RequestEntityTooLarge",
}
# Connections that come and go meanwhile may hide one from who reads the list.
_LOOKS = 3
_ANSWER = re.compile(re.escape(_PREFIX) + r"invocation/(?P<id>[^/]+)/(?P<kind>response|error)")


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One invocation on its way to an environment; `deadline` in milliseconds since the epoch."""

    request_id: str
    payload: bytes
    deadline: int
    arn: str


Next = Callable[[Callable[[], bool]], Invocation | None]
"""Blocks until there is something to do; None when there never will be, such as when the client is gone."""
Answered = Callable[[str | None, bytes, str | None], None]
"""Takes an answer to a request by its id, or (without id) an init error: body and kind of error."""


class RuntimeApi(ThreadingHTTPServer):
    """Serves one environment until `close`."""

    daemon_threads = True

    def __init__(self, address: str, next_invocation: Next, answered: Answered) -> None:
        self.next_invocation = next_invocation
        self.answered = answered
        super().__init__((address, 0), _Handler)
        self.endpoint = f"{address}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()

    def verify_request(self, request: object, client_address: tuple[str, int]) -> bool:  # noqa: ARG002
        """Serve our own account alone: AWS's client has nothing else to prove that it is the environment."""
        here = (str(self.server_address[0]), int(self.server_address[1]))
        return any(_account_at(client_address, here) == os.geteuid() for _ in range(_LOOKS))

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()


def _account_at(there: tuple[str, int], here: tuple[str, int]) -> int | None:
    """The account of the socket at the other end of a connection, by proc_net_tcp(5); None when it is not listed.

    One that is closing is not taken: the kernel lists it as root's.
    """
    sought = [_listed(there), _listed(here), "01"]
    for line in Path("/proc/net/tcp").read_text().splitlines():
        fields = line.split()
        if fields[1:4] == sought:
            return int(fields[7])
    return None


def _listed(address: tuple[str, int]) -> str:
    return f"{int.from_bytes(socket.inet_aton(address[0]), sys.byteorder):08X}:{address[1]:04X}"


class _Handler(Handler):
    server: RuntimeApi

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}invocation/next":
            self.send(404, {}, b"")
            return
        invocation = self.server.next_invocation(self._client_is_gone)
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
        self.send(200, headers, invocation.payload)

    def do_POST(self) -> None:
        body = self.body()
        answer = _ANSWER.fullmatch(self.path)
        if self.path == f"{_PREFIX}init/error":
            self.server.answered(None, body, "Init")
        elif answer and answer["kind"] == "response" and len(body) > LARGEST_ANSWER:
            self.server.answered(answer["id"], json.dumps(_TOO_LARGE).encode(), REFUSED)
            self.send(413, {"Content-Type": "application/json"}, json.dumps(_REFUSED).encode())
            return
        elif answer:
            self.server.answered(answer["id"], body, "Function" if answer["kind"] == "error" else None)
        self.send(202, {"Content-Type": "application/json"}, b'{"status":"OK"}')

    def _client_is_gone(self) -> bool:
        waiting = select.poll()  # select() knows no file number above 1023
        waiting.register(self.connection, select.POLLIN)
        if not waiting.poll(0):
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def body(self) -> bytes:
        """What the client sent, in one piece or chunked."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return super().body()
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)
