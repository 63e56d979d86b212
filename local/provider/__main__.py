"""Serves the stand-in provider; the first line printed is the port. Ends with the engine, however that ends."""

import os
import re
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from .previews import VARIABLE, PreviewServicer
from .servicer import AwsServicer

_MAX_MESSAGE_BYTES = 400 * 1024 * 1024


def _end(*_: object) -> NoReturn:
    os._exit(0)  # calls in flight must not keep the process


def _end_with(engine: int, address: str | None) -> NoReturn:
    # It may have been killed before its process id was asked for: then our parent is another, but nobody listens there.
    while os.getppid() == engine and (address is None or _listens(address)):
        address = None
        time.sleep(0.2)
    _end()


def _listens(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def _engine_address() -> str | None:
    """The engine's own address, which it passes beside its flags; None when someone else starts us."""
    return next((each for each in sys.argv[1:] if re.fullmatch(r"[\w.]+:[0-9]+", each)), None)


def main(servicer: AwsServicer) -> None:
    """Serve until the engine ends us or is gone."""
    server = grpc.server(
        ThreadPoolExecutor(max_workers=64),
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    threading.Thread(target=_end_with, args=(os.getppid(), _engine_address()), daemon=True).start()
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(PreviewServicer() if os.environ.get(VARIABLE) == "1" else AwsServicer())
