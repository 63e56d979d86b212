"""What two sides say, read in whatever pieces it comes in, against a server that is strict with the protocol."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.gate import session as session_module
from local.gate.protocol import Refusal, message, messages, query
from local.gate.session import Session
from ops.pinning.rule import Rule


def parse(text: str, name: str = "") -> bytes:
    return message(b"P", f"{name}\0{text}\0".encode() + b"\0\0")


def bind(name: str = "", portal: str = "") -> bytes:
    return message(b"B", f"{portal}\0{name}\0".encode() + bytes(6))


def describe(kind: str, name: str = "") -> bytes:
    return message(b"D", f"{kind}{name}\0".encode())


def execute(portal: str = "") -> bytes:
    return message(b"E", f"{portal}\0".encode() + bytes(4))


def close(kind: str, name: str = "") -> bytes:
    return message(b"C", f"{kind}{name}\0".encode())


SYNC, FLUSH, DONE, TERMINATE = (message(each, b"") for each in (b"S", b"H", b"c", b"X"))
DATA, FAILED, CALL = message(b"d", b"1\t2\n"), message(b"f", b"no\0"), message(b"F", bytes(12))
READY, PARSED, BOUND, CLOSED = message(b"Z", b"I"), message(b"1", b""), message(b"2", b""), message(b"3", b"")
IN_TRANSACTION, ERROR = message(b"Z", b"T"), message(b"E", b"SERROR\0C42601\0Mno\0\0")
COMPLETE, COPY_IN = message(b"C", b"SELECT 1\0"), message(b"G", bytes(3))


class Told:
    """A session, and what it told of pins."""

    def __init__(self) -> None:
        self.pins: list[tuple[str, str]] = []
        self.warnings: list[str] = []
        self.session = Session(self._pinned, lambda rule, _: self.warnings.append(rule.name))

    def _pinned(self, rule: Rule, text: str) -> None:
        self.pins.append((rule.name, text))

    @property
    def state(self) -> tuple[object, ...]:
        session = self.session
        return (
            session.pin,
            session.ended,
            session.outstanding,
            session.is_idle,
            session.is_held,
            session.is_free,
            session.has_unnamed,
            [*session._awaited],
            self.pins,
            self.warnings,
        )


def new() -> Session:
    return Told().session


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, len(data), *(each % (len(data) + 1) for each in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


_texts = st.sampled_from(["SELECT 1", "BEGIN", "SET a = 'b'", "", "SELECT nextval('a')", "x" * 16_384, "x" * 16_385])
_names = st.sampled_from(["", "", "a", "b"])
_frontend = st.one_of(
    _texts.map(query),
    st.builds(parse, _texts, _names),
    st.builds(bind, _names, st.sampled_from(["", "p"])),
    st.builds(describe, st.sampled_from("SP"), _names),
    st.builds(execute, st.sampled_from(["", "p"])),
    st.builds(close, st.sampled_from("SP"), _names),
    st.sampled_from([SYNC, FLUSH, DATA, DONE, FAILED, CALL, message(b"d", READY * 5), message(b"D", b"")]),
    st.integers(0, 40_000).map(lambda size: message(b"B", b"\0\0" + b"Q" * size)),
)
_cuts = st.lists(st.integers(0, 10**6), max_size=12)


@given(st.lists(_frontend, max_size=12).map(b"".join), _cuts)
def test_a_clients_messages_mean_the_same_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    whole, cut = Told(), Told()
    expected = whole.session.ask(data) if data else b""
    assert b"".join(cut.session.ask(each) for each in pieces(data, cuts)) == expected
    assert cut.state == whole.state
    assert not whole.session._kept


@given(st.lists(_frontend, max_size=6).map(b"".join), st.binary(min_size=1, max_size=40), _cuts)
def test_whatever_a_client_sends_is_refused_or_read_alike_however_it_is_cut(
    data: bytes, noise: bytes, cuts: list[int]
) -> None:
    def outcome(parts: list[bytes]) -> tuple[object, ...]:
        told = Told()
        try:
            said = b"".join(told.session.ask(each) for each in parts)
        except Refusal as refusal:
            return (str(refusal),)
        return said, told.session._kept, told.state

    assert outcome([data + noise]) == outcome(pieces(data + noise, cuts))


@given(st.lists(_frontend, min_size=1, max_size=12).map(b"".join), _cuts)
def test_what_goes_on_is_what_was_said_where_no_unnamed_statement_is_gone(data: bytes, cuts: list[int]) -> None:
    session = new()
    session.ask(parse("SELECT 1"))
    session._unnamed = 1
    if b"Q" in {kind for kind, _ in messages(data)} or close("S") in data:
        return
    assert b"".join(session.ask(each) for each in pieces(data, cuts)) == data


_backend = st.one_of(
    st.sampled_from([READY, IN_TRANSACTION, ERROR, PARSED, BOUND, CLOSED, COMPLETE, COPY_IN]),
    st.integers(0, 50).map(lambda count: message(b"D", READY * count)),
    st.sampled_from([message(b"S", b"a\0b\0"), message(b"N", b"SNOTICE\0\0"), message(b"n", b""), message(b"s", b"")]),
)


@given(st.lists(_frontend, max_size=12).map(b"".join), st.lists(_backend, max_size=12).map(b"".join), _cuts)
def test_the_servers_messages_mean_the_same_however_they_are_cut(asked: bytes, data: bytes, cuts: list[int]) -> None:
    whole, cut = Told(), Told()
    for each in (whole, cut):
        if asked:
            each.session.ask(asked)
    whole.session.answer(data + READY)
    for part in pieces(data + READY, cuts):
        cut.session.answer(part)
    assert cut.state == whole.state


@given(st.lists(_frontend, max_size=12).map(b"".join), _cuts)
def test_a_bounded_beginning_of_a_message_is_kept(data: bytes, cuts: list[int]) -> None:
    session = new()
    for each in pieces(data, cuts):
        session.ask(each)
        assert len(session._kept) <= 5 + 2 * 1025 + 16_384 + 2


@given(st.binary(max_size=500), _cuts)
def test_a_bounded_beginning_of_an_answer_is_kept(data: bytes, cuts: list[int]) -> None:
    session = new()
    for each in pieces(data, cuts):
        session.answer(each)
        assert len(session._head) < 6


def asked(*said: bytes) -> Session:
    session = new()
    session.ask(b"".join(said))
    return session


def test_a_query_is_free_once_it_is_answered() -> None:
    session = asked(query("SELECT 1"))
    assert not session.is_free
    assert not session.answer(COMPLETE)
    assert session.answer(READY)


def test_a_transaction_is_not_free_until_it_ends() -> None:
    session = asked(query("BEGIN"))
    assert not session.answer(COMPLETE + IN_TRANSACTION)
    session.ask(query("COMMIT"))
    assert session.answer(COMPLETE + READY)


def test_each_request_of_a_pipeline_is_awaited() -> None:
    session = asked(query("SELECT 1"), parse("SELECT 2"), bind(), execute(), SYNC, CALL)
    assert session.outstanding == 3
    assert not session.answer(COMPLETE + READY)
    assert not session.answer(PARSED + BOUND + COMPLETE + READY)
    assert session.answer(READY)


def test_a_batch_without_its_sync_is_under_way() -> None:
    session = asked(parse("SELECT 1"), FLUSH)
    session.answer(PARSED + b"Z")
    assert not session.is_idle


def test_values_that_look_like_messages_are_values() -> None:
    session = asked(query("SELECT 1"))
    assert not session.answer(message(b"D", READY * 100))
    assert session.answer(COMPLETE + READY)


def test_a_named_statement_holds_until_it_is_closed() -> None:
    session = asked(parse("SELECT 1", "a"), SYNC)
    assert not session.answer(PARSED + READY)
    assert session.is_held
    session.ask(close("S", "a") + SYNC)
    assert session.answer(CLOSED + READY)


def test_a_named_statement_that_failed_holds_nothing() -> None:
    session = asked(parse("SELEC 1", "a"), parse("SELECT 1", "b"), SYNC)
    assert session.answer(ERROR + READY)


def test_closing_a_portal_of_the_same_name_closes_no_statement() -> None:
    session = asked(parse("SELECT 1", "a"), close("P", "a"), SYNC)
    assert not session.answer(PARSED + CLOSED + READY)


def test_a_close_that_the_server_left_out_closes_nothing() -> None:
    session = asked(parse("SELECT 1", "a"), SYNC)
    session.answer(PARSED + READY)
    session.ask(parse("SELEC") + close("S", "a") + SYNC)
    assert not session.answer(ERROR + READY)
    assert session.is_held


def test_an_error_leaves_out_the_rest_of_its_own_batch_only() -> None:
    session = asked(parse("SELEC", "a"), SYNC, parse("SELECT 1", "b"), SYNC)
    session.answer(ERROR + READY)
    assert not session.answer(PARSED + READY)
    assert session.is_held


def test_the_unnamed_statement_holds_until_it_is_used_and_from_its_second_use_on() -> None:
    session = asked(parse("SELECT 1"), SYNC)
    assert not session.answer(PARSED + READY)
    assert session.is_held
    session.ask(bind() + execute() + SYNC)
    assert session.answer(BOUND + COMPLETE + READY)
    session.ask(bind() + execute() + SYNC)
    assert not session.answer(BOUND + COMPLETE + READY)
    assert session.is_held


@pytest.mark.parametrize("ends", [query("SELECT 1"), close("S") + SYNC])
def test_an_unnamed_statement_that_is_gone_holds_nothing(ends: bytes) -> None:
    session = asked(parse("SELECT 1"), SYNC)
    session.answer(PARSED + READY)
    session.ask(ends)
    assert session.answer((CLOSED if ends[:1] == b"C" else COMPLETE) + READY)


def test_an_unnamed_statement_that_failed_holds_nothing() -> None:
    session = asked(parse("SELEC"), SYNC)
    assert session.answer(ERROR + READY)
    assert not session.has_unnamed


@pytest.mark.parametrize("use", [bind(portal="p"), describe("S")])
@given(cuts=_cuts)
def test_an_unnamed_statement_on_another_connection_is_one_that_does_not_exist(use: bytes, cuts: list[int]) -> None:
    session = asked(parse("SELECT 1"), bind(), SYNC)
    session.answer(PARSED + BOUND + READY)
    session.moves()
    said = b"".join(session.ask(each) for each in pieces(use + SYNC, cuts))
    (kind, body), sync = messages(said)
    assert (kind, sync) == (use[:1], (b"S", b""))
    assert b"lent to others" in body
    begin = b"p\0" if kind == b"B" else b"S"
    assert body.startswith(begin)
    assert body.endswith(b"\0" + bytes(6) if kind == b"B" else b"\0")


def test_describing_a_portal_is_never_changed() -> None:
    session = new()
    session.moves()
    assert session.ask(describe("P") + SYNC) == describe("P") + SYNC


def test_a_goodbye_ends_what_is_handed_on() -> None:
    session = new()
    assert session.ask(query("SELECT 1") + TERMINATE + query("SELECT 2")) == query("SELECT 1")
    assert session.ask(query("SELECT 2")) == session.ask(b"S") == b""
    assert session.ended
    assert session.outstanding == 1
    assert session.answer(COMPLETE + READY)


def test_a_goodbye_inside_a_message_is_none() -> None:
    session = new()
    assert session.begins_with_goodbye(TERMINATE)
    session.ask(query("x")[:3])
    assert not session.begins_with_goodbye(TERMINATE)


@pytest.mark.parametrize(
    "data", [b"p\0\0\0\x04", b"\0\0\0\0\x08", message(b"P", b"a" * 1100), b"Q\0\0\0\x03", b"B\x7f" + b"\xff" * 30]
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        new().ask(data)
    assert refused.value.state == "08P01"


# Pins.


def test_a_query_pins_once() -> None:
    told = Told()
    told.session.ask(query("SET a = 'b'"))
    told.session.ask(query("SET a = 'c'"))
    assert told.pins == [("set", "SET a = 'b'")]
    assert not told.session.answer(COMPLETE + READY + COMPLETE + READY)


def test_a_statement_pins_when_it_runs_and_not_when_it_is_prepared() -> None:
    told = Told()
    told.session.ask(parse("SET a = 'b'", "s") + describe("S", "s") + SYNC)
    assert (told.warnings, told.pins) == (["set"], [])
    told.session.ask(bind("s"))
    assert told.pins == []
    told.session.ask(execute() + SYNC)
    assert told.pins == [("set", "SET a = 'b'")]


def test_a_portal_that_is_run_in_a_later_batch_pins() -> None:
    told = Told()
    told.session.ask(query("BEGIN"))
    told.session.answer(COMPLETE + IN_TRANSACTION)
    told.session.ask(parse("SELECT nextval('a')") + bind(portal="p") + SYNC)
    told.session.answer(PARSED + BOUND + IN_TRANSACTION)
    told.session.ask(execute("p") + SYNC)
    assert [name for name, _ in told.pins] == ["sequence"]


def test_a_portal_that_ended_with_its_transaction_pins_nothing() -> None:
    told = Told()
    told.session.ask(parse("SELECT nextval('a')") + bind(portal="p") + SYNC)
    told.session.answer(PARSED + BOUND + READY)
    told.session.ask(execute("p") + SYNC)
    assert told.pins == []


def test_a_name_that_is_prepared_anew_pins_by_its_new_text() -> None:
    told = Told()
    told.session.ask(parse("SET a = 'b'") + parse("SELECT 1") + bind() + execute() + SYNC)
    assert told.pins == []
    told.session.ask(parse("SELECT 1") + bind() + parse("SET a = 'b'") + execute() + SYNC)
    assert told.pins == []


@pytest.mark.parametrize(("size", "pins"), [(16_384, []), (16_385, ["oversized"]), (3_000_000, ["oversized"])])
def test_a_text_pins_that_is_longer_than_16_kb(size: int, pins: list[str]) -> None:
    by_query, by_parse = Told(), Told()
    by_query.session.ask(query("x" * size)[:100_000])
    by_parse.session.ask(parse("x" * size, "n" * 1_024) + bind("n" * 1_024) + execute() + SYNC)
    for told in (by_query, by_parse):
        assert [name for name, _ in told.pins] == pins
        assert all(len(text) <= 1_000 for _, text in told.pins)


def test_parameters_are_no_text() -> None:
    told = Told()
    told.session.ask(parse("SELECT $1") + message(b"B", b"\0\0" + b"SET a = 'b'" * 10_000) + execute() + SYNC)
    assert told.pins == []


def test_many_texts_that_pin_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "_MOST_TEXTS", 5)
    told = Told()
    for number in range(6):
        told.session.ask(parse("SET a = 'b'", f"s{number}"))
    assert [name for name, _ in told.pins] == ["set"]


def test_names_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "_MOST_NAMES", 5)
    session = new()
    for number in range(5):
        session.ask(parse("SELECT 1", f"s{number}") + SYNC)
        session.answer(PARSED + READY)
    with pytest.raises(Refusal, match="prepared statements are open"):
        session.ask(parse("SELECT 1", "more"))


def test_who_asks_without_end_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "_MOST_AWAITED", 5)
    session = asked(*[SYNC] * 6)
    assert session.is_full
    session.answer(READY)
    assert not session.is_full


# COPY.


def test_a_simple_copy_is_free_when_it_is_done() -> None:
    session = asked(query("COPY a FROM STDIN"))
    assert not session.answer(COPY_IN + b"N")
    session.ask(DATA + DONE)
    assert session.answer(message(b"N", b"")[1:] + COMPLETE + READY)


@pytest.mark.parametrize("data", [DATA + DONE, DATA + FAILED, DONE])
def test_a_simple_copy_whose_data_came_before_it_was_asked_for_disturbs_no_later_request(data: bytes) -> None:
    session = asked(query("COPY a FROM STDIN"), data)
    assert session.answer(COPY_IN + COMPLETE + READY)
    session.ask(parse("SELECT 1") + bind() + execute() + SYNC + bind() + execute() + SYNC)
    assert not session.answer(PARSED + BOUND + COMPLETE + READY)
    assert session.outstanding == 1


_COPY = parse("COPY a FROM STDIN") + bind() + execute() + SYNC


def test_an_extended_copy_leaves_out_the_sync_before_its_data() -> None:
    session = asked(_COPY)
    assert not session.answer(PARSED + BOUND + COPY_IN)
    session.ask(DATA)
    assert not session.is_free
    session.ask(DONE + SYNC)
    assert session.answer(COMPLETE + READY)


@pytest.mark.parametrize("later", [b"", _COPY, query("SELECT 1"), parse("SELECT 1") + bind() + execute() + SYNC])
def test_an_extended_copy_whose_data_came_early_leaves_out_only_the_sync_before_them(later: bytes) -> None:
    session = asked(_COPY, DATA, DATA, DONE, SYNC, later)
    assert session.answer(PARSED + BOUND + COPY_IN + COMPLETE + READY) == (later == b"")
    assert session.outstanding == (later != b"")


def test_a_copy_that_is_refused_has_an_answer_for_each_sync() -> None:
    session = asked(_COPY, DATA, DONE, SYNC)
    assert not session.answer(PARSED + BOUND + ERROR + READY)
    assert session.answer(READY)


def test_a_copy_that_fails_before_its_sync_is_read_is_not_free_too_early() -> None:
    # As a view, or a table whose trigger refuses: the server reads the Sync after it has failed, or before.
    session = asked(_COPY, DATA, DONE, SYNC)
    assert not session.answer(PARSED + BOUND + COPY_IN + ERROR + READY)


# Against a server.


class Server:
    """PostgreSQL, as far as the protocol chapter says; it answers what it has read."""

    def __init__(self) -> None:
        self.unread: list[tuple[bytes, bytes]] = []
        self.said = b""
        self.status = b"I"
        self.statements: dict[bytes, str] = {}
        self.portals: dict[bytes, str] = {}
        self.has_state = False
        self.copies = ""
        self.skips = False
        self.is_open = False
        self._data = b""

    def hear(self, data: bytes) -> None:
        self._data += data
        for kind, body in messages(self._data):
            self.unread.append((kind, body))
            self._data = self._data[5 + len(body) :]

    def read(self) -> None:
        kind, body = self.unread.pop(0)
        if self.skips and kind != b"S":
            return
        if self.copies:
            self._copy(kind)
        elif kind == b"Q":
            self.statements.pop(b"", None)
            self._run(body[:-1].decode(), "simple")
        elif kind == b"F":
            self._say(message(b"V", bytes(4)))
            self._ready()
        elif kind == b"S":
            self.skips = self.is_open = False
            self._ready()
        elif kind in (b"P", b"B", b"D", b"E", b"C"):
            self.is_open = True
            self._extended(kind, body)

    def _say(self, data: bytes) -> None:
        self.said += data

    def _ready(self) -> None:
        self.is_open = False
        if self.status == b"I":
            self.portals.clear()
        self._say(message(b"Z", self.status))

    def _fail(self, how: str) -> None:
        self._say(ERROR)
        self.copies = ""
        self.status = b"I" if self.status == b"I" else b"E"
        if how == "simple":
            self._ready()
        else:
            self.skips = True

    def _copy(self, kind: bytes) -> None:
        how = self.copies
        if kind in (b"S", b"H", b"d"):
            return
        if kind != b"c":
            self._fail(how)
            return
        self.copies = ""
        self._say(COMPLETE)
        if how == "simple":
            self._ready()

    def _run(self, text: str, how: str) -> None:
        if text == "FAIL" or (self.status == b"E" and text != "COMMIT"):
            self._fail(how)
        elif text.startswith("COPY"):
            self._say(COPY_IN)
            self.copies = how
            if text == "COPY view":
                self._fail(how)
        else:
            self.status = {"BEGIN": b"T", "COMMIT": b"I"}.get(text, self.status)
            self.has_state |= text.startswith("SET")
            self._say(message(b"D", READY * 2) + COMPLETE)
            if how == "simple":
                self._ready()

    def _extended(self, kind: bytes, body: bytes) -> None:
        first, _, rest = body.partition(b"\0")
        if kind == b"P":
            self._parse(first, rest.partition(b"\0")[0].decode())
        elif kind == b"B":
            text = self.statements.get(rest.partition(b"\0")[0])
            if text is None or self.status == b"E":
                self._fail("extended")
            else:
                self.portals[first] = text
                self._say(BOUND)
        elif kind == b"D":
            known = self.statements if first[:1] == b"S" else self.portals
            if first[1:] in known:
                self._say(message(b"n", b""))
            else:
                self._fail("extended")
        elif kind == b"E":
            if first in self.portals:
                self._run(self.portals[first], "extended")
            else:
                self._fail("extended")
        else:
            (self.statements if first[:1] == b"S" else self.portals).pop(first[1:], None)
            self._say(CLOSED)

    def _parse(self, name: bytes, text: str) -> None:
        if not name:
            self.statements.pop(b"", None)
        if text == "SYNTAX" or name in self.statements or self.status == b"E":
            self._fail("extended")
        else:
            self.statements[name] = text
            self._say(PARSED)

    def assert_clean(self) -> None:
        """Nothing of the client is under way or stays."""
        while self.unread:
            self.read()
        assert self.said == b"", "it has not said everything"
        assert self.status == b"I"
        assert not {*self.statements} - {b""}
        assert not (self.has_state or self.copies or self.skips or self.is_open)


_RUN = ["SELECT 1", "BEGIN", "COMMIT", "FAIL", "SET a = 'b'", "COPY a", "COPY view", "SYNTAX"]
_some_text = st.sampled_from([*_RUN, *_RUN[:3] * 2])
_name = st.sampled_from(["", "", "", "a", "b"])
_steps = st.one_of(
    _some_text.map(query),
    st.builds(lambda text, name: parse(text, name) + bind(name) + execute() + SYNC, _some_text, _name),
    st.builds(lambda text, name: parse(text, name) + SYNC, _some_text, _name),
    st.builds(lambda name: bind(name) + execute() + SYNC, _name),
    st.builds(lambda name: close("S", name) + SYNC, _name),
    st.sampled_from([SYNC, FLUSH, DATA, DATA + DONE, DONE + SYNC, DATA + DONE + SYNC, FAILED, FAILED + SYNC, CALL]),
    st.builds(parse, _some_text, _name),
    st.builds(bind, _name),
    st.just(execute()),
    st.builds(describe, st.sampled_from("SP"), _name),
)
_moments = (
    st.tuples(st.just("asks"), _steps)
    | st.tuples(st.just("reads"), st.integers(1, 8))
    | st.tuples(st.just("answers"), st.integers(1, 60))
)


@settings(max_examples=600)
@given(st.lists(_moments, max_size=40))
def test_a_connection_is_free_only_when_nothing_of_its_client_is_on_it(moments: list[tuple[str, bytes | int]]) -> None:
    session, server = new(), Server()
    for what, value in moments:
        if isinstance(value, bytes):
            server.hear(session.ask(value))
        elif what == "reads":
            for _ in range(min(value, len(server.unread))):
                server.read()
        else:
            part, server.said = server.said[:value], server.said[value:]
            assert session.answer(part) <= session.is_free
        if session.is_free:
            server.assert_clean()


_whole = st.one_of(
    st.sampled_from(["SELECT 1", "FAIL", "COPY view", "SYNTAX"]).map(query),
    st.builds(
        lambda text: parse(text) + describe("S") + bind() + execute() + SYNC,
        st.sampled_from(["SELECT 1", "FAIL", "SYNTAX"]),
    ),
    st.just(parse("SELECT 1", "a") + bind("a") + execute() + close("S", "a") + SYNC),
    st.just(query("BEGIN") + query("FAIL") + query("COMMIT")),
    st.sampled_from([DATA + DONE, DATA + FAILED]).map(lambda data: query("COPY a") + data),
    st.just(parse("COPY a") + bind() + execute() + SYNC + DATA + DONE + SYNC),
    st.sampled_from([CALL, SYNC]),
)


@given(st.lists(st.tuples(_whole, st.booleans()), max_size=12), st.integers(1, 60))
def test_a_connection_is_free_once_everything_is_answered(batches: list[tuple[bytes, bool]], size: int) -> None:
    session, server = new(), Server()

    def answers() -> bool:
        while server.unread:
            server.read()
        frees = False
        for part in pieces(server.said, range(0, len(server.said), size)):
            frees = session.answer(part)
        server.said = b""
        return frees

    for said, waits in batches:
        server.hear(session.ask(said))
        if waits:
            assert answers()
            server.assert_clean()
    server.hear(session.ask(query("SELECT 1")))
    assert answers()
