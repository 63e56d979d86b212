"""How the laptop's HTTP servers answer."""

from http.server import BaseHTTPRequestHandler
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open, and says nothing in the log."""

    protocol_version = "HTTP/1.1"
    # Headers and body in one segment: two would wait for a delayed ACK, 40 ms each.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401 - the library's names
        """Silent: request lines would hide what matters."""

    def body(self) -> bytes:
        """What the client sent, by its stated length."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
