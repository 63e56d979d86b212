"""PostgreSQL's messages, as far as the gate writes or reads them (its manual, 55.2 and 55.7). Pure."""

import struct
from collections.abc import Iterable, Iterator, Mapping

from ops.pinning.drivers import STARTUP_PARAMETERS

# Version 3, in the upper half of a startup packet's code; what asks for something else has codes of its own.
PROTOCOL = 3
SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
HEAD_BYTES = 5
_LONGEST_NAME = 63


class Refusal(Exception):  # noqa: N818 - what is sent to the client, not a fault of ours
    """A client that is told no, and let go: SQLSTATE, message and perhaps a detail."""

    def __init__(self, state: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.state = state
        self.detail = detail

    def sent(self) -> bytes:
        """As the client gets it."""
        fields = [(b"S", "FATAL"), (b"V", "FATAL"), (b"C", self.state), (b"M", str(self))]
        if self.detail:
            fields.append((b"D", self.detail))
        return message(b"E", b"".join(kind + text.encode() + b"\0" for kind, text in fields) + b"\0")


def message(kind: bytes, body: bytes) -> bytes:
    """A message of a kind."""
    return kind + struct.pack("!i", len(body) + 4) + body


def query(text: str) -> bytes:
    """A simple query."""
    return message(b"Q", text.encode() + b"\0")


def startup(words: Mapping[str, str]) -> bytes:
    """A packet that begins a session."""
    body = struct.pack("!i", PROTOCOL << 16) + b"".join(f"{k}\0{v}\0".encode() for k, v in words.items()) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def code(packet: bytes) -> int:
    """What a packet without a type asks for."""
    return int(struct.unpack("!i", packet[4:8])[0]) if len(packet) >= 8 else 0


def said_at_startup(packet: bytes) -> dict[str, str]:
    """Name → value of a startup packet; variables by their usual spelling.

    Raises:
        Refusal: it is not quite as the protocol has it, so that somebody else could read another user in it; or it has
            a parameter that RDS Proxy does not take, in its words.
    """
    words, end = packet[8:-2].split(b"\0"), packet[-2:]
    names = words[::2]
    if code(packet) >> 16 != PROTOCOL or code(packet) & 0xFFFF:
        raise Refusal("0A000", "RDS Proxy supports only version 3.0 of the PostgreSQL messaging protocol.")
    if end != b"\0\0" or len(words) % 2 or not all(names) or len(names) != len({*names}):
        raise Refusal("08P01", "invalid startup packet.")
    try:
        said = dict(zip((each.decode() for each in names), (each.decode() for each in words[1::2]), strict=True))
    except UnicodeDecodeError:
        raise Refusal("08P01", "invalid startup packet.") from None
    found: dict[str, str] = {name: said.pop(name) for name in ("user", "database") if name in said}
    for name, value in said.items():
        if name == "options":
            raise Refusal("0A000", "Feature not supported: RDS Proxy currently doesn't support command-line options.")
        if name.lower() not in STARTUP_PARAMETERS:
            raise Refusal("0A000", f"Feature not supported: RDS Proxy currently doesn't support the option {name}.")
        found[STARTUP_PARAMETERS[name.lower()]] = value
    if not found.get("user"):
        raise Refusal("28000", "no PostgreSQL user name specified in startup packet.")
    return {**found, "database": found.get("database") or found["user"]}


def as_the_server_has_it(application_name: str) -> str:
    """An application's name as PostgreSQL keeps and tells it (15: what is no printable ASCII becomes `?`)."""
    return "".join(each if " " <= each <= "~" else "?" for each in application_name)[:_LONGEST_NAME]


def settings_query(wanted: Mapping[str, str], applied: Iterable[str], init_query: str | None) -> bytes:
    """What brings a database connection from the variables of one client to those of another.

    `set_config` reads a value as a startup packet's is read. What is reset goes to the database's default, so that the
    init query has to say it once more.
    """
    gone = [f"RESET {name};" for name in applied if name not in wanted]
    again = [f"{init_query};"] if gone and init_query else []
    values = ", ".join(f"set_config('{name}', {literal(value)}, false)" for name, value in wanted.items())
    return query(" ".join([*gone, *again, f"SELECT {values}" if values else ""]))


def literal(text: str) -> str:
    """A literal that means the same whatever `standard_conforming_strings` is."""
    doubled = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{doubled}'" if "\\" in text else f"'{doubled}'"


def messages(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of each whole message at the beginning of `data`."""
    at = 0
    while len(data) - at >= HEAD_BYTES:
        end = at + 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        if end > len(data):
            return
        yield data[at : at + 1], data[at + 5 : end]
        at = end


def fields(error: bytes) -> dict[str, str]:
    """The fields of an error's body, by their letter: C the SQLSTATE, M the message."""
    return {each[:1].decode(): each[1:].decode(errors="replace") for each in error.split(b"\0") if each}


def greeting(statuses: Mapping[str, str], key: bytes) -> bytes:
    """What ends a login: it was right, the server's settings, the key of the session, and that it is ready."""
    told = b"".join(message(b"S", f"{name}\0{value}\0".encode()) for name, value in statuses.items())
    return message(b"R", struct.pack("!i", 0)) + told + message(b"K", key) + message(b"Z", b"I")
