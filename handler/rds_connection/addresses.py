"""The addresses of a host name: a proxy's has two, in different zones, and one may not answer."""

import socket
import time
from collections.abc import Iterator


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
