"""A gate in the test's own thread, with clients that are in already and a PgBouncer in the test's hand."""

import errno
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from local.gate.client import Client, Who
from local.gate.gate import Gate
from local.gate.protocol import fields, message, messages, query, startup
from local.gate.reactor import READ
from local.gate.settings import GateSettings
from local.iam.tokens import TokenAudience
from local.supervisor.certificates import Authority

_LOGIN = message(b"R", bytes(4)) + message(b"S", b"TimeZone\0UTC\0") + message(b"Z", b"I")
_DONE = message(b"I", b"") + message(b"Z", b"I")


class Hand:
    """A gate, what stands for PgBouncer, and clients."""

    def __init__(self, folder: Path, closing: ExitStack) -> None:
        certificate, key = Authority(folder / "authority").issue(folder, name="proxy", address="127.0.0.1")
        self.settings = GateSettings(
            address="127.0.0.1",
            port=0,
            folder=str(folder),
            pooler_folder=str(folder),
            pooler_port=6432,
            certificate=str(certificate),
            key=str(key),
            audience=TokenAudience(host="", port=0, region="", arn_prefix=""),
            borrow_timeout=60,
        )
        self._file = folder / "gate.json"
        self._file.write_text(self.settings.as_text())
        self._folder, self._closing = folder, closing
        self.gate = Gate(self._file)

    def listen(self) -> socket.socket:
        """PgBouncer's socket."""
        listener = self._closing.enter_context(socket.socket(socket.AF_UNIX))
        at = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        self._closing.callback(os.close, at)
        listener.bind(f"/proc/self/fd/{at}/.s.PGSQL.6432")
        listener.listen()
        listener.setblocking(False)
        return listener

    def accept(self, listener: socket.socket, user: str = "app") -> socket.socket:
        """A session that the gate began, and was let in."""
        session = self.begun(listener, user)
        session.sendall(_LOGIN)
        assert self.hear(session) == query("")
        session.sendall(_DONE)
        self.turn()
        return session

    def begun(self, listener: socket.socket, user: str = "app") -> socket.socket:
        self.turn()
        session, _ = listener.accept()
        self._closing.enter_context(session)
        assert self.hear(session) == startup({"user": user, "database": "app"})
        return session

    def come(self, user: str = "app", **variables: str) -> tuple[Client, socket.socket]:
        ours, end = socket.socketpair()
        self._closing.enter_context(end)
        ours.setblocking(False)
        client = Client(self.gate, ours, Who(user=user, database="app", variables=variables), 1)
        self.gate._clients.add(client)
        client.enter()
        return client, end

    def hear(self, end: socket.socket) -> bytes:
        self.turn()
        end.setblocking(False)
        with suppress(BlockingIOError):
            return end.recv(100_000)
        return b""

    def turn(self, seconds: float = 0.0) -> None:
        until = time.monotonic() + seconds
        for _ in range(8):
            self.gate.reactor.turn(0)
        while time.monotonic() < until:
            self.gate.reactor.turn(0.01)

    def change(self, **changes: object) -> None:
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]
        self._file.write_text(self.settings.as_text())
        wakes, wakened = socket.socketpair()
        with wakes, wakened:
            wakes.setblocking(False)
            self.gate._read_again(wakes, 0)
        self.turn()


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Hand]:
    with ExitStack() as closing:
        made = Hand(tmp_path, closing)
        yield made
        for client in list(made.gate._clients):
            client.leave()
        made.gate.lending.drop(lambda _: True)


def kinds(data: bytes) -> bytes:
    return b"".join(kind for kind, _ in messages(data))


def test_the_first_client_of_its_kind_is_greeted_once_a_connection_is_there(hand: Hand) -> None:
    listener = hand.listen()
    _, end = hand.come()
    assert hand.hear(end) == b""
    hand.accept(listener)
    assert kinds(hand.hear(end)) == b"RSKZ"
    _, other = hand.come()
    assert kinds(hand.hear(other)) == b"RSKZ"
    assert hand.gate.seen().connections == 1


def test_a_pooler_that_is_away_is_tried_again_without_spinning_and_serves_when_it_is_back(hand: Hand) -> None:
    ends = [hand.come()[1] for _ in range(5)]
    hand.turn(0.35)
    assert hand.gate.lending.waiting == 5
    assert sum(call == hand.gate._retry for _, _, call in hand.gate.reactor._calls) == 1
    listener = hand.listen()
    hand.turn(0.2)
    hand.accept(listener)
    assert [kinds(hand.hear(end)) for end in ends] == [b"RSKZ"] * 5


def test_who_waits_for_another_users_connection_is_served_when_that_is_not_to_be_had(hand: Hand) -> None:
    listener = hand.listen()
    leaves, _ = hand.come("alice")
    session = hand.begun(listener, "alice")
    _, end = hand.come("bob")
    leaves.leave()
    session.close()  # while it logs in
    hand.turn(0.2)
    hand.accept(listener, "bob")
    assert kinds(hand.hear(end)) == b"RSKZ"


def test_whom_the_database_refuses_is_told_so_in_its_words(hand: Hand) -> None:
    listener = hand.listen()
    _, end = hand.come()
    hand.begun(listener).sendall(message(b"E", b"SFATAL\0C28000\0Mno such role\0\0"))
    hand.turn()
    ((kind, body),) = messages(hand.hear(end))
    assert (kind, fields(body)["C"], fields(body)["M"]) == (b"E", "28000", "no such role")
    assert hand.gate.lending.open == 0


