from hypothesis import given
from hypothesis import strategies as st

from ops.pinning.counts import PinKey, as_documents, fewer, ranked, shown

_KEYS = [PinKey(reason="r", rule="set", digest=f"set {name} = $1", user="app") for name in "abc"]
_pins = st.dictionaries(st.sampled_from(_KEYS), st.integers(1, 9))


@given(_pins, _pins)
def test_what_came_since_is_the_difference(before: dict[PinKey, int], more: dict[PinKey, int]) -> None:
    now = {key: before.get(key, 0) + more.get(key, 0) for key in {**before, **more}}
    assert fewer(now, before) == more


def test_a_gate_that_was_started_anew_counts_from_zero() -> None:
    assert fewer({_KEYS[0]: 2}, {_KEYS[0]: 5, _KEYS[1]: 1}) == {_KEYS[0]: 2}


@given(_pins)
def test_the_most_frequent_comes_first(pins: dict[PinKey, int]) -> None:
    counts = [each["count"] for each in as_documents(ranked(pins))]
    assert counts == sorted(pins.values(), reverse=True)


@given(st.text())
def test_a_clients_words_are_shown_at_their_length_without_what_moves_a_cursor(text: str) -> None:
    assert len(shown(text)) == len(text)
    assert shown(text).isprintable()
