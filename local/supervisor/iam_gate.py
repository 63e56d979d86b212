"""The door of an `iam` proxy: ends TLS, checks the client's token, and relays to PgBouncer's private port.

No pooler takes an IAM token of more than a kilobyte as a password. `python -m local.supervisor.iam_gate FILE` serves
one proxy; SIGHUP reads the file again. The file (0600) holds the passwords that PgBouncer asks for.
"""

import asyncio
import json
import signal
import ssl
import struct
import sys
from pathlib import Path
from typing import Any

from .iam_tokens import Door, Principal, refusal

_SSL_REQUEST, _GSS_REQUEST, _CANCEL_REQUEST = 80877103, 80877104, 80877102
_LONGEST_PACKET = 10_000
_LOGIN_SECONDS = 15.0
_CHUNK = 64 * 1024


class Refusal(Exception):  # noqa: N818 - what is sent to the client, not a fault of ours
    """A login that ends here: SQLSTATE and message."""

    def __init__(self, state: str, message: str) -> None:
        super().__init__(message)
        self.state = state


class Gate:
    """Serves one proxy."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.read()

    def read(self) -> None:
        """Take the settings from the file."""
        self.settings: dict[str, Any] = json.loads(self._file.read_text())
        self._door = Door(**self.settings["door"])
        self._principals = {key: Principal(**each) for key, each in self.settings["principals"].items()}

    async def serve(self) -> None:
        """Serve until ended."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.settings["certificate"], self.settings["key"])
        self._context = context
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self.read)
        server = await asyncio.start_server(
            self._client, self.settings["address"], self.settings["port"], backlog=1024, limit=_CHUNK
        )
        async with server:
            await server.serve_forever()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_LOGIN_SECONDS):
                upstream = await self._log_in(reader, writer)
            await self._relay(reader, writer, *upstream)
        except Refusal as refused:
            writer.write(_error(refused.state, str(refused)))
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError):
            pass  # the other side went away, or never spoke
        finally:
            writer.close()

    async def _log_in(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Bring a client as far as a connection to the pooler that waits for it."""
        packet = await _packet(reader)
        while _code(packet) == _GSS_REQUEST:
            writer.write(b"N")
            packet = await _packet(reader)
        if _code(packet) != _SSL_REQUEST:
            raise Refusal("28000", "IAM authentication is allowed only with SSL connections.")
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(self._context)
        startup = await _packet(reader)
        if _code(startup) == _CANCEL_REQUEST:
            raise Refusal("0A000", "RDS Proxy does not support cancel requests.")
        user = _parameters(startup).get("user", "")
        writer.write(b"R" + struct.pack("!ii", 8, 3))  # a password, please: that is what a token is sent as
        password = await _message(reader, b"p")
        self._check(user, password.rstrip(b"\0").decode(errors="replace"))
        return await self._to_pooler(startup, user)

    def _check(self, user: str, password: str) -> None:
        if user not in self.settings["passwords"]:
            raise Refusal("28000", f"This RDS proxy has no credentials for the role {user}.")
        reason = refusal(password, user, self._door, self._principals)
        if reason is not None:
            raise Refusal("28P01", f"The IAM authentication failed for the role {user}: {reason}.")

    async def _to_pooler(self, startup: bytes, user: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(
            self.settings["address"], self.settings["pooler_port"], limit=_CHUNK
        )
        writer.write(startup)
        await _message(reader, b"R")  # PgBouncer asks for the password of the secret
        word = self.settings["passwords"][user].encode() + b"\0"
        writer.write(b"p" + struct.pack("!i", len(word) + 4) + word)
        return reader, writer

    @staticmethod
    async def _relay(
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pooler_reader: asyncio.StreamReader,
        pooler_writer: asyncio.StreamWriter,
    ) -> None:
        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(_CHUNK):
                sink.write(data)
                await sink.drain()

        copies = [asyncio.create_task(copy(reader, pooler_writer)), asyncio.create_task(copy(pooler_reader, writer))]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in copies:
                task.cancel()
            pooler_writer.close()


async def _packet(reader: asyncio.StreamReader) -> bytes:
    """A packet without a type: length, code, rest."""
    head = await reader.readexactly(4)
    return head + await reader.readexactly(_length(head) - 4)


async def _message(reader: asyncio.StreamReader, kind: bytes) -> bytes:
    """The body of a message that must be of a kind."""
    head = await reader.readexactly(5)
    body = await reader.readexactly(_length(head[1:]) - 4)
    if head[:1] != kind:
        raise Refusal("08P01", "an unexpected message came before the login was done.")
    return body


def _length(head: bytes) -> int:
    (length,) = struct.unpack("!i", head)
    if not 4 <= length <= _LONGEST_PACKET:
        raise Refusal("08P01", "invalid length of a packet.")
    return int(length)


def _code(packet: bytes) -> int:
    return int(struct.unpack("!i", packet[4:8])[0]) if len(packet) >= 8 else 0


def _parameters(startup: bytes) -> dict[str, str]:
    words = startup[8:].split(b"\0")
    return {name.decode(): value.decode() for name, value in zip(words[::2], words[1::2], strict=False) if name}


def _error(state: str, message: str) -> bytes:
    body = b"".join(kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", state), (b"M", message)))
    return b"E" + struct.pack("!i", len(body) + 5) + body + b"\0"


if __name__ == "__main__":
    asyncio.run(Gate(Path(sys.argv[1])).serve())
