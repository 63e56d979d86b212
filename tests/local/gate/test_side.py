"""One socket of the gate, whose other end is in the test's hand."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.gate.reactor import Reactor
from local.gate.side import Side


class Noted(Side):
    """Notes what it is told."""

    __slots__ = ("heard",)

    def __init__(self, reactor: Reactor, its_socket: socket.socket) -> None:
        super().__init__(reactor, its_socket)
        self.heard: list[str] = []

    def readable(self) -> None:
        self.heard.append("readable")
        self.socket.recv(1)

    def broken(self) -> None:
        self.heard.append("broken")

    def unblocked(self) -> None:
        self.heard.append("unblocked")


class Hand:
    """A side, and its other end."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        ours, self.end = socket.socketpair()
        ours.setblocking(False)
        self.end.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_608)
        self.side = Noted(self.reactor, ours)

    def take(self, count: int) -> bytes:
        with suppress(BlockingIOError):
            return self.end.recv(count)
        return b""

    def close(self) -> None:
        self.side.close()
        self.end.close()


@pytest.fixture
def hand() -> Iterator[Hand]:
    made = Hand()
    yield made
    made.close()


@given(st.lists(st.tuples(st.binary(max_size=3_000), st.integers(0, 4_000)), max_size=20))
def test_everything_arrives_in_order_however_slowly_it_is_taken(moments: list[tuple[bytes, int]]) -> None:
    hand = Hand()
    sent = taken = b""
    for data, count in moments:
        hand.side.send(data)
        sent += data
        if count:
            taken += hand.take(count)
        hand.side.watch(reads=False)
        hand.reactor.turn(0)
    while hand.side.blocked:
        taken += hand.take(100_000)
        hand.reactor.turn(0)
    while part := hand.take(100_000):
        taken += part
    assert taken == sent
    hand.close()


def test_it_is_told_once_when_it_took_everything(hand: Hand) -> None:
    hand.side.send(b"x" * 100_000)
    assert hand.side.blocked
    hand.side.watch(reads=True)
    left = 100_000
    while left:
        left -= len(hand.take(10_000))
        hand.reactor.turn(0)
    hand.side.watch(reads=True)
    hand.reactor.turn(0)
    assert hand.side.heard == ["unblocked"]


def test_what_is_not_to_be_read_is_not_and_nothing_is_ready_meanwhile(hand: Hand) -> None:
    hand.side.watch(reads=True)
    hand.side.watch(reads=False)
    hand.end.sendall(b"x")
    hand.reactor.turn(0)
    assert hand.side.heard == []
    assert hand.reactor._epoll.poll(0) == []
    hand.end.close()  # an end is told without being asked for
    assert hand.reactor._epoll.poll(0) == []
    hand.side.watch(reads=True)
    hand.reactor.turn(0)
    assert hand.side.heard == ["readable"]


def test_who_takes_nothing_any_more_is_broken(hand: Hand) -> None:
    hand.end.close()
    hand.side.send(b"x")
    assert hand.side.heard == ["broken"]
    assert hand.side.blocked == b""


def test_who_goes_while_something_is_blocked_is_broken(hand: Hand) -> None:
    hand.side.send(b"x" * 100_000)
    hand.side.watch(reads=False)
    hand.end.close()
    hand.reactor.turn(0)
    assert "broken" in hand.side.heard
    assert "readable" not in hand.side.heard


def test_a_closed_one_is_watched_no_more(hand: Hand) -> None:
    hand.side.watch(reads=True)
    hand.side.close()
    assert hand.end.recv(1) == b""
    hand.reactor.turn(0)
    assert hand.side.heard == []
