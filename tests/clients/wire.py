"""A client that says what it is told to, byte by byte. The database's protocol: PostgreSQL 15, chapter 55."""

import contextlib
import socket
import struct
from collections.abc import Mapping
from typing import Any

import psycopg

_SECONDS = 120.0
_CHUNK_BYTES = 1 << 16
Answer = tuple[bytes, bytes]
"""The kind of a message, and what is in it."""


def message(kind: bytes, body: bytes = b"") -> bytes:
    """One message of a client."""
    return kind + struct.pack("!i", len(body) + 4) + body


def query(text: str) -> bytes:
    """A statement, by the simple protocol."""
    return message(b"Q", text.encode() + b"\0")


def parse(name: str, text: str) -> bytes:
    """Prepare a statement; the empty name is the unnamed one."""
    return message(b"P", name.encode() + b"\0" + text.encode() + b"\0\0\0")


def bind(name: str, *values: bytes) -> bytes:
    """Make the unnamed portal of a statement, values and results as text."""
    packed = b"".join(struct.pack("!i", len(value)) + value for value in values)
    return message(b"B", b"\0" + name.encode() + b"\0\0\0" + struct.pack("!h", len(values)) + packed + b"\0\0")


def describe(name: str) -> bytes:
    """Ask what a statement takes and gives."""
    return message(b"D", b"S" + name.encode() + b"\0")


def close(name: str) -> bytes:
    """Forget a statement."""
    return message(b"C", b"S" + name.encode() + b"\0")


EXECUTE = message(b"E", b"\0\0\0\0\0")
SYNC = message(b"S")
FLUSH = message(b"H")
TERMINATE = message(b"X")
COPY_DONE = message(b"c")


def copy_data(data: bytes) -> bytes:
    """Rows of a COPY."""
    return message(b"d", data)


def copy_fail(why: str) -> bytes:
    """End a COPY without success."""
    return message(b"f", why.encode() + b"\0")


class Wire:
    """A client that is logged in. psycopg logs in, without TLS; from then on its socket is ours alone."""

    def __init__(self, at: Mapping[str, str]) -> None:
        self._login: psycopg.Connection[Any] = psycopg.connect(
            host=at["PGHOST"],
            port=at["PGPORT"],
            user=at["PGUSER"],
            password=at["PGPASSWORD"],
            dbname=at["PGDATABASE"],
            sslmode="disable",
        )
        self.socket = socket.socket(fileno=socket.dup(self._login.fileno()))
        self.socket.settimeout(_SECONDS)
        self._read = bytearray()

    def send(self, *messages: bytes) -> None:
        """Say something, and do not wait for the answer."""
        self.socket.sendall(b"".join(messages))

    def ask(self, *messages: bytes) -> list[Answer]:
        """Say something that has one ReadyForQuery: all answers up to it."""
        self.send(*messages)
        return self.until(b"Z")

    def rows(self, *messages: bytes) -> list[list[bytes | None]]:
        """The rows of the answers.

        Raises:
            AssertionError: it was refused.
        """
        answers = self.ask(*messages)
        refused = [fields(body) for kind, body in answers if kind == b"E"]
        assert not refused, refused
        return [_values(body) for kind, body in answers if kind == b"D"]

    def refusal(self, *messages: bytes) -> dict[str, str]:
        """The fields of the one error among the answers."""
        (found,) = [fields(body) for kind, body in self.ask(*messages) if kind == b"E"]
        return found

    def until(self, kind: bytes) -> list[Answer]:
        """All answers up to one of a kind."""
        answers = [self.next()]
        while answers[-1][0] != kind:
            answers.append(self.next())
        return answers

    def next(self) -> Answer:
        """The next answer.

        Raises:
            EOFError: the other side has gone.
        """
        kind, length = struct.unpack("!ci", self._exactly(5))
        return kind, self._exactly(length - 4)

    def go(self) -> None:
        """Be gone, without a word."""
        # The other descriptor of the same socket is psycopg's; what it says at its end goes nowhere.
        with contextlib.suppress(OSError):  # the other side went first
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._login.close()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        if self.socket.fileno() >= 0:
            self.go()

    def _exactly(self, count: int) -> bytes:
        while len(self._read) < count:
            part = self.socket.recv(_CHUNK_BYTES)
            if not part:
                raise EOFError
            self._read += part
        data = bytes(self._read[:count])
        del self._read[:count]
        return data


def fields(body: bytes) -> dict[str, str]:
    """What an error or a notice says, by the letter of the field."""
    return {field[:1].decode(): field[1:].decode() for field in body.split(b"\0") if field}


def _values(body: bytes) -> list[bytes | None]:
    (count,) = struct.unpack_from("!h", body)
    values: list[bytes | None] = []
    position = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, position)
        position += 4
        values.append(None if length < 0 else body[position : position + length])
        position += max(0, length)
    return values
