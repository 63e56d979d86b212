"""The addresses of a host name: a proxy's has two, in different zones, and one may not answer."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future

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


def look_up(host: str, port: int) -> "Future[list[str]]":
    """The addresses of a name, to come: a resolver that hangs takes minutes, and nothing can interrupt it.

    The future's error is an OSError: the name does not resolve.
    """
    found: Future[list[str]] = Future()
    found.set_running_or_notify_cancel()  # who no longer waits for it cannot take it back either

    def resolve() -> None:
        try:
            # Bytes: of a text Python first asks IDNA, whose tables a cold start loads and no host needs.
            entries = socket.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
            found.set_result(list(dict.fromkeys(str(entry[4][0]) for entry in entries)))
        except BaseException as error:
            found.set_exception(error)

    # Not a pool's: those are waited for when the interpreter, or an event loop, ends.
    threading.Thread(target=resolve, name="rds_connection look-up", daemon=True).start()
    return found


def addresses(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of a name, had within `seconds`.

    Raises:
        OSError: the name does not resolve; a TimeoutError if nobody said so in time.
    """
    found = look_up(host, port)
    try:
        return found.result(seconds)
    except TimeoutError:
        raise unresolved(seconds) from None


def unresolved(seconds: float) -> TimeoutError:
    """The error of a name service that did not answer within `seconds`."""
    return TimeoutError(f"the name service did not answer within {seconds:.1f} s; look at the VPC's DNS")


def shares(found: list[str], ends: float) -> Iterator[tuple[str, float]]:
    """Each address with the seconds that connecting to it may take, so that some are left for those after it."""
    for number, address in enumerate(found):
        yield address, max(ends - time.monotonic(), 0.0) / (len(found) - number)
