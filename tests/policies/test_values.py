from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.rpc import UNKNOWN as SENTINEL
from pulumi_policy.proxy import unknown_checking_proxy

from rds_proxy_guard.properties import plain
from rds_proxy_guard.values import UNKNOWN, dig, holds_unknown, number

_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just(SENTINEL),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def proxied(value: dict[str, Any]) -> Any:
    return unknown_checking_proxy(value)


def test_an_unknown_value_is_unknown_and_its_neighbours_are_not() -> None:
    read = plain(proxied({"a": SENTINEL, "b": "known", "c": [SENTINEL, 1.0], "d": {"e": SENTINEL}}))
    assert read["a"] is UNKNOWN
    assert read["b"] == "known"
    assert read["c"][0] is UNKNOWN and read["c"][1] == 1.0
    assert read["d"]["e"] is UNKNOWN


@given(st.dictionaries(st.text(max_size=5), _JSON, max_size=4))
def test_any_nesting_of_unknowns_is_read_without_an_error(value: dict[str, Any]) -> None:
    read = plain(proxied(value))
    assert set(read) == set(value)


def test_an_unknown_has_no_truth_value_so_that_a_careless_rule_fails_its_own_tests() -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(UNKNOWN)


def test_a_secret_that_analyze_could_not_decrypt_is_unknown() -> None:
    assert plain({"variables": "[secret]"})["variables"] is UNKNOWN


def test_digging_below_an_unknown_is_unknown_and_below_nothing_is_nothing() -> None:
    read = {"a": UNKNOWN, "b": {"c": 1}, "d": "text"}
    assert dig(read, "a", "x", "y") is UNKNOWN
    assert dig(read, "b", "c") == 1
    assert dig(read, "b", "z", "y") is None
    assert dig(read, "d", "x") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (90.0, 90.0),
        ("95", 95.0),
        (" 95 ", 95.0),
        (True, None),
        ("abc", None),
        (None, None),
        ("inf", None),
        ("nan", None),
    ],
)
def test_numbers_are_read_from_numbers_and_numeric_texts_only(value: object, expected: float | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize("depth", [{"a": {"b": UNKNOWN}}, {"a": [{"b": UNKNOWN}]}, [[UNKNOWN]], UNKNOWN])
def test_an_unknown_is_found_however_deep_it_is(depth: Any) -> None:
    assert holds_unknown(depth)
    assert not holds_unknown({"a": {"b": [1, None, "text"]}})


def test_an_unknown_says_what_it_is_and_refuses_to_be_a_truth() -> None:
    assert repr(UNKNOWN) == "UNKNOWN"
    with pytest.raises(TypeError, match=r"^an unknown value has no truth value; compare with `is UNKNOWN`$"):
        bool(UNKNOWN)