def test_who_waits_in_vain_is_told_in_rds_proxys_words_and_what_is_held_here(hand: Hand) -> None:
    listener = hand.listen()
    client, end = hand.come()
    session = hand.accept(listener)
    hand.hear(end)
    hand.change(borrow_timeout=0)
    end.sendall(message(b"P", b"name\0SELECT 1\0\0\0") + message(b"S", b""))
    hand.hear(session)
    session.sendall(message(b"1", b"") + message(b"Z", b"I"))
    hand.hear(end)
    assert client.is_held
    _, other = hand.come()
    hand.hear(other)
    other.sendall(query("SELECT 1"))
    hand.turn()
    ((_, body),) = messages(hand.hear(other))
    assert (fields(body)["C"], fields(body)["M"]) == ("08000", "Timed-out waiting to acquire database connection.")
    assert fields(body)["D"].startswith("1 of 1 database connections: held here by prepared statements")


def test_another_database_has_idle_connections_closed_and_the_others_when_they_come_back(hand: Hand) -> None:
    listener = hand.listen()
    hand.change(ceiling=2)
    _, end = hand.come()
    session = hand.accept(listener)
    hand.hear(end)
    end.sendall(query("BEGIN"))
    hand.hear(session)
    session.sendall(message(b"Z", b"T"))
    hand.hear(end)
    hand.change(served_by="another")
    assert hand.gate.seen().connections == 1
    end.sendall(query("COMMIT"))
    assert hand.hear(session) == query("COMMIT")
    session.sendall(message(b"Z", b"I"))
    assert hand.hear(end) == message(b"Z", b"I")
    assert hand.gate.seen().connections == 0


def test_who_was_answered_late_is_not_idle_and_who_says_nothing_is(hand: Hand) -> None:
    listener = hand.listen()
    client, end = hand.come()
    session = hand.accept(listener)
    hand.hear(end)
    end.sendall(query("SELECT pg_sleep(10000)"))
    hand.hear(session)
    client.active -= 2 * hand.settings.idle_client_timeout
    hand.gate._sweep()
    session.sendall(_DONE)
    hand.hear(end)
    hand.gate._sweep()
    assert hand.gate.seen().clients == 1
    client.active -= 2 * hand.settings.idle_client_timeout
    hand.gate._sweep()
    assert hand.gate.seen().clients == 0
    assert hand.gate.seen().connections == 1


def test_what_is_seen_tells_of_pins_by_kind(hand: Hand) -> None:
    listener = hand.listen()
    _, end = hand.come(application_name="tests")
    session = hand.accept(listener)
    settings_query = hand.hear(session)
    assert b"set_config('application_name', 'tests', false)" in settings_query
    session.sendall(_DONE)
    hand.hear(end)
    end.sendall(query("SET a = 'secret'"))
    hand.hear(session)
    session.sendall(_DONE)
    hand.hear(end)
    seen = hand.gate.seen()
    ((pin, count),) = seen.pins.items()
    assert (pin.rule, pin.application, pin.user, count) == ("set", "tests", "app", 1)
    assert "secret" not in pin.digest
    assert (seen.pinned, seen.borrowed, seen.held) == (1, 1, 0)


def test_a_connection_that_was_idle_for_five_minutes_or_lives_for_a_day_is_closed(hand: Hand) -> None:
    listener = hand.listen()
    hand.change(ceiling=2)
    _, end = hand.come()
    session = hand.accept(listener)
    hand.hear(end)
    (connection,) = hand.gate._connections

    connection.idle_since -= 290
    hand.gate._sweep()
    assert hand.gate.seen().connections == 1
    connection.idle_since -= 20
    hand.gate._sweep()
    assert hand.gate.seen().connections == 0

    end.sendall(query("SELECT 1"))
    session = hand.accept(listener)
    (connection,) = hand.gate._connections
    connection.opened -= 25 * 3600
    hand.gate._sweep()
    assert hand.gate.seen().connections == 1  # somebody has it
    assert hand.hear(session) == query("SELECT 1")
    session.sendall(_DONE)
    assert hand.hear(end) == _DONE
    assert hand.gate.seen().connections == 0


def test_a_gate_without_descriptors_for_a_moment_opens_as_many_connections_afterwards(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = hand.listen()

    def none_left() -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("local.gate.gate._socket", none_left)
        hand.come()
        hand.turn(0.3)
        assert hand.gate.lending.open == 0
    hand.turn(0.3)
    hand.accept(listener)
    assert hand.gate.seen().connections == 1


def test_a_queue_that_cannot_be_served_for_want_of_descriptors_is_no_reason_to_spin(hand: Hand) -> None:
    tried: list[int] = []

    class Full(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            tried.append(1)
            raise OSError(errno.EMFILE, "Too many open files")

    with Full(socket.AF_INET) as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        hand.gate.reactor.watch(server.fileno(), READ, lambda _: hand.gate._accept(server, 0))
        with socket.create_connection(server.getsockname()):
            hand.turn(0.55)
            assert 2 <= len(tried) <= 7
        hand.gate.reactor.forget(server.fileno())
