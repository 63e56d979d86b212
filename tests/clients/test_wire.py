"""What clients may say, byte by byte, and what the next one must not notice of it."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clients.stand import CEILING, Door, Stand
from tests.clients.wire import (
    COPY_DONE,
    EXECUTE,
    FLUSH,
    SYNC,
    TERMINATE,
    Answer,
    Wire,
    bind,
    close,
    copy_data,
    copy_fail,
    describe,
    fields,
    parse,
    query,
)
from tests.handler.cloud import APPLICATION
from tests.waiting import until

pytestmark = pytest.mark.servers

MEGABYTE = 1 << 20
# What Python's own memory for some thousand objects may take; without a bound each test here reaches many times that.
SOME_MEGABYTES = 40 * MEGABYTE
READY = b"Z\0\0\0\x05I"
each_number = st.integers(0, 2**31 - 1)


@pytest.fixture
def door(stand: Stand) -> Door:
    return stand.patient


@pytest.fixture
def wire(door: Door) -> Iterator[Wire]:
    with Wire(door.at) as wire:
        yield wire


def value(answers: list[Answer]) -> list[bytes]:
    return [body for kind, body in answers if kind == b"D"]


def state(wire: Wire) -> list[list[bytes | None]]:
    """What a client finds on its connection that others may have left there."""
    return wire.rows(
        query(
            "SELECT current_setting('timezone'), to_regclass('pg_temp.mine'), "
            "(SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors), "
            "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), "
            "(SELECT count(*) FROM pg_listening_channels())"
        )
    )


CLEAN = [[b"UTC", None, b"0", b"0", b"0", b"0"]]


def all_connections_are_clean(door: Door) -> None:
    """Every database connection, looked at by a client of its own."""
    with contextlib.ExitStack() as clients:
        wires = [clients.enter_context(Wire(door.at)) for _ in range(CEILING)]
        for each in wires:
            each.ask(query("BEGIN"))
        assert [state(each) for each in wires] == [CLEAN] * CEILING


def nothing_is_lent(door: Door) -> bool:
    seen = door.seen()
    return (seen.clients, seen.borrowed, seen.waiting, seen.pinned, seen.held) == (0, 0, 0, 0, 0)


@contextlib.contextmanager
def others(door: Door, count: int = 2 * CEILING) -> Iterator[None]:
    """So many other clients that work all the time, each with its own statement."""
    stopping = threading.Event()

    def work(own: int) -> None:
        with Wire(door.at) as wire:
            while not stopping.is_set():
                text = f"SELECT $1::int + {own}"
                assert wire.rows(parse("", text), bind("", b"1"), EXECUTE, SYNC) == [[b"%d" % (1 + own)]]

    with ThreadPoolExecutor(count) as pool:
        working = [pool.submit(work, own) for own in range(count)]
        try:
            yield
        finally:
            stopping.set()
        for each in working:
            each.result()


def test_what_was_parsed_before_sync_is_executed_after_it_while_others_use_the_connections(
    door: Door, wire: Wire
) -> None:
    with others(door):
        for number in range(100):
            wire.ask(parse("", f"SELECT $1::int, {number}"), SYNC)

            assert wire.rows(bind("", b"7"), EXECUTE, SYNC) == [[b"7", b"%d" % number]]


def test_an_unnamed_statement_is_executed_again_while_nobody_else_had_the_connection(door: Door, wire: Wire) -> None:
    wire.ask(parse("", "SELECT $1::int"), SYNC)
    for number in range(50):
        assert wire.rows(bind("", b"%d" % number), EXECUTE, SYNC) == [[b"%d" % number]]


def test_an_unnamed_statement_whose_connection_others_had_gives_no_wrong_value(door: Door, wire: Wire) -> None:
    with others(door):
        for number in range(50):
            wire.ask(parse("", f"SELECT $1::int - {number}"), SYNC)
            assert wire.rows(bind("", b"%d" % number), EXECUTE, SYNC) == [[b"0"]]
            answers = wire.ask(bind("", b"%d" % number), EXECUTE, SYNC)

            refused = [fields(body) for kind, body in answers if kind == b"E"]
            assert value(answers) == [b"\0\x01\0\0\0\x010"] or "RDS Proxy multiplexes these" in refused[0]["M"]


def test_each_request_of_a_pipeline_is_answered_in_its_turn_while_others_work(door: Door, wire: Wire) -> None:
    with others(door):
        for round_ in range(20):
            numbers = range(round_, round_ + 30)
            wire.send(*(parse("", "SELECT $1::int") + bind("", b"%d" % each) + EXECUTE + SYNC for each in numbers))
            answers = [value(wire.until(b"Z")) for _ in numbers]

            assert [int(each[0][6:]) for each in answers] == list(numbers)


def test_a_named_statement_keeps_a_connection_until_it_is_closed(door: Door, wire: Wire) -> None:
    wire.ask(parse("mine", "SELECT 1"), SYNC)
    until(lambda: (door.seen().held, door.seen().pinned) == (1, 0))

    wire.ask(close("mine"), SYNC)

    until(lambda: (door.seen().held, door.seen().borrowed) == (0, 0))


def test_a_named_statement_that_was_refused_keeps_nothing(door: Door, wire: Wire) -> None:
    assert wire.refusal(parse("mine", "SELEC 1"), SYNC)["C"] == "42601"
    assert wire.refusal(parse("", "SELEC 1"), parse("mine", "SELECT 1"), SYNC)["C"] == "42601"

    until(lambda: door.seen().borrowed == 0)
    assert wire.refusal(bind("mine"), EXECUTE, SYNC)["C"] == "26000"


def test_a_named_statement_that_was_there_before_the_error_is_still_there(door: Door, wire: Wire) -> None:
    assert wire.refusal(parse("mine", "SELECT $1::int"), bind("mine", b"x"), EXECUTE, SYNC)["C"] == "22P02"

    assert wire.rows(bind("mine", b"5"), EXECUTE, SYNC) == [[b"5"]]


def test_a_transaction_keeps_its_connection_over_errors_and_gives_it_back_at_its_end(door: Door, wire: Wire) -> None:
    wire.ask(query("BEGIN"))
    assert wire.refusal(query("SELECT 1/0"))["C"] == "22012"
    until(lambda: door.seen().borrowed == 1)
    assert wire.refusal(query("SELECT 1"))["C"] == "25P02"

    wire.ask(query("ROLLBACK"))

    until(lambda: door.seen().borrowed == 0)


def test_rows_are_copied_in_and_out_by_either_protocol(door: Door, wire: Wire) -> None:
    into, out = "COPY copied FROM STDIN", "COPY (SELECT number FROM copied WHERE number < 0 ORDER BY 1) TO STDOUT"
    wire.ask(query("BEGIN"))

    wire.send(query(into))
    wire.until(b"G")
    assert wire.ask(copy_data(b"-3\n-2"), copy_data(b"\n"), COPY_DONE)[-1] == (b"Z", b"T")
    wire.send(parse("", into), bind(""), EXECUTE, FLUSH)
    wire.until(b"G")
    assert wire.ask(copy_data(b"-1\n"), COPY_DONE, SYNC)[-1] == (b"Z", b"T")
    for asked in ([query(out)], [parse("", out), bind(""), EXECUTE, SYNC]):
        assert b"".join(body for kind, body in wire.ask(*asked) if kind == b"d") == b"-3\n-2\n-1\n"

    wire.ask(query("ROLLBACK"))
    until(lambda: door.seen().borrowed == 0)


def test_a_sync_that_comes_before_the_data_of_a_copy_ends_nothing(door: Door, wire: Wire) -> None:
    wire.send(parse("", "COPY copied FROM STDIN"), bind(""), EXECUTE, SYNC)
    wire.until(b"G")
    wire.ask(copy_data(b"-9\n"), copy_fail("never mind"), SYNC)

    assert wire.rows(query("SELECT count(*) FROM copied WHERE number = -9")) == [[b"0"]]
    # Whether the server had left the first Sync out is not to be told, so the connection stays until the client goes.
    wire.socket.shutdown(socket.SHUT_RDWR)
    until(lambda: door.seen().borrowed == 0)


def test_a_copy_that_fails_is_told_and_gives_the_connection_back(door: Door, wire: Wire) -> None:
    for ending, code in ((copy_data(b"no number\n") + COPY_DONE, "22P02"), (copy_fail("never mind"), "57014")):
        wire.send(query("COPY copied FROM STDIN"))
        wire.until(b"G")
        assert wire.refusal(ending)["C"] == code

        assert wire.rows(query("SELECT 1")) == [[b"1"]]
        until(lambda: door.seen().borrowed == 0)


def test_a_value_made_of_the_bytes_of_readyforquery_is_a_value(door: Door, wire: Wire) -> None:
    with others(door):
        for times in (1, 1000, 100_000):
            sent = (READY * times).hex().encode()
            rows = wire.rows(parse("", "SELECT $1::bytea"), bind("", b"\\x" + sent), EXECUTE, SYNC)

            assert rows == [[b"\\x" + sent]]


def test_a_parameter_of_three_megabytes_comes_back(door: Door, wire: Wire) -> None:
    sent = b"0123456789abcdef" * (3 * MEGABYTE // 16)

    assert wire.rows(parse("", "SELECT $1::text"), bind("", sent), EXECUTE, SYNC) == [[sent]]
    assert door.seen().pinned == 0


_NAMES = st.sampled_from(["", "a", "b"])
_TEXTS = st.sampled_from(["SELECT $1::int", "SELECT 1/$1::int", "SELEC"])
_VALUES = st.sampled_from([b"0", b"1", b"x"])
_QUERIES = st.sampled_from(["SELECT 1", "SELECT 1; SELECT 2", "", "SELECT 1/0", "BEGIN", "COMMIT", "ROLLBACK"]).map(
    query
)


def _extended(names: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    return st.one_of(
        st.builds(parse, names, _TEXTS),
        st.builds(bind, names, _VALUES),
        names.map(describe),
        names.map(close),
        st.sampled_from([EXECUTE, FLUSH]),
    )


# Whether an unnamed statement is still there after a batch that failed, the gate does not know, and says no. So whoever
# compares uses it at once.
_AT_ONCE = st.builds(lambda text, value: parse("", text) + bind("", value) + EXECUTE, _TEXTS, _VALUES)
_IN_ORDER = st.one_of(_extended(st.sampled_from(["a", "b"])), _AT_ONCE)
_BATCHES = st.one_of(_QUERIES, st.lists(_IN_ORDER, max_size=8).map(lambda batch: b"".join([*batch, SYNC])))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(_BATCHES, max_size=8))
def test_whatever_is_asked_is_answered_as_by_the_database_itself(stand: Stand, asked: list[bytes]) -> None:
    assert answers(stand.patient.at, asked) == answers(stand.straight, asked)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.one_of(_QUERIES, _extended(_NAMES), st.just(SYNC)), max_size=16))
def test_whatever_is_asked_out_of_order_has_an_end(door: Door, asked: list[bytes]) -> None:
    answers(door.at, asked)

    until(lambda: nothing_is_lent(door))


def answers(at: dict[str, str], asked: list[bytes]) -> list[Answer]:
    """All that is told to who asks one thing after the other, and reads at the end."""
    with Wire(at) as wire:
        for each in asked:
            wire.send(each)
        # A Sync ends what is left out after an error, and then a word of our own ends the answers.
        wire.send(SYNC, query("ROLLBACK"), query("SELECT 'that is all'"))
        told: list[Answer] = []
        while not told or told[-1][1] != b"SELECT 1\0" or b"that is all" not in told[-2][1]:
            told.append(_without_place(wire.next()))
        return told


def _without_place(answer: Answer) -> Answer:
    """Errors without what differs between servers: the place in the server's source stays the same."""
    kind, body = answer
    return (kind, fields(body)["C"].encode()) if kind == b"E" else answer


