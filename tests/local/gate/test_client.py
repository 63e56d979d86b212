"""Clients and database connections at a house of the tests' own: each socket's other end is in the test's hand."""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.gate.client import _CRASHED, Client, Who
from local.gate.database_connection import DatabaseConnection
from local.gate.lending import Key, Lending
from local.gate.protocol import Refusal, message, messages, query
from local.gate.reactor import READ, WRITE, Conversation, Reactor
from local.gate.side import CHUNK_BYTES
from ops.pinning.rule import Rule

_WHO = Who(user="app", database="app")
_OTHER = Who(user="app", database="app", variables={"TimeZone": "UTC"})
_GREETING = message(b"Z", b"I")
_SET, _DONE = query("the settings"), message(b"C", b"SELECT 1\0") + message(b"Z", b"I")
_SYNC, _TERMINATE, _STRAY = message(b"S", b""), message(b"X", b""), message(b"d", b"stray")
_IN_TRANSACTION = message(b"C", b"BEGIN\0") + message(b"Z", b"T")
_FATAL = message(b"E", b"SFATAL\0C57P01\0Mterminating connection\0\0")


class House:
    """A gate without logins and PgBouncer."""

    def __init__(self, *, ceiling: int = 1, knows: bool = True) -> None:
        self.reactor = Reactor()
        self.lending = Lending[DatabaseConnection](open_=self.asked_for, close=self._close, alarm=self.reactor.call_at)
        self.lending.change(ceiling=ceiling, borrow_timeout=60)
        self.knows = knows
        self.opens_at_once = False
        self.asked: list[Key] = []
        self.closed: list[DatabaseConnection] = []
        self.left: list[Client] = []
        self.pins: list[str] = []
        self.connections: dict[DatabaseConnection, socket.socket] = {}
        self.clients: dict[Client, socket.socket] = {}

    def asked_for(self, key: Key) -> None:
        self.asked.append(key)
        if self.opens_at_once:
            self.open_next()

    def knows_greeting(self, who: Who) -> bytes | None:
        return _GREETING if self.knows else None

    def prepare(self, connection: DatabaseConnection, who: Who) -> Conversation:
        yield connection.fileno, WRITE
        connection.socket.sendall(_SET)
        said = b""
        while not said.endswith(_DONE):
            yield connection.fileno, READ
            part = connection.socket.recv(1000)
            if not part:
                raise EOFError
            said += part
        connection.variables = who.variables
        self.knows = True

    def pinned(self, client: Client, rule: Rule, text: str) -> None:
        self.pins.append(rule.name)

    def will_pin(self, client: Client, rule: Rule, text: str) -> None:
        pass

    def too_long(self) -> Refusal:
        return Refusal("08000", "too long")

    def returned(self, connection: DatabaseConnection) -> None:
        assert connection.client is not None, "given back twice"
        connection.client = None

    def gone(self, client: Client) -> None:
        assert client not in self.left, "gone twice"
        self.left.append(client)

    # What tests do.

    def open_next(self) -> socket.socket:
        """The database's end of a connection that was asked for."""
        ours, database = socket.socketpair()
        ours.setblocking(False)
        connection = DatabaseConnection(self.reactor, ours, key=self.asked.pop(0), statuses={}, lost=self._lost)
        connection.watch(reads=True)
        self.connections[connection] = database
        self.lending.opened(connection)
        return database

    def come(self, who: Who = _WHO) -> socket.socket:
        """The client's end of a client that is in, and was greeted if that is known."""
        ours, end = socket.socketpair()
        ours.setblocking(False)
        client = Client(self, ours, who, len(self.clients) + 1)
        self.clients[client] = end
        client.enter()
        if self.knows:
            assert self.hear(end, len(_GREETING)) == _GREETING
        return end

    def turn(self) -> None:
        for _ in range(6):
            self.reactor.turn(0)

    def hear(self, end: socket.socket, count: int) -> bytes:
        """What comes out at an end, up to so many bytes."""
        data = b""
        end.setblocking(False)
        for _ in range(3 + count // 1000):
            self.turn()
            with suppress(BlockingIOError):
                data += end.recv(count - len(data))
            if len(data) == count:
                break
        return data

    def is_ended(self, end: socket.socket) -> bool:
        self.turn()
        end.setblocking(False)
        try:
            return end.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True

    def _close(self, connection: DatabaseConnection) -> None:
        assert connection not in self.closed, "closed twice"
        self.closed.append(connection)
        connection.close()

    def _lost(self, connection: DatabaseConnection) -> None:
        if connection not in self.closed:
            if connection.client is not None:
                client = connection.client
                self.returned(connection)
                client.lost()
            self.lending.close(connection)

    def end(self) -> None:
        for client, end in self.clients.items():
            client.leave()
            end.close()
        for connection, database in self.connections.items():
            connection.close()
            database.close()


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.end()


def lent(house: House, said: bytes) -> tuple[socket.socket, socket.socket]:
    """A client's end and the database's, after what the client said has arrived there."""
    client = house.come()
    client.sendall(said)
    house.turn()
    database = house.open_next()
    assert house.hear(database, len(said)) == said
    return client, database


def test_a_statement_borrows_and_its_answer_gives_back(house: House) -> None:
    client, database = lent(house, query("SELECT 1"))
    assert house.lending.idle == 0
    database.sendall(_DONE)
    assert house.hear(client, len(_DONE)) == _DONE
    assert house.lending.idle == 1


def test_a_transaction_keeps_its_connection(house: House) -> None:
    client, database = lent(house, query("BEGIN"))
    database.sendall(_IN_TRANSACTION)
    house.hear(client, len(_IN_TRANSACTION))
    assert house.lending.idle == 0
    client.sendall(query("COMMIT"))
    house.hear(database, len(query("COMMIT")))
    database.sendall(_DONE)
    house.hear(client, len(_DONE))
    assert house.lending.idle == 1


def test_who_waits_is_served_when_another_gives_back(house: House) -> None:
    client, database = lent(house, query("SELECT 1"))
    other = house.come()
    other.sendall(query("SELECT 2"))
    house.turn()
    database.sendall(_DONE)
    assert house.hear(database, len(query("SELECT 2"))) == query("SELECT 2")
    assert house.hear(client, len(_DONE)) == _DONE
    database.sendall(_DONE)
    assert house.hear(other, len(_DONE)) == _DONE


def test_who_is_new_of_its_kind_is_greeted_once_an_idle_connection_is_prepared() -> None:
    house = House()
    client, database = lent(house, query("SELECT 1"))
    database.sendall(_DONE)
    house.hear(client, len(_DONE))
    house.knows = False
    newcomer = house.come(_OTHER)
    assert house.hear(database, len(_SET)) == _SET
    database.sendall(_DONE)
    assert house.hear(newcomer, 100) == _GREETING
    assert house.lending.idle == 1
    house.end()


def test_what_is_said_while_a_connection_is_prepared_comes_after(house: House) -> None:
    client, database = lent(house, query("SELECT 1"))
    database.sendall(_DONE)
    house.hear(client, len(_DONE))
    other = house.come(_OTHER)
    other.sendall(query("SELECT 2"))
    assert house.hear(database, 1000) == _SET
    other.sendall(query("SELECT 3"))
    house.turn()
    database.sendall(_DONE)
    assert house.hear(database, 1000) == query("SELECT 2") + query("SELECT 3")
    assert house.hear(other, 100) == b""


def test_who_goes_as_it_is_greeted_leaves_nothing_behind() -> None:
    house = House(knows=False)
    client = house.come()
    client.sendall(query("SET a = b"))
    house.turn()
    database = house.open_next()
    assert house.hear(database, len(_SET)) == _SET
    database.sendall(_DONE)
    client.close()
    house.turn()
    assert len(house.left) == 1
    assert house.lending.idle + len(house.closed) == 1
    assert house.hear(database, 1) == b"", "somebody who is gone was lent it"
    house.end()


_BATCH = message(b"P", b"\0SELECT 1\0\0\0")
_HELD = message(b"P", b"name\0SELECT 1\0\0\0") + _SYNC


def test_a_client_that_is_granted_a_connection_while_it_asks_goes_on_speaking(house: House) -> None:
    house.opens_at_once = True
    client = house.come()
    client.sendall(query("BEGIN"))
    house.turn()
    (database,) = house.connections.values()
    assert house.hear(database, len(query("BEGIN"))) == query("BEGIN")
    database.sendall(_IN_TRANSACTION)
    house.hear(client, len(_IN_TRANSACTION))
    client.sendall(query("SELECT 1"))
    assert house.hear(database, len(query("SELECT 1"))) == query("SELECT 1")


@pytest.mark.parametrize(
    ("said", "answered", "last", "rest"),
    [
        (query("SELECT 1"), b"", b"f", _DONE),
        (query("SELECT 1"), _DONE[:-1], b"f", _DONE[-1:]),
        (query("SELECT 1") + query("SELECT 2"), _DONE, b"f", _DONE),
        (query("BEGIN") + query("SELECT 1"), _IN_TRANSACTION, b"f", message(b"Z", b"T")),
        (query("SELECT 1") + _BATCH, b"", b"fS", _DONE + message(b"1", b"") + message(b"Z", b"I")),
    ],
)
def test_what_is_still_at_work_when_its_client_goes_counts_as_a_connection_until_it_ends(
    house: House, said: bytes, answered: bytes, last: bytes, rest: bytes
) -> None:
    client = house.come()
    client.sendall(said)
    house.turn()
    database = house.open_next()
    house.turn()
    database.sendall(answered)
    house.turn()
    client.close()
    house.turn()
    assert (house.lending.idle, house.lending.open, len(house.closed), len(house.left)) == (0, 1, 0, 1)
    heard = database.recv(1000)
    assert heard.startswith(said) and b"".join(kind for kind, _ in messages(heard[len(said) :])) == last
    database.sendall(rest)
    house.turn()
    assert (house.lending.idle, house.lending.open, len(house.closed)) == (0, 0, 1)


def test_what_was_at_work_ends_with_its_database(house: House) -> None:
    client, database = lent(house, query("SELECT 1"))
    client.close()
    house.turn()
    database.close()
    house.turn()
    assert (house.lending.open, len(house.closed)) == (0, 1)


@pytest.mark.parametrize(
    ("said", "answered", "is_kept"),
    [
        (query("SELECT 1"), _DONE, True),
        (query("BEGIN"), _IN_TRANSACTION, False),
        (query("SET a = 'b'"), _DONE, False),
        (_BATCH, b"", False),
        (_BATCH + _SYNC, message(b"1", b"") + message(b"Z", b"I"), False),
        (_HELD, message(b"1", b"") + message(b"Z", b"I"), False),
        (query("SELECT 1")[:-3], b"", False),
        (query("x" * 30_000)[:-3], b"", False),
        (query("SELECT 1") + _TERMINATE, _DONE, True),
        (query("BEGIN") + _TERMINATE, _IN_TRANSACTION, False),
    ],
)
@pytest.mark.parametrize("goes", ["closes", "resets"])
def test_who_goes_at_any_moment_leaves_its_connection_clean_or_closed(
    house: House, said: bytes, answered: bytes, *, is_kept: bool, goes: str
) -> None:
    client = house.come()
    client.sendall(said)
    house.turn()
    database = house.open_next()
    house.turn()
    database.sendall(answered)
    house.turn()
    if goes == "resets":
        client.shutdown(socket.SHUT_RDWR)
    client.close()
    house.turn()
    # What has no whole message was not sent: the connection went back at once.
    is_kept = is_kept or said == query("SELECT 1")[:-3]
    assert (house.lending.idle, len(house.closed)) == ((1, 0) if is_kept else (0, 1))
    assert len(house.left) == 1
    assert house.lending.open == house.lending.idle


def test_who_goes_while_it_waits_is_forgotten(house: House) -> None:
    _, database = lent(house, query("SELECT 1"))
    waits = house.come()
    waits.sendall(query("SELECT 2"))
    house.turn()
    assert house.lending.waiting == 1
    waits.close()
    house.turn()
    assert house.lending.waiting == 0
    database.sendall(_DONE)
    house.turn()
    assert house.lending.idle == 1


def test_who_goes_while_its_connection_is_prepared_leaves_it_closed(house: House) -> None:
    client, database = lent(house, query("SELECT 1"))
    database.sendall(_DONE)
    house.hear(client, len(_DONE))
    other = house.come(_OTHER)
    other.sendall(query("SELECT 2"))
    assert house.hear(database, len(_SET)) == _SET
    other.close()
    house.turn()
    assert len(house.closed) == 1
    assert house.lending.open == 0


def test_a_connection_lost_while_it_is_prepared_ends_its_client(house: House) -> None:
    client, database = lent(house, query("SELECT 1"))
    database.sendall(_DONE)
    house.hear(client, len(_DONE))
    other = house.come(_OTHER)
    other.sendall(query("SELECT 2"))
    assert house.hear(database, len(_SET)) == _SET
    database.close()
    assert house.is_ended(other)
    assert (len(house.closed), house.lending.open) == (1, 0)


def test_an_idle_connection_that_is_lost_is_closed_and_its_last_client_stays(house: House) -> None:
    client, database = lent(house, query("SELECT 1"))
    database.sendall(_DONE)
    house.hear(client, len(_DONE))
    database.sendall(_FATAL)
    database.close()
    assert not house.is_ended(client)
    assert (len(house.closed), house.lending.open) == (1, 0)


@pytest.mark.parametrize("speaks", [False, True])
def test_what_the_database_said_last_arrives_before_the_end(house: House, *, speaks: bool) -> None:
    client, database = lent(house, query("BEGIN"))
    database.sendall(_IN_TRANSACTION)
    house.hear(client, len(_IN_TRANSACTION))
    database.sendall(_FATAL)
    database.close()
    if speaks:
        client.sendall(query("SELECT 1"))
    assert house.hear(client, len(_FATAL)) == _FATAL
    assert house.is_ended(client)
    assert len(house.closed) == 1


@pytest.mark.parametrize("apart", [False, True])
def test_what_pgbouncer_adds_to_the_databases_last_words_is_left_out(house: House, *, apart: bool) -> None:
    client, database = lent(house, query("BEGIN"))
    database.sendall(_IN_TRANSACTION)
    house.hear(client, len(_IN_TRANSACTION))
    database.sendall(_FATAL)
    if apart:
        house.turn()
    database.sendall(_CRASHED)
    database.close()
    assert house.hear(client, len(_FATAL)) == _FATAL
    assert house.is_ended(client)


def test_a_value_that_ends_like_pgbouncers_last_words_arrives_whole(house: House) -> None:
    client, database = lent(house, query("SELECT 1"))
    row = message(b"D", b"x" * 10 + _CRASHED)
    database.sendall(row)
    assert house.hear(client, len(row)) == row


def test_what_the_database_said_last_arrives_at_a_slow_reader(house: House) -> None:
    client, database = lent(house, query("SELECT 1"))
    rows = message(b"D", b"x" * 100_000) * 20
    database.setblocking(False)
    sent = 0
    data = rows + _FATAL
    for _ in range(200):
        with suppress(BlockingIOError):
            sent += database.send(data[sent:])
        house.turn()
        if sent == len(data):
            break
    heard = b""
    while sent < len(data) or len(heard) < len(data):
        if sent < len(data):
            with suppress(BlockingIOError):
                sent += database.send(data[sent:])
            if sent == len(data):
                database.close()
        elif database.fileno() != -1:
            database.close()
        part = house.hear(client, 50_000)
        assert part
        heard += part
    assert heard == data
    assert house.is_ended(client)


def test_a_slow_reader_is_not_read_for_and_nothing_spins(house: House) -> None:
    client, database = lent(house, query("SELECT 1"))
    database.setblocking(False)
    blocked = [0]
    for _ in range(300):
        with suppress(BlockingIOError):
            database.send(message(b"D", b"x" * 10_000))
        house.turn()
        blocked.append(len(next(iter(house.clients)).blocked))
    assert 0 < max(blocked) <= 2 * CHUNK_BYTES
    assert house.reactor._epoll.poll(0) == []  # nothing is ready, again and again
    assert house.hear(client, 1_000_000)


def test_a_database_that_does_not_read_stops_its_client_and_nothing_spins(house: House) -> None:
    client, database = lent(house, query("COPY a FROM STDIN"))
    client.setblocking(False)
    part = message(b"d", b"x" * 10_000)
    sent = 0
    waited = 0
    while waited < 20:
        try:
            sent += client.send(part)
            waited = 0
        except BlockingIOError:
            waited += 1
        house.turn()
    connection = next(iter(house.connections))
    assert 0 < len(connection.blocked) <= 2 * CHUNK_BYTES
    assert house.reactor._epoll.poll(0) == []
    heard = house.hear(database, sent)
    assert len(heard) == sent
    assert connection.blocked == b""


def test_what_is_said_while_it_waits_is_bounded(house: House) -> None:
    lent(house, query("SELECT 1"))
    waits = house.come()
    waits.setblocking(False)
    for _ in range(500):
        with suppress(BlockingIOError):
            waits.send(query("x" * 10_000))
        house.turn()
    client = [*house.clients][-1]
    assert CHUNK_BYTES <= len(client._inbox) <= 2 * CHUNK_BYTES


@pytest.mark.parametrize("goes", [False, True])
def test_a_connection_with_something_unsent_of_one_client_is_not_lent_to_the_next(house: House, *, goes: bool) -> None:
    client, database = lent(house, query("SELECT 1"))
    (connection,) = house.connections
    client.setblocking(False)
    while not connection.blocked:
        with suppress(BlockingIOError):
            client.send(message(b"d", b"." * 9_995))
        house.turn()
    database.sendall(_DONE)
    house.turn()
    if goes:
        client.close()
        house.turn()
    assert house.closed == [connection]


@pytest.mark.parametrize(
    "said",
    [_STRAY, _STRAY + _TERMINATE, message(b"H", b""), b"not PostgreSQL's", query("x" * 9)[:7], message(b"p", b"")],
)
def test_many_who_wait_with_nothing_to_be_answered_are_served_without_a_deep_stack(house: House, said: bytes) -> None:
    for _ in range(300):  # each takes several calls: beyond Python's limit of 1,000 if one led to the next
        house.come().sendall(said)
        house.turn()
    assert house.lending.waiting == 300
    for _ in range(10):
        if house.asked:
            database = house.open_next()
            database.setblocking(False)
        house.turn()
        with suppress(BlockingIOError, UnboundLocalError):
            while database.recv(CHUNK_BYTES):
                pass
    assert house.lending.waiting == 0
    assert house.lending.open == house.lending.idle


def test_a_garbled_message_is_refused_and_its_connection_goes_to_the_next(house: House) -> None:
    client, database = lent(house, query("BEGIN"))
    other = house.come()
    other.sendall(query("SELECT 2"))
    database.sendall(_IN_TRANSACTION)
    house.hear(client, len(_IN_TRANSACTION))
    client.sendall(b"\x07garbage")
    house.turn()
    assert b"08P01" in house.hear(client, 100)
    assert len(house.closed) == 1
    house.open_next()
    assert other.fileno() > 0


def test_who_says_goodbye_in_a_transaction_is_gone_though_its_socket_stays_open(house: House) -> None:
    client, database = lent(house, query("BEGIN"))
    database.sendall(_IN_TRANSACTION)
    house.hear(client, len(_IN_TRANSACTION))
    client.sendall(_TERMINATE)
    assert house.is_ended(client)
    assert len(house.closed) == 1


def test_a_length_beyond_all_bounds_ends_one_client_and_no_other(house: House) -> None:
    _, database = lent(house, query("SELECT 1"))
    waits = house.come()
    waits.sendall(b"B" + struct.pack("!I", 0xFFFFFFFF) + b"\0" * 30_000)
    house.turn()
    database.sendall(_DONE)
    house.turn()
    assert len(house.left) == 1


class Echo:
    """A database's end that answers each query with its text, and knows transactions."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self.end = end
        self.status = b"I"
        self._heard = self._unsaid = b""
        self._is_over = False

    def speak(self, count: int) -> None:
        """Say so many bytes more."""
        if self._is_over:
            return
        with suppress(BlockingIOError, ConnectionError):
            self._heard += self.end.recv(CHUNK_BYTES)
        for _, body in messages(self._heard):
            self._heard = self._heard[5 + len(body) :]
            text = body[:-1]
            if text == b"the settings":
                self._unsaid += _DONE
                continue
            self.status = {b"BEGIN": b"T", b"COMMIT": b"I"}.get(text.partition(b" ")[0], self.status)
            self._unsaid += answer(text, self.status)
        part, self._unsaid = self._unsaid[:count], self._unsaid[count:]
        with suppress(ConnectionError):
            self.end.sendall(part)

    def die(self) -> None:
        self._is_over = True
        self.end.close()


def answer(text: bytes, status: bytes) -> bytes:
    return message(b"D", text) + message(b"C", b"SELECT 1\0") + message(b"Z", status)


_clients = st.integers(0, 3)
_moments = st.one_of(
    st.tuples(st.sampled_from(["SELECT", "SELECT", "BEGIN", "COMMIT", "SET a ="]), _clients, st.just(0)),
    st.tuples(st.just("begins"), _clients, st.integers(1, 12)),
    st.tuples(st.just("speaks"), _clients, st.integers(1, 200)),
    st.tuples(st.just("leaves"), _clients, st.just(0)),
    st.tuples(st.just("dies"), _clients, st.just(0)),
    st.tuples(st.just("opens"), _clients, st.just(0)),
)


@settings(max_examples=150)
@given(st.integers(1, 2), st.lists(_moments, max_size=40))
def test_whoever_comes_and_goes_each_hears_its_own_answers(ceiling: int, moments: list[tuple[str, int, int]]) -> None:
    house = House(ceiling=ceiling)
    ends = [house.come(_WHO if number % 2 else _OTHER) for number in range(4)]
    heard, expected, unsent, status = [b""] * 4, [b""] * 4, [b""] * 4, [b"I"] * 4
    databases: list[Echo] = []
    gone: set[int] = set()
    for number, (what, which, value) in enumerate(moments):
        if what.partition(" ")[0].isupper() and which not in gone:
            text = f"{what} {which}.{number}".encode()
            status[which] = {"BEGIN": b"T", "COMMIT": b"I"}.get(what, status[which])
            expected[which] += answer(text, status[which])
            with suppress(ConnectionError):  # its connection may have died
                ends[which].sendall(unsent[which] + query(text.decode()))
            unsent[which] = b""
        elif what == "begins" and which not in gone and not unsent[which]:
            text = f"SELECT {which}.{number}".encode()
            whole = query(text.decode())
            expected[which] += answer(text, status[which])
            with suppress(ConnectionError):
                ends[which].sendall(whole[:value])
            unsent[which] = whole[value:]
        elif what == "leaves" and which not in gone:
            gone.add(which)
            ends[which].close()
        elif what == "opens" and house.asked:
            databases.append(Echo(house.open_next()))
        elif databases and what in ("speaks", "dies"):
            database = databases[which % len(databases)]
            if what == "dies":
                database.die()
            else:
                database.speak(value)
        house.turn()
        for client, end in enumerate(ends):
            if client not in gone:
                with suppress(ConnectionError):
                    heard[client] += house.hear(end, 100_000)
                assert expected[client].startswith(heard[client]), "this was another one's, or for nobody"
        having = [each for each in house.connections if each.client is not None]
        assert house.lending.open == len(having) + house.lending.idle + house.lending.opening <= ceiling
        assert len(house.connections) - len(house.closed) == len(having) + house.lending.idle
        assert all(each.client not in house.left for each in having), "somebody who is gone has it"
        assert len({id(each.client) for each in having}) == len(having)
    house.end()
