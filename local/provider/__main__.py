"""Serves the stand-in provider; the first line printed is the port. Ends with the engine, however that ends."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from .servicer import AwsServicer

_MAX_MESSAGE_BYTES = 400 * 1024 * 1024


def _end(*_: object) -> NoReturn:
    os._exit(0)  # calls in flight must not keep the process


def _end_with(engine: int) -> NoReturn:
    while os.getppid() == engine:
        time.sleep(0.2)
    _end()


def main() -> None:
    """Serve until the engine ends us or is gone."""
    server = grpc.server(
        ThreadPoolExecutor(max_workers=64),
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
