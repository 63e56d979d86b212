"""PostgreSQL's protocol, as much as a fault needs to be at the right moment: where messages begin and end. Pure."""

import struct
from dataclasses import dataclass

STARTUP = b""
"""The kind of the first message of a client, which has none."""
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


@dataclass(frozen=True)
class Message:
    """One whole message: its kind, and all of its bytes."""

    kind: bytes
    data: bytes

    @property
    def sends_commit(self) -> bool:
        """Whether a client asks for COMMIT in a simple query, as psycopg's transactions do."""
        return self.kind == b"Q" and self.data[5:].rstrip(b"\0; \n").upper() == b"COMMIT"

    @property
    def confirms_commit(self) -> bool:
        """Whether a server says that COMMIT is done."""
        return self.kind == b"C" and self.data[5:] == b"COMMIT\0"


class Messages:
    """Bytes in, whole messages out."""

    def __init__(self, *, of_client: bool) -> None:
        self._starting = of_client
        self._held = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete.

        Raises:
            ValueError: a length that no message has.
        """
        self._held += data
        found: list[Message] = []
        while True:
            head = 0 if self._starting else 1
            if len(self._held) < head + 4:
                return found
            (length,) = struct.unpack_from("!i", self._held, head)
            if length < 4:
                raise ValueError(f"a message of {length} bytes is none of PostgreSQL's")
            end = head + length
            if len(self._held) < end:
                return found
            found.append(Message(self._held[:head], self._held[:end]))
            self._held = self._held[end:]
            self._starting = False
