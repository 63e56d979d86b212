"""Sockets served by one thread; each test turns the reactor by hand."""

import socket
import time
from collections.abc import Iterator
from functools import partial

import pytest

from local.gate.reactor import READ, Conversation, Reactor


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    one.setblocking(False)
    with one, other:
        yield one, other


def turn_until(reactor: Reactor, met: list[object]) -> None:
    for _ in range(50):
        reactor.turn(0.05)
        if met:
            return
    raise AssertionError("nothing happened")


def test_a_conversation_goes_on_when_its_socket_is_ready(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    heard: list[object] = []

    def talk() -> Conversation:
        yield one.fileno(), READ
        heard.append(one.recv(10))

    reactor = Reactor()
    reactor.converse(talk(), seconds=5)
    reactor.turn(0.01)
    assert not heard
    other.sendall(b"hello")
    turn_until(reactor, heard)
    assert heard == [b"hello"]


def test_a_conversation_that_takes_too_long_is_closed(pair: tuple[socket.socket, socket.socket]) -> None:
    ended: list[object] = []

    def talk() -> Conversation:
        try:
            yield pair[0].fileno(), READ
        finally:
            ended.append("closed")

    reactor = Reactor()
    reactor.converse(talk(), seconds=0.05)
    turn_until(reactor, ended)
    assert ended == ["closed"]


def test_each_conversation_has_its_own_time(pair: tuple[socket.socket, socket.socket]) -> None:
    ended: list[object] = []

    def talk(name: str, source: socket.socket) -> Conversation:
        try:
            yield source.fileno(), READ
        finally:
            ended.append(name)

    reactor = Reactor()
    patient = talk("patient", pair[0])
    reactor.converse(patient, seconds=60)
    reactor.converse(talk("hasty", pair[1]), seconds=0.05)
    turn_until(reactor, ended)
    assert ended == ["hasty"]
    patient.close()


def test_a_socket_handed_on_at_the_end_of_a_conversation_stays_watched(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    one, other = pair
    seen: list[object] = []
    reactor = Reactor()

    def talk() -> Conversation:
        yield one.fileno(), READ
        one.recv(10)
        reactor.watch(one.fileno(), READ, lambda _: seen.append(one.recv(10)))

    reactor.converse(talk(), seconds=5)
    other.sendall(b"first")
    reactor.turn(1)
    other.sendall(b"second")
    turn_until(reactor, seen)
    assert seen == [b"second"]


def test_a_fault_in_one_conversation_ends_no_other(
    pair: tuple[socket.socket, socket.socket], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = pair
    heard: list[object] = []

    def faulty() -> Conversation:
        raise RuntimeError("a fault")
        yield 0, 0

    def sound() -> Conversation:
        yield one.fileno(), READ
        heard.append(one.recv(10))

    reactor = Reactor()
    reactor.converse(sound(), seconds=5)
    reactor.converse(faulty(), seconds=5)
    other.sendall(b"still here")
    turn_until(reactor, heard)
    assert "a fault" in capsys.readouterr().err


def test_what_was_forgotten_is_not_called(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    called: list[int] = []
    reactor = Reactor()
    reactor.watch(one.fileno(), READ, called.append)
    reactor.forget(one.fileno())
    reactor.forget(one.fileno())
    other.sendall(b"x")
    reactor.turn(0.05)
    assert called == []


def test_calls_come_in_the_order_of_their_times_and_none_too_early() -> None:
    called: list[float] = []
    reactor = Reactor()
    now = time.monotonic()

    def call(when: float) -> None:
        assert time.monotonic() >= when
        called.append(when)

    for later in (0.06, 0.0, 0.03, 60):
        reactor.call_at(now + later, partial(call, now + later))
    while len(called) < 3:
        reactor.turn(5)  # no longer than to the next one's time
    assert called == [now, now + 0.03, now + 0.06]


def test_calls_of_one_time_come_in_the_order_in_which_they_were_asked_for() -> None:
    called: list[int] = []
    reactor = Reactor()
    for number in range(20):
        reactor.call_at(0.0, partial(called.append, number))
    reactor.turn(0)
    assert called == [*range(20)]


def test_a_call_that_asks_for_another_one_is_followed_by_it_without_a_deeper_stack() -> None:
    called: list[int] = []
    reactor = Reactor()

    def call() -> None:
        called.append(1)
        if len(called) < 5_000:
            reactor.call_at(0.0, call)

    reactor.call_at(0.0, call)
    reactor.turn(0)
    assert len(called) == 5_000


def test_only_its_own_handler_is_forgotten(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    called: list[object] = []
    reactor = Reactor()

    def before(_: int) -> None:
        raise AssertionError

    reactor.watch(one.fileno(), READ, before)
    reactor.watch(one.fileno(), READ, called.append)
    reactor.forget(one.fileno(), before)
    other.sendall(b"x")
    turn_until(reactor, called)
    assert called == [READ]


def test_a_conversation_whose_time_is_up_leaves_a_socket_alone_that_has_its_old_ones_number() -> None:
    heard: list[object] = []
    ended: list[object] = []
    reactor = Reactor()
    one, other = socket.socketpair()
    number = one.fileno()

    def talk() -> Conversation:
        try:
            yield number, READ
        finally:
            ended.append("closed")

    reactor.converse(talk(), seconds=0.05)
    reactor.forget(number)
    one.close()  # by somebody else, while the conversation waits
    new, its_other = socket.socketpair()
    with other, new, its_other:
        assert number in {new.fileno(), its_other.fileno()}
        mine, theirs = (new, its_other) if new.fileno() == number else (its_other, new)
        reactor.watch(number, READ, lambda _: heard.append(mine.recv(20)))
        turn_until(reactor, ended)
        theirs.sendall(b"still watched")
        turn_until(reactor, heard)
    assert heard == [b"still watched"]
