"""How a database connection is opened through PgBouncer, and brought to a client's variables."""

import errno
import os
import socket
import struct
from collections.abc import Generator
from functools import partial

from .lending import Key
from .login import patiently
from .protocol import Refusal, fields, messages, query, startup
from .reactor import WRITE
from .settings import GateSettings
from .side import CHUNK_BYTES

_Talk = Generator[tuple[int, int], None, dict[str, str]]


class NotYet(Exception):  # noqa: N818 - it is waited for, no fault
    """There is no connection now, as the database or PgBouncer is away; it may be there in a moment."""


# What PgBouncer says while it cannot reach its database, and what a database says that starts or stops.
_PASSING = ("server_login_retry", "server login has been failing", "cannot connect to server", "query_wait_timeout")
_PASSING_STATES = ("57P01", "57P02", "57P03", "53300")


def open_connection(pooler: socket.socket, folder: int, key: Key, settings: GateSettings) -> _Talk:
    """Begin a session and have it own a connection to the database that has run the init query: the server's settings.

    Raises:
        Refusal: the database does not let this user in.
        NotYet: it is not there at the moment.
    """
    try:
        yield from _reach(pooler, folder, settings.pooler_port)
        user, database = key
        pooler.sendall(startup({"user": user, "database": database}))
        statuses = yield from until_ready(pooler)
        # PgBouncer lends its session a connection with the first query.
        pooler.sendall(query(settings.init_query or ""))
        changed = yield from until_ready(pooler)
    except (OSError, EOFError):
        raise NotYet from None
    except Refusal as refusal:
        if refusal.state in _PASSING_STATES or any(words in str(refusal) for words in _PASSING):
            raise NotYet from None
        raise
    return {**statuses, **changed}


def until_ready(source: socket.socket) -> _Talk:
    """Read up to a ReadyForQuery: the settings that were told meanwhile.

    Raises:
        Refusal: an error came instead, or before.
        EOFError: the other side ended.
    """
    data, statuses = b"", dict[str, str]()
    refused: Refusal | None = None
    while True:
        part = yield from patiently(source, partial(source.recv, CHUNK_BYTES))
        if not part:
            raise refused or EOFError()
        data += part
        for kind, body in messages(data):
            data = data[5 + len(body) :]
            if kind == b"S":
                name, value, _ = body.split(b"\0")
                statuses[name.decode()] = value.decode(errors="replace")
            elif kind == b"E":
                error = fields(body)
                refused = Refusal(error.get("C", "XX000"), error.get("M", "the database said no"))
                if error.get("S") == "FATAL":
                    raise refused
            elif kind == b"Z":
                if refused is not None:
                    raise refused
                return statuses


def _reach(pooler: socket.socket, folder: int, port: int) -> Generator[tuple[int, int], None, None]:
    """Connect to PgBouncer at its private socket, where it trusts us.

    Raises:
        NotYet: it is not there; or somebody else is.
    """
    # By way of the folder's descriptor, for a socket's path holds no more than 107 characters.
    address = f"/proc/self/fd/{folder}/.s.PGSQL.{port}"
    failed = pooler.connect_ex(address)
    while failed == errno.EAGAIN:  # its queue is full; a socket that is not connected is always ready
        yield pooler.fileno(), WRITE
        failed = pooler.connect_ex(address)
    if failed or _listener(pooler) != os.fstat(folder).st_uid:
        raise NotYet


def _listener(client: socket.socket) -> int:
    """The account that listens at the other end: a link of the pooler's account may lead to a socket of another one."""
    _, account, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(account)
