"""Logins by SCRAM-SHA-256 against a client written from RFC 5802, and RFC 7677's own example of one."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.gate.scram import ScramServer, Unproven

_FIRST = "n,,n=,r=fyko+d2lbbFgONRv9qkxdawL"


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def final(password: str, answer: str, *, first: str = _FIRST, header: str = "biws") -> tuple[str, str]:
    """The client's final message, and the answer that proves that the server knows the password too."""
    nonce, salt, iterations = (each.partition("=")[2] for each in answer.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    without = f"c={header},r={nonce}"
    spoken = f"{first[3:]},{answer},{without}".encode()
    proof = xor(client_key, hmac.digest(hashlib.sha256(client_key).digest(), spoken, "sha256"))
    signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), spoken, "sha256")
    return f"{without},p={base64.b64encode(proof).decode()}", f"v={base64.b64encode(signature).decode()}"


@pytest.mark.parametrize(("first", "header"), [(_FIRST, "biws"), ("y" + _FIRST[1:], "eSws")])
def test_who_knows_the_password_is_let_in_and_told_that_the_server_knows_it(first: str, header: str) -> None:
    server = ScramServer("hunter2")
    said, expected = final("hunter2", server.first(first), first=first, header=header)
    assert server.final(said) == expected


def test_a_password_is_prepared_as_libpq_prepares_it() -> None:
    server = ScramServer("I\u00ad\u2168\u00a0")  # a soft hyphen, one letter for IX, a blank that does not break
    said, expected = final("IIX ", server.first(_FIRST))
    assert server.final(said) == expected


@settings(max_examples=20)
@given(st.text(max_size=10))
def test_who_does_not_know_it_is_not(password: str) -> None:
    server = ScramServer("hunter2!")
    said, _ = final(password, server.first(_FIRST))
    with pytest.raises(Unproven):
        server.final(said)


@given(st.text() | st.text(st.sampled_from("ny,=rabc")))
def test_a_first_message_that_is_none_is_refused(said: str) -> None:
    server = ScramServer("hunter2")
    try:
        answer = server.first(said)
    except Unproven:
        return
    assert said[:5] in {"n,,n=", "y,,n="}
    assert answer.startswith("r=" + said.split(",")[3][2:])


@pytest.mark.parametrize("said", ["p=tls-server-end-point,,n=,r=a", "n,,n=a", "n,,r=a,n=b", "n,a=b,n=,r=a", ""])
def test_channel_binding_and_other_names_are_refused(said: str) -> None:
    with pytest.raises(Unproven):
        ScramServer("hunter2").first(said)


@given(st.integers(0, 43), st.sampled_from("Aa0=-,"))
def test_a_proof_that_was_changed_is_refused(at: int, letter: str) -> None:
    server = ScramServer("hunter2")
    said, _ = final("hunter2", server.first(_FIRST))
    begin = said.index(",p=") + 3
    changed = said[: begin + at] + letter + said[begin + at + 1 :]
    # The last letter before `=` has bits that count for nothing.
    if changed == said or at == 42:
        return
    with pytest.raises(Unproven):
        server.final(changed)


@pytest.mark.parametrize("proof", ["", "AAAA", "A" * 400, "*", "é"])
def test_a_proof_of_another_length_or_alphabet_is_refused(proof: str) -> None:
    server = ScramServer("hunter2")
    said, _ = final("hunter2", server.first(_FIRST))
    with pytest.raises(Unproven):
        server.final(said[: said.index(",p=") + 3] + proof)


def test_a_proof_counts_for_one_login_only() -> None:
    one, other = ScramServer("hunter2"), ScramServer("hunter2")
    said, _ = final("hunter2", one.first(_FIRST))
    other.first(_FIRST)
    with pytest.raises(Unproven):
        other.final(said)


def test_a_final_message_for_another_header_is_refused() -> None:
    server = ScramServer("hunter2")
    said, _ = final("hunter2", server.first(_FIRST), header="eSws")
    with pytest.raises(Unproven):
        server.final(said)
