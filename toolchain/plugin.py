"""Serves a plugin of the engine, and ends with the engine however that ends."""

import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import grpc

_MAX_MESSAGE_BYTES = 400 * 1024 * 1024


def serve(add: Callable[[grpc.Server], None], *, before_end: Callable[[], None] = lambda: None) -> None:
    """Serve until the engine ends us or is gone; the first line printed is the port.

    Args:
        add: adds what is served to a server.
        before_end: what is done when it ends.
    """
    engine = os.getppid()
    options = [(f"grpc.max_{way}_message_length", _MAX_MESSAGE_BYTES) for way in ("receive", "send")]
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=options)
    add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    def end(*_: object) -> NoReturn:
        before_end()
        os._exit(0)  # calls in flight must not keep the process

    threading.Thread(target=_end_with, args=(engine, end), daemon=True).start()
    # The engine runs plugins in groups of their own (Ctrl-C does not reach us) and ends us by SIGINT.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    print(port, flush=True)
    server.wait_for_termination()


def _end_with(engine: int, end: Callable[[], NoReturn]) -> None:
    # The engine passes its own address beside its flags; someone else who starts us, none.
    address = next((each for each in sys.argv[1:] if re.fullmatch(r"[\w.]+:[0-9]+", each)), None)
    # It may have been killed while we were starting: then our parent is another one, but nobody listens there.
    if address is not None and not _listens(address):
        end()
    while os.getppid() == engine:
        time.sleep(0.2)
    end()


def _listens(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True
