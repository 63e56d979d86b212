"""Who is lent what, with a clock and an opener of the tests' own."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from local.gate.lending import Key, Lending
from local.gate.protocol import Refusal

_ALICE, _BOB, _CAROL = [("alice", "app"), ("bob", "app"), ("carol", "app")]


@dataclass(eq=False)
class Connection:
    key: Key
    is_stale: bool = False
    opened: float = 0.0
    idle_since: float = 0.0


@dataclass(eq=False)
class Borrower:
    key: Key
    came: float = 0.0
    connection: Connection | None = None
    told: list[str] = field(default_factory=list)

    def granted(self, connection: Connection) -> None:
        assert connection.key == self.key
        self.told.append("granted")
        self.connection = connection

    def timed_out(self) -> None:
        self.told.append("timed out")

    def refuse(self, refusal: Refusal) -> None:
        self.told.append(refusal.state)


class Desk:
    """A lending, its clock, what it asked to be opened, and what it closed."""

    def __init__(self, *, ceiling: int, borrow_timeout: float = 120.0) -> None:
        self.now = 1000.0
        self.asked: list[Key] = []
        self.closed: list[Connection] = []
        self.alarms: list[tuple[float, Callable[[], None]]] = []
        self.lending = Lending[Connection](
            open_=self.asked.append,
            close=self.closed.append,
            alarm=lambda when, call: self.alarms.append((when, call)),
            clock=lambda: self.now,
        )
        self.lending.change(ceiling=ceiling, borrow_timeout=borrow_timeout)

    def come(self, key: Key = _ALICE, last: Connection | None = None) -> Borrower:
        borrower = Borrower(key, self.now)
        borrower.connection = self.lending.borrow(borrower, last)
        return borrower

    def open_next(self) -> Connection:
        connection = Connection(self.asked.pop(0), opened=self.now)
        self.lending.opened(connection)
        return connection

    def lent(self, key: Key = _ALICE) -> Borrower:
        """One that has a connection."""
        borrower = self.come(key)
        if borrower.connection is None:
            self.open_next()
        assert borrower.connection is not None
        return borrower

    def give_back(self, borrower: Borrower) -> None:
        connection, borrower.connection = borrower.connection, None
        assert connection is not None
        self.lending.give_back(connection)

    def wait(self, seconds: float) -> None:
        """Let time go by, ringing each alarm at its time."""
        until = self.now + seconds
        for _ in range(10_000):
            due = min((each for each in self.alarms if each[0] <= until), key=lambda each: each[0], default=None)
            if due is None:
                break
            self.alarms.remove(due)
            self.now = max(self.now, due[0])
            due[1]()
        else:
            raise AssertionError("alarms ring without end")
        self.now = until


def test_one_is_opened_for_whoever_waits_below_the_ceiling() -> None:
    desk = Desk(ceiling=2)
    waiting = [desk.come() for _ in range(3)]
    assert desk.asked == [_ALICE, _ALICE]
    opened = [desk.open_next(), desk.open_next()]
    assert [each.connection for each in waiting] == [*opened, None]
    assert (desk.lending.open, desk.lending.waiting) == (2, 1)


def test_the_newest_of_the_idle_is_lent_first_and_the_last_one_before_it() -> None:
    desk = Desk(ceiling=3)
    borrowers = [desk.lent() for _ in range(3)]
    oldest, _, newest = connections = [each.connection for each in borrowers]
    for each in borrowers:
        desk.give_back(each)
    assert desk.come(last=oldest).connection is oldest
    assert desk.come(last=oldest).connection is newest
    assert desk.come().connection is connections[1]


def test_those_of_one_key_are_served_as_they_came() -> None:
    desk = Desk(ceiling=1)
    served = desk.lent()
    waiting = [desk.come() for _ in range(5)]
    for expected in waiting:
        desk.give_back(served)
        assert [each.connection is not None for each in waiting] == [each is expected for each in waiting]
        served = expected


def test_who_leaves_while_it_waits_is_passed_over() -> None:
    desk = Desk(ceiling=1)
    served, leaves, stays = desk.lent(), desk.come(), desk.come()
    desk.lending.leave(leaves)
    desk.lending.leave(leaves)
    desk.give_back(served)
    assert (leaves.told, stays.told) == ([], ["granted"])


def test_a_connection_that_was_opened_for_one_who_left_is_kept_idle() -> None:
    desk = Desk(ceiling=1)
    desk.lending.leave(desk.come())
    connection = desk.open_next()
    assert desk.lending.idle == 1
    assert desk.come().connection is connection


def test_an_idle_one_of_another_user_gives_way() -> None:
    desk = Desk(ceiling=1)
    alice = desk.lent(_ALICE)
    connection = alice.connection
    desk.give_back(alice)
    desk.come(_BOB)
    assert (desk.closed, desk.asked, desk.lending.open) == ([connection], [_BOB], 1)


def test_whom_a_connection_fits_is_served_first_until_another_has_waited_too_long() -> None:
    desk = Desk(ceiling=1)
    alice, bob, second, third = desk.lent(_ALICE), desk.come(_BOB), desk.come(_ALICE), desk.come(_ALICE)
    desk.give_back(alice)
    assert second.told == ["granted"]
    desk.wait(0.3)
    desk.give_back(second)
    assert (desk.asked, third.told) == ([_BOB], [])
    desk.open_next()
    assert bob.told == ["granted"]


def test_who_has_waited_too_long_is_not_passed_over_for_a_user_who_always_has_somebody_waiting() -> None:
    desk = Desk(ceiling=1)
    served, _ = desk.lent(_ALICE), desk.come(_ALICE)
    bob = desk.come(_BOB)
    desk.wait(0.01)
    desk.come(_ALICE)
    desk.give_back(served)  # the queue of alice goes on, with somebody who came after bob
    desk.wait(0.3)
    assert desk.asked == []
    desk.lending.close(Connection(_ALICE))
    assert desk.asked == [_BOB]
    desk.open_next()
    assert bob.told == ["granted"]


def test_one_that_is_being_opened_for_the_longest_waiting_is_enough() -> None:
    desk = Desk(ceiling=2)
    first, second = desk.lent(_ALICE), desk.lent(_ALICE)
    bob, third = desk.come(_BOB), desk.come(_ALICE)
    desk.wait(0.3)
    desk.give_back(first)
    desk.give_back(second)
    assert (desk.asked, third.told, len(desk.closed)) == ([_BOB], ["granted"], 1)
    desk.open_next()
    assert bob.told == ["granted"]


@pytest.mark.parametrize("borrow_timeout", [0.1, 0.3, 0.7, 1, 2.2, 120])
def test_who_waits_in_vain_is_told_at_the_very_moment(borrow_timeout: float) -> None:
    desk = Desk(ceiling=1, borrow_timeout=borrow_timeout)
    desk.lent()
    desk.wait(0.05)
    early = desk.come()
    desk.wait(borrow_timeout / 2)
    late = desk.come()
    desk.wait(borrow_timeout / 2 - 0.001)
    assert early.told == []
    desk.wait(0.002)
    assert (early.told, late.told) == (["timed out"], [])
    desk.wait(borrow_timeout / 2 - 0.002)
    assert late.told == []
    desk.wait(0.002)
    assert late.told == ["timed out"]
    assert (desk.lending.timeouts, desk.lending.waiting) == (2, 0)


@pytest.mark.parametrize("now", [0.1 * each for each in range(50)])
def test_an_alarm_that_rings_at_its_time_finds_whom_it_rings_for(now: float) -> None:
    desk = Desk(ceiling=1, borrow_timeout=2.3)
    desk.now = now
    borrower = desk.come()
    (when, call) = desk.alarms.pop()
    desk.now = when
    call()
    assert borrower.told == ["timed out"]


def test_a_timeout_of_0_gives_what_is_there_or_nothing() -> None:
    desk = Desk(ceiling=2, borrow_timeout=0)
    refused = desk.come()
    assert refused.told == []  # it does not know yet that it waits
    desk.wait(0)
    assert refused.told == ["timed out"]
    connection = desk.open_next()
    assert refused.told == ["timed out"]
    served = desk.come()
    assert served.connection is connection
    desk.come()
    desk.wait(0)
    assert desk.asked == [_ALICE]
    desk.come()
    desk.wait(0)
    assert desk.asked == [_ALICE]  # one that is being opened is for the next


def test_a_shorter_timeout_ends_the_wait_of_those_who_waited_longer() -> None:
    desk = Desk(ceiling=1)
    desk.lent()
    waits = desk.come()
    desk.wait(5)
    newer = desk.come()
    desk.lending.change(ceiling=1, borrow_timeout=4)
    assert (waits.told, newer.told) == (["timed out"], [])
    desk.wait(4)
    assert newer.told == ["timed out"]


def test_a_longer_timeout_is_that_of_those_who_wait() -> None:
    desk = Desk(ceiling=1, borrow_timeout=1)
    desk.lent()
    waits = desk.come()
    desk.lending.change(ceiling=1, borrow_timeout=3)
    desk.wait(2.9)
    assert waits.told == []
    desk.wait(0.2)
    assert waits.told == ["timed out"]


def test_a_higher_ceiling_opens_for_those_who_wait() -> None:
    desk = Desk(ceiling=1)
    desk.lent()
    waiting = [desk.come() for _ in range(3)]
    desk.lending.change(ceiling=3, borrow_timeout=120)
    assert desk.asked == [_ALICE, _ALICE]
    desk.open_next()
    desk.open_next()
    assert [each.told for each in waiting] == [["granted"], ["granted"], []]


def test_a_lower_ceiling_closes_as_many_of_the_idle_as_are_too_many() -> None:
    desk = Desk(ceiling=5)
    borrowers = [desk.lent() for _ in range(5)]
    for each in borrowers[:3]:
        desk.give_back(each)
    desk.lending.change(ceiling=4, borrow_timeout=120)
    assert (desk.lending.open, desk.lending.idle) == (4, 2)
    desk.lending.change(ceiling=1, borrow_timeout=120)
    assert (desk.lending.open, desk.lending.idle) == (2, 0)
    desk.give_back(borrowers[3])
    assert (desk.lending.open, desk.lending.idle) == (1, 0)
    desk.give_back(borrowers[4])
    assert (desk.lending.open, desk.lending.idle) == (1, 1)


def test_a_stale_one_is_closed_when_it_comes_back_and_another_opened_in_its_place() -> None:
    desk = Desk(ceiling=1)
    served, waits = desk.lent(), desk.come()
    stale = served.connection
    assert stale is not None
    stale.is_stale = True
    desk.give_back(served)
    assert (desk.closed, desk.asked, waits.told) == ([stale], [_ALICE], [])
    desk.open_next()
    assert waits.told == ["granted"]


def test_one_that_is_not_to_be_had_is_tried_again() -> None:
    desk = Desk(ceiling=1)
    first, second = desk.come(), desk.come()
    assert desk.lending.not_opened(desk.asked.pop()) == [first, second]
    assert (desk.asked, desk.lending.open) == ([], 0)
    desk.lending.retry()
    assert (desk.asked, desk.lending.open) == ([_ALICE], 1)
    desk.open_next()
    assert first.told == ["granted"]


def test_one_that_fails_at_once_is_not_asked_for_without_end() -> None:
    asked: list[Key] = []

    def open_(key: Key) -> None:
        asked.append(key)
        assert len(asked) < 100
        lending.not_opened(key)

    def close(_: Connection) -> None:
        raise AssertionError

    lending = Lending[Connection](open_=open_, close=close, alarm=lambda *_: None)
    lending.change(ceiling=5, borrow_timeout=1)
    for _ in range(3):
        lending.borrow(Borrower(_ALICE))
    assert (lending.open, lending.opening, lending.waiting) == (0, 0, 3)
    before = len(asked)
    lending.retry()
    assert len(asked) == before + 1


def test_what_clients_waited_is_counted() -> None:
    desk = Desk(ceiling=1, borrow_timeout=5)
    served = desk.lent()
    desk.come()
    desk.come()
    desk.wait(2)
    desk.give_back(served)
    desk.wait(3)
    lending = desk.lending
    assert (lending.borrows, lending.timeouts) == (2, 1)
    assert lending.borrow_seconds == pytest.approx(2 + 5)


class Counter(RuleBasedStateMachine):
    """Clients of three users come, go and are slow; connections open, fail, grow old; settings change."""

    @initialize(ceiling=st.integers(1, 4), borrow_timeout=st.sampled_from([0, 0.5, 3.0]))
    def begin(self, ceiling: int, borrow_timeout: float) -> None:
        self.desk = Desk(ceiling=ceiling, borrow_timeout=borrow_timeout)
        self.ceiling = ceiling
        self.borrowers: list[Borrower] = []
        self.open: list[Connection] = []
        self.passed_over: set[Borrower] = set()
        self.has_failed = False

    @property
    def waiting(self) -> list[Borrower]:
        return [each for each in self.borrowers if each.connection is None and not each.told]

    @property
    def having(self) -> list[Borrower]:
        return [each for each in self.borrowers if each.connection is not None]

    @rule(key=st.sampled_from([_ALICE, _BOB, _CAROL]))
    def come(self, key: Key) -> None:
        self.desk.wait(0.001)  # no two come at once
        self.borrowers.append(self.desk.come(key))

    @precondition(lambda self: self.having)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        borrower = data.draw(st.sampled_from(self.having))
        connection = borrower.connection
        assert connection is not None
        first = next((each for each in self.waiting if each.key == connection.key), None)
        oldest = self.waiting[0] if self.waiting else None
        is_urgent = oldest is not None and self.desk.now - oldest.came >= 0.21
        is_kept = not connection.is_stale and self.desk.lending.open <= self.ceiling
        opening = list(self.desk.asked)
        self.borrowers.remove(borrower)
        self.desk.give_back(borrower)
        if is_kept and first is not None and first is oldest:
            assert first.connection is connection
        if is_kept and is_urgent and oldest is not None:
            assert oldest.connection is not None or oldest.key in opening or oldest.key in self.desk.asked

    @precondition(lambda self: self.having)
    @rule(data=st.data())
    def break_off(self, data: st.DataObject) -> None:
        borrower = data.draw(st.sampled_from(self.having))
        self.borrowers.remove(borrower)
        assert borrower.connection is not None
        self.desk.lending.close(borrower.connection)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        borrower = data.draw(st.sampled_from(self.waiting))
        self.borrowers.remove(borrower)
        self.desk.lending.leave(borrower)

    @precondition(lambda self: self.desk.asked)
    @rule()
    def open_next(self) -> None:
        self.open.append(self.desk.open_next())

    @precondition(lambda self: self.desk.asked)
    @rule()
    def fail(self) -> None:
        self.desk.lending.not_opened(self.desk.asked.pop(0))
        self.desk.lending.retry()

    @rule(seconds=st.sampled_from([0, 0.1, 0.25, 1.0]))
    def wait(self, seconds: float) -> None:
        self.desk.wait(seconds)

    @rule(ceiling=st.integers(1, 4), borrow_timeout=st.sampled_from([0, 0.5, 3.0]))
    def change(self, ceiling: int, borrow_timeout: float) -> None:
        self.ceiling = ceiling
        self.desk.lending.change(ceiling=ceiling, borrow_timeout=borrow_timeout)

    @precondition(lambda self: self.having)
    @rule(data=st.data())
    def grow_old(self, data: st.DataObject) -> None:
        connection = data.draw(st.sampled_from(self.having)).connection
        assert connection is not None
        connection.is_stale = True

    @rule()
    def drop_idle(self) -> None:
        self.desk.lending.drop(lambda _: True)
        assert self.desk.lending.idle == 0

    @invariant()
    def books_agree(self) -> None:
        lending, having = self.desk.lending, [each.connection for each in self.having]
        assert len({*having}) == len(having), "two have the same"
        assert not {*having} & {*self.desk.closed}, "one has what is closed"
        assert lending.opening == len(self.desk.asked)
        assert lending.waiting == len(self.waiting)
        assert lending.open == len(having) + lending.idle + lending.opening
        assert lending.open == len(set(self.open) - set(self.desk.closed)) + lending.opening
        assert len(self.desk.closed) == len({*self.desk.closed}), "closed twice"

    @invariant()
    def nobody_goes_beyond_the_ceiling(self) -> None:
        # After it was lowered those that are out may come back first; nothing is opened or kept idle meanwhile.
        lending = self.desk.lending
        assert lending.open <= self.ceiling or not lending.idle

    @invariant()
    def nobody_waits_while_there_is_room(self) -> None:
        idle = {*self.open} - {*self.desk.closed} - {each.connection for each in self.having}
        assert len(idle) == self.desk.lending.idle
        for each in self.waiting:
            assert each.key not in {connection.key for connection in idle}
            # At the ceiling an idle one of another user gives way.
            assert each.key in self.desk.asked or (self.desk.lending.open >= self.ceiling and not idle)

    @invariant()
    def nobody_waits_longer_than_the_setting(self) -> None:
        timeout = self.desk.lending.borrow_timeout
        assert all(self.desk.now - each.came <= timeout + 1e-9 for each in self.waiting)
        assert all(each.told in ([], ["granted"], ["timed out"]) for each in self.borrowers)

    def teardown(self) -> None:
        """When all give back what they have, everybody is served."""
        if not hasattr(self, "desk"):
            return
        self.desk.lending.change(ceiling=self.ceiling, borrow_timeout=1e6)
        for _ in range(3 * len(self.borrowers) + 30):
            self.desk.wait(0.25)
            if self.desk.asked:
                self.open.append(self.desk.open_next())
            elif self.having:
                self.give_back_first()
        assert not self.waiting

    def give_back_first(self) -> None:
        borrower = self.having[0]
        self.borrowers.remove(borrower)
        self.desk.give_back(borrower)


TestCounter = Counter.TestCase
