import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.messages import STARTUP, Message, Messages


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def only(data: bytes, *, of_client: bool = False) -> Message:
    (found,) = Messages(of_client=of_client).feed(data)
    return found


@given(
    st.lists(st.tuples(st.sampled_from([b"Q", b"P", b"C", b"Z", b"D"]), st.binary(max_size=30)), max_size=8),
    st.booleans(),
    st.data(),
)
def test_messages_come_out_whole_and_in_order_however_the_bytes_arrive(
    sent: list[tuple[bytes, bytes]], of_client: bool, data: st.DataObject
) -> None:
    if of_client:
        sent = [(STARTUP, b"\0\3\0\0user\0app\0\0"), *sent]
    whole = [message(kind, body) for kind, body in sent]
    stream = b"".join(whole)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    messages = Messages(of_client=of_client)
    found = [each for begin, end in pairwise([0, *cuts, len(stream)]) for each in messages.feed(stream[begin:end])]
    assert [each.data for each in found] == whole
    assert [each.kind for each in found] == [kind for kind, _ in sent]


def test_a_length_that_no_message_has_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        Messages(of_client=False).feed(b"Q\0\0\0\3")


@pytest.mark.parametrize("statement", [b"COMMIT\0", b"commit\0", b"COMMIT;\0"])
def test_a_commit_is_known_in_every_spelling(statement: bytes) -> None:
    assert only(message(b"Q", statement)).sends_commit


@pytest.mark.parametrize(
    ("kind", "body"),
    [(b"Q", b"SELECT 'COMMIT'\0"), (b"Q", b"COMMIT PREPARED 'x'\0"), (b"P", b"COMMIT\0"), (b"C", b"COMMIT\0")],
)
def test_what_only_looks_like_a_commit_is_none(kind: bytes, body: bytes) -> None:
    assert not only(message(kind, body)).sends_commit


def test_the_answer_to_commit_is_known_from_those_to_others() -> None:
    assert only(message(b"C", b"COMMIT\0")).confirms_commit
    assert not only(message(b"C", b"ROLLBACK\0")).confirms_commit
    assert not only(message(b"Q", b"COMMIT\0")).confirms_commit
