"""The addresses of a host name: a proxy's has two, in different zones, and one may not answer."""

import re
import socket
import time
from collections.abc import Iterator

# Labels of 1 to 63 characters, 253 in all: of others Python's look-up makes a UnicodeError.
_NAME = re.compile(r"(?!.{255})[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")


def is_host(text: str) -> bool:
    """Whether a text is one host name or address.

    Everything else means something of its own to somebody: a path is a socket without TLS, a comma a list, an empty
    text this machine, and an address with a scheme holds a password.
    """
    if _NAME.fullmatch(text):
        return True
    try:
        socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return False
    return True


def shares(host: str, port: int, seconds: float) -> Iterator[tuple[str, float]]:
    """Each address with the seconds that connecting to it may take, so that some are left for those after it.

    Raises:
        OSError: the name does not resolve.
    """
    began = time.monotonic()
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for number, address in enumerate(addresses):
        left = seconds - (time.monotonic() - began)
        yield address, left / (len(addresses) - number)