_STREAMS = (
    [query("SET timezone TO 'Asia/Tokyo'"), query("CREATE TEMP TABLE mine ()"), query("SELECT pg_advisory_lock(4)")],
    [parse("a", "SELECT $1::int"), SYNC, bind("a", b"1"), EXECUTE, SYNC, parse("", "LISTEN x"), bind(""), EXECUTE],
    [query("BEGIN; SET LOCAL timezone TO 'Asia/Tokyo'"), query("DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT")],
    [query("COPY copied FROM STDIN"), copy_data(b"-5\n"), COPY_DONE, query("SELECT pg_sleep(0.01)"), TERMINATE],
    [parse("", "COPY copied FROM STDIN"), bind(""), EXECUTE, SYNC, copy_data(b"-5\n"), copy_fail("no"), SYNC],
    [query("BEGIN"), query("SELECT 1/0"), query("SELECT repeat('x', 300000)"), TERMINATE],
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_client_that_goes_at_any_byte_leaves_nothing_to_the_next_one(door: Door, data: st.DataObject) -> None:
    stream = b"".join(data.draw(st.sampled_from(_STREAMS)))
    cut = data.draw(st.integers(0, len(stream)))
    wire = Wire(door.at)
    wire.send(stream[:cut])
    wire.go()

    until(lambda: nothing_is_lent(door))
    all_connections_are_clean(door)


def test_who_never_reads_cannot_make_the_gate_keep_the_answers(door: Door, wire: Wire) -> None:
    before = memory(door)
    wire.send(query("SELECT repeat('x', 1000000)") * 200)

    # All that time the gate could read what the database has to say.
    with Wire(door.at) as other:
        for _ in range(500):
            assert other.rows(query("SELECT 1")) == [[b"1"]]
            assert memory(door) - before < SOME_MEGABYTES


def test_questions_without_end_and_without_reading_are_not_kept(door: Door, wire: Wire) -> None:
    before = memory(door)
    wire.socket.settimeout(2)
    with contextlib.suppress(TimeoutError):
        for _ in range(2000):
            wire.send(query("SELECT 1") * 10_000)

    with Wire(door.at) as other:
        assert other.rows(query("SELECT 1")) == [[b"1"]]
    assert memory(door) - before < SOME_MEGABYTES


def test_hundreds_of_thousands_of_syncs_are_answered_one_by_one(door: Door, wire: Wire) -> None:
    before, count = memory(door), 200_000
    sending = threading.Thread(target=wire.send, args=(SYNC * count,))
    sending.start()
    answers = sum(len(wire.until(b"Z")) for _ in range(count))
    sending.join()

    assert answers == count
    assert memory(door) - before < SOME_MEGABYTES


def test_names_without_end_are_refused_or_forgotten_but_not_kept(door: Door, wire: Wire) -> None:
    before = memory(door)
    with contextlib.suppress(OSError, EOFError):
        for first in range(0, 50_000, 1000):
            names = (f"{first + each:060d}" for each in range(1000))
            wire.ask(*(parse(name, "SELECT 1") for name in names), SYNC)

    assert memory(door) - before < SOME_MEGABYTES
    wire.go()
    until(lambda: nothing_is_lent(door))


def test_a_huge_text_is_passed_on_and_not_kept(door: Door, wire: Wire) -> None:
    before, peak, stopping = memory(door), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not stopping.wait(0.01):
            peak = max(peak, memory(door))

    watching = threading.Thread(target=watch)
    watching.start()
    size = 100 * MEGABYTE
    assert wire.rows(query(f"SELECT length('{'x' * size}')")) == [[b"%d" % size]]
    stopping.set()
    watching.join()

    assert peak - before < SOME_MEGABYTES
    assert door.seen().pinned == 1


def memory(door: Door) -> int:
    """What the gate's process has, in bytes."""
    return int(psutil.Process(door.gate).memory_info().rss)


def test_the_ceiling_holds_when_clients_die_in_the_middle_of_their_statements(stand: Stand, door: Door) -> None:
    with Wire(stand.straight) as straight, contextlib.ExitStack() as clients:

        def at_the_database(condition: str) -> int:
            proxied = f"usename = '{APPLICATION}' AND pid <> pg_backend_pid() AND {condition}"
            ((found,),) = straight.rows(query(f"SELECT count(*) FROM pg_stat_activity WHERE {proxied}"))
            return int(found or b"")

        dying = [clients.enter_context(Wire(door.at)) for _ in range(CEILING)]
        for each in dying:
            each.send(query("SELECT pg_sleep(3) /* dying */"))
        until(lambda: at_the_database("query LIKE '%dying%'") == CEILING)
        for each in dying:
            each.socket.shutdown(socket.SHUT_RDWR)
        until(lambda: door.seen().clients == 0)
        assert door.seen().borrowed == CEILING
        later = clients.enter_context(Wire(door.at))
        later.send(query("SELECT 1"))
        until(lambda: door.seen().waiting == 1 or not at_the_database("state = 'active'"))
        while at_the_database("state = 'active' AND query LIKE '%dying%'"):
            assert at_the_database("true") <= CEILING
        assert later.until(b"Z")
        until(lambda: door.seen().borrowed == 0)
