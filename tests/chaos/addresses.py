"""Loopback addresses that no other run on this machine has."""

import contextlib
import functools
import itertools
import secrets
import socket

from local.supervisor.errors import LaptopError

_PORT = 5432
_numbers = itertools.count(10)
_claims: list[socket.socket] = []


def free_address() -> str:
    """An address of our own: below those that checkouts take, and another one at each call."""
    return f"{_subnet()}.{next(_numbers)}"


@functools.cache
def _subnet() -> str:
    """The first three numbers of addresses that no other run on this machine has: a socket claims them while we live.

    Raises:
        LaptopError: so many runs are under way that none was found.
    """
    for _ in range(100):
        found = f"127.{32 + secrets.randbelow(32)}.{secrets.randbelow(256)}"
        with contextlib.suppress(OSError):
            _claims.append(socket.create_server((f"{found}.1", _PORT)))
            return found
    raise LaptopError("no loopback addresses are free: too many runs of `make chaos` are under way")
