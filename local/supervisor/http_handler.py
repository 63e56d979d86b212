"""How the laptop's HTTP servers answer, and whom they do not answer."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any, cast

# Digits in the length of a body, of which somebody who signed nothing may send one: Lambda takes 6 MB.
_LONGEST_LENGTH = 8


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open, says nothing in the log, and answers no page that a browser shows."""

    protocol_version = "HTTP/1.1"
    # Headers and body in one segment: two would wait for a delayed ACK, 40 ms each.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401 - the library's names
        """Silent: request lines would hide what matters."""

    def parse_request(self) -> bool:
        """Also refuse what was sent to another name, and what a page of another site sends.

        Any page may have its own name resolve to our address (DNS rebinding), and any may send a request there.
        Browsers say so in these headers; clients of AWS send none of them but Host.
        """
        if not super().parse_request():
            return False
        length = self.headers.get("Content-Length") or "0"
        if not (length.isascii() and length.isdigit() and len(length) <= _LONGEST_LENGTH):
            self._refuse(413, f"Content-Length is more than {_LONGEST_LENGTH} digits, or no number")
            return False
        own = "{}:{}".format(*cast("tuple[str, int]", self.server.server_address))
        sites = {*self.headers.get_all("Origin", [])} - {f"http://{own}"}
        sites |= {*self.headers.get_all("Sec-Fetch-Site", [])} - {"same-origin", "none"}
        if self.headers.get_all("Host") == [own] and not sites:
            return True
        self.body()
        self._refuse(403, f"this server is for programs of this machine that ask for {own}, not for pages of a browser")
        return False

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True
        self.send(
            status, {"Content-Type": "application/json"}, json.dumps({"error": message, "message": message}).encode()
        )

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
