"""Bytes between two sockets, with a reactor that runs in a thread of the test's."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from local.supervisor.relay import Relay

from local.gate.reactor import Reactor
from local.supervisor.certificates import Authority
from tests.waiting import LIMIT_SECONDS

MEGABYTES = 8
CONTENT = os.urandom(1024) * 1024 * MEGABYTES


class Ends:
    """What the two who are relayed hold: the client's end and the server's."""

    def __init__(self) -> None:
        self.client, near = socket.socketpair()
        self.server, far = socket.socketpair()
        self.client.settimeout(LIMIT_SECONDS)
        self.server.settimeout(LIMIT_SECONDS)
        self.relay, self._over = Reactor(), threading.Event()
        Relay(self.relay).add(near, far)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            self.relay.turn(0.01)

    def close(self) -> None:
        self._over.set()
        self.thread.join()
        self.client.close()
        self.server.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()


def read_all(source: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = source.recv(1 << 16)
        if not part:
            break
        data += part
    return bytes(data)


def test_much_goes_both_ways_at_once_and_arrives_whole(ends: Ends) -> None:
    senders = [threading.Thread(target=each.sendall, args=(CONTENT,)) for each in (ends.client, ends.server)]
    for sender in senders:
        sender.start()
    found: dict[str, bytes] = {}
    reader = threading.Thread(target=lambda: found.update(server=read_all(ends.server, len(CONTENT))))
    reader.start()
    found["client"] = read_all(ends.client, len(CONTENT))
    for thread in (*senders, reader):
        thread.join()
    assert found == {"client": CONTENT, "server": CONTENT}


def test_a_reader_that_is_slow_stops_the_sender_and_loses_nothing(ends: Ends) -> None:
    sent = threading.Thread(target=ends.client.sendall, args=(CONTENT,))
    sent.start()
    time.sleep(0.3)
    # Not read: what the relay and the kernel hold is far less than what is to be sent.
    assert sent.is_alive()
    assert read_all(ends.server, len(CONTENT)) == CONTENT
    sent.join()


def test_a_relay_that_waits_for_a_slow_reader_does_not_spin(ends: Ends) -> None:
    sent = threading.Thread(target=ends.client.sendall, args=(CONTENT,))
    sent.start()
    time.sleep(0.3)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.25
    assert read_all(ends.server, len(CONTENT)) == CONTENT
    sent.join()


def test_a_relay_whose_server_has_gone_waits_for_a_slow_reader_without_spinning(ends: Ends) -> None:
    ends.server.setblocking(False)
    sent = 0
    while True:
        try:
            sent += ends.server.send(CONTENT[:65_536])
        except BlockingIOError:
            time.sleep(0.05)  # the relay takes some of it on
            try:
                sent += ends.server.send(CONTENT[:65_536])
            except BlockingIOError:
                break
    ends.server.close()
    time.sleep(0.1)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.25
    assert len(read_all(ends.client, sent)) == sent
    assert ends.client.recv(1) == b""


def test_what_was_said_last_arrives_before_the_end(ends: Ends) -> None:
    ends.server.sendall(b"FATAL: goodbye")
    ends.server.close()
    assert read_all(ends.client, 100) == b"FATAL: goodbye"
    assert ends.client.recv(1) == b""


def test_what_was_said_last_arrives_although_the_client_was_speaking() -> None:
    client, near = socket.socketpair()
    server, far = socket.socketpair()
    with client, server:
        reactor = Reactor()
        Relay(reactor).add(near, far)
        client.sendall(b"a query")  # the first that the reactor sees, and there is nobody to take it
        server.sendall(b"FATAL: terminating connection")
        server.close()
        reactor.turn(1)
        client.settimeout(LIMIT_SECONDS)
        assert read_all(client, 100) == b"FATAL: terminating connection"


def test_when_the_client_goes_the_server_hears_it(ends: Ends) -> None:
    ends.client.close()
    assert ends.server.recv(1) == b""


def test_tls_on_one_side_is_relayed_whole_and_ends_with_its_own_goodbye(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    authority.issue(tmp_path, name="orders.test", address="127.0.0.1")
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    client_side = ssl.create_default_context(cafile=str(tmp_path / "authority" / "ca.pem"))
    near, far = socket.socketpair()
    wrapped: list[ssl.SSLSocket] = []
    accepting = threading.Thread(target=lambda: wrapped.append(server_side.wrap_socket(far, server_side=True)))
    accepting.start()
    client = client_side.wrap_socket(near, server_hostname="orders.test")
    accepting.join()
    server, inner = socket.socketpair()
    server.settimeout(LIMIT_SECONDS)
    client.settimeout(LIMIT_SECONDS)
    reactor, over = Reactor(), threading.Event()
    Relay(reactor).add(wrapped[0], inner)

    def run() -> None:
        while not over.is_set():
            reactor.turn(0.01)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        sender = threading.Thread(target=server.sendall, args=(CONTENT,))
        sender.start()
        assert read_all(client, len(CONTENT)) == CONTENT
        sender.join()
        server.close()
        # Without TLS's own goodbye this would be an SSLEOFError.
        assert client.recv(1) == b""
    finally:
        over.set()
        thread.join()
        client.close()
