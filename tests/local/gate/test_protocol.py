"""What the gate writes reads as PostgreSQL reads it, and what it reads is not taken for more than it is."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.gate.protocol import (
    Refusal,
    as_the_server_has_it,
    code,
    fields,
    greeting,
    literal,
    message,
    messages,
    query,
    said_at_startup,
    settings_query,
    startup,
)
from ops.pinning.drivers import STARTUP_PARAMETERS

_text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))
_word = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1)
_kinds = st.sampled_from([b"Q", b"P", b"Z"])


@given(st.lists(st.tuples(_kinds, st.binary(max_size=20))), st.binary(max_size=4))
def test_messages_are_told_apart_and_a_beginning_is_not_one(said: list[tuple[bytes, bytes]], more: bytes) -> None:
    data = b"".join(message(kind, body) for kind, body in said)
    assert [*messages(data + more)] == said
    if data:
        assert [*messages(data[:-1])] == said[:-1]


@given(_word, _word, st.fixed_dictionaries({}, optional=dict.fromkeys(STARTUP_PARAMETERS.values(), _word)))
def test_a_startup_packet_says_what_was_put_in(user: str, database: str, variables: dict[str, str]) -> None:
    words = {"user": user, "database": database, **variables}
    packet = startup(words)
    assert code(packet) == 3 << 16
    assert said_at_startup(packet) == words


@given(_word)
def test_without_a_database_it_is_the_users(user: str) -> None:
    assert said_at_startup(startup({"user": user})) == {"user": user, "database": user}


def test_variables_are_known_in_whatever_case_they_are_written() -> None:
    said = said_at_startup(startup({"user": "app", "timezone": "UTC", "DATESTYLE": "ISO"}))
    assert said == {"user": "app", "database": "app", "TimeZone": "UTC", "DateStyle": "ISO"}


def _packet(body: bytes, number: int = 3 << 16) -> bytes:
    return struct.pack("!ii", len(body) + 8, number) + body


@pytest.mark.parametrize(
    ("packet", "state"),
    [
        (_packet(b"user\0app\0\0", 3 << 16 | 2), "0A000"),
        (_packet(b"user\0app\0\0", 2 << 16), "0A000"),
        (_packet(b"user\0app\0"), "08P01"),
        (_packet(b"user\0app\0\0\0"), "08P01"),
        (_packet(b"user\0app\0user\0admin\0\0"), "08P01"),
        (_packet(b"user\0app\0\0admin\0\0"), "08P01"),
        (_packet(b"user\0app\0database\0\0"), "08P01"),
        (_packet(b"user\0\xff\0\0"), "08P01"),
        (_packet(b""), "08P01"),
        (_packet(b"\0"), "08P01"),
        (_packet(b"user\0\0\0"), "28000"),
        (_packet(b"database\0app\0\0"), "28000"),
        (_packet(b"user\0app\0options\0-c a=b\0\0"), "0A000"),
        (_packet(b"user\0app\0statement_timeout\0001\0\0"), "0A000"),
        (_packet(b"user\0app\0replication\0database\0\0"), "0A000"),
    ],
)
def test_a_startup_packet_that_could_be_read_in_two_ways_is_refused(packet: bytes, state: str) -> None:
    with pytest.raises(Refusal) as refused:
        said_at_startup(packet)
    assert refused.value.state == state


@given(st.binary(max_size=60))
def test_any_startup_packet_is_read_or_refused(body: bytes) -> None:
    try:
        said = said_at_startup(_packet(body))
    except Refusal:
        return
    assert said["user"]
    assert said["database"]
    assert {*said} - {"user", "database"} <= {*STARTUP_PARAMETERS.values()}


@pytest.mark.parametrize("packet", [b"", b"\0\0\0\x04", b"\0\0\0\x07\0\3\0"])
def test_a_packet_that_is_too_short_asks_for_nothing(packet: bytes) -> None:
    assert code(packet) == 0


@given(_word, _text)
def test_a_refusal_reads_as_it_was_said(text: str, detail: str) -> None:
    ((kind, body),) = messages(Refusal("08000", text, detail).sent())
    assert kind == b"E"
    said = fields(body)
    assert (said["S"], said["C"], said["M"]) == ("FATAL", "08000", text)
    assert said.get("D", "") == detail


def _as_postgresql_reads(said: str) -> str:
    """The value of a literal, whatever `standard_conforming_strings` is: a plain one must have no backslash."""
    if said.startswith("E"):
        body = said[2:-1]
        value, at = "", 0
        while at < len(body):
            assert body[at] != "'" or body[at + 1] == "'", "it ends too early"
            at += body[at] in "'\\"
            value += body[at]
            at += 1
        return value
    assert "\\" not in said
    assert "'" not in said[1:-1].replace("''", "")
    return said[1:-1].replace("''", "'")


@given(st.text(st.sampled_from("ab'\\;\n")) | _text)
def test_a_literal_means_what_it_says(text: str) -> None:
    assert _as_postgresql_reads(literal(text)) == text


def test_settings_go_from_one_clients_to_anothers() -> None:
    assert settings_query({"TimeZone": "UTC"}, {"TimeZone": "CET"}, None) == query(
        "SELECT set_config('TimeZone', 'UTC', false)"
    )
    assert settings_query({}, ["TimeZone", "DateStyle"], "SET a = 1") == query(
        "RESET TimeZone; RESET DateStyle; SET a = 1; "
    )
    assert settings_query({"TimeZone": "x'y"}, ["DateStyle"], None) == query(
        "RESET DateStyle; SELECT set_config('TimeZone', 'x''y', false)"
    )


def test_the_init_query_is_said_once_more_only_when_something_is_reset() -> None:
    assert b"SET a" not in settings_query({"TimeZone": "UTC"}, {"TimeZone": "CET"}, "SET a = 1")


@given(_text)
def test_an_applications_name_is_printable_and_short(name: str) -> None:
    kept = as_the_server_has_it(name)
    assert len(kept) == min(len(name), 63)
    assert kept.isascii()
    assert kept.isprintable()


def test_a_greeting_ends_in_ready_for_query() -> None:
    said = [*messages(greeting({"server_version": "15.1"}, bytes(8)))]
    assert said == [(b"R", bytes(4)), (b"S", b"server_version\x0015.1\0"), (b"K", bytes(8)), (b"Z", b"I")]
