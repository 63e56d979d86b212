"""The lines are of the shape that is quoted in public; addresses and numbers are made up.

prisma/prisma-engines#1692 (search_path, names), elixir-ecto/postgrex#514 (parse message), getlago/lago-api#6062 (16 KB)
and the sources of `ops/aws/proxy_log.py`.
"""

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ops.aws.proxy_log import pins_of
from ops.pinning.counts import PinKey

_LINES = {each.stem: each.read_text().splitlines() for each in Path(__file__).with_name("proxy_log").glob("*.log")}
_SETTINGS = (
    "SQL changed session settings that the proxy doesn't track. Consider moving session configuration to the proxy's "
    "initialization query."
)
_LONG = "The connection ran a SQL query which exceeded the 16384 byte limit."


def key(reason: str, rule: str = "", digest: str = "") -> PinKey:
    return PinKey(reason=reason, rule=rule, digest=digest, user="")


def test_the_statement_and_its_rule_are_told_with_and_without_time_and_client() -> None:
    assert pins_of(_LINES["set"]) == {
        key(_SETTINGS, "set", digest): 1
        for digest in (
            "set search_path to $1,$2,$3",
            "set search_path = $1; set names $2;",
            "set client_encoding to $1",
        )
    }


def test_what_a_prepared_statement_pins_by_is_what_was_said_when_it_was_prepared() -> None:
    assert pins_of(_LINES["prepared"]) == {
        key(_SETTINGS, "set", "set session characteristics as transaction read only"): 1,
        key("Running a prepared statement."): 1,  # of a client of whom nothing was said
    }


def test_a_reason_without_a_statement_has_the_rule_of_its_words() -> None:
    assert pins_of(_LINES["others"]) == {key("A parse message was detected."): 1, key(_LONG, "oversized"): 2}


def test_mysqls_statements_have_mysqls_rules() -> None:
    line = _LINES["set"][1].replace("set search_path to $1,$2,$3", "select get_lock(?, ?)")
    assert [each.rule for each in pins_of([line], "MYSQL")] == ["get-lock"]


_PARTS = st.sampled_from([*(line for lines in _LINES.values() for line in lines), "Reason: ", 'Digest: "', "[client"])


@given(st.lists(st.lists(_PARTS | st.text(), max_size=4).map("".join)))
def test_any_text_can_be_read_and_is_one_pin_at_most(messages: list[str]) -> None:
    found = pins_of(messages)
    assert isinstance(found, Counter)
    assert found.total() <= sum("client session was pinned" in each for each in messages)
