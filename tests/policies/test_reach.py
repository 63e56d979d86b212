"""The walk by itself: every node and edge once, however deep or circular, and the same answer from every side."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_proxy_guard.reach import MOST, Reach, few

EDGES = st.dictionaries(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=4), max_size=8)


class Counted:
    """A graph whose nodes stand for themselves, and how often each was looked at."""

    def __init__(self, edges: dict[int, list[int]]) -> None:
        self.edges, self.looks, self.followed = edges, Counter[int](), 0

    def step(self, key: int) -> tuple[frozenset[str], Iterable[int]]:
        self.looks[key] += 1
        return frozenset([str(key)]), self._following(key)

    def _following(self, key: int) -> Iterable[int]:
        for other in self.edges.get(key, ()):
            self.followed += 1
            yield other


def reached(edges: dict[int, list[int]], start: int) -> frozenset[str]:
    found, todo = {start}, [start]
    while todo:
        new = set(edges.get(todo.pop(), ())) - found
        found |= new
        todo += new
    return frozenset(map(str, found))


@given(EDGES, st.permutations(range(8)))
def test_what_is_reached_does_not_depend_on_where_one_begins(edges: dict[int, list[int]], order: list[int]) -> None:
    reach = Reach(Counted(edges).step, lambda sets: frozenset().union(*sets))
    assert {start: reach.of(start) for start in order} == {start: reached(edges, start) for start in range(8)}


@given(EDGES, st.permutations(range(8)))
def test_every_node_and_edge_is_looked_at_once_whoever_asks(edges: dict[int, list[int]], order: list[int]) -> None:
    graph = Counted(edges)
    reach = Reach(graph.step, few)
    for start in order:
        reach.of(start)
    reach.of_all(order)
    assert set(graph.looks.values()) <= {1}
    assert graph.followed <= sum(map(len, edges.values()))


@pytest.mark.parametrize("last", [[], [0], [2_500]])
def test_a_chain_of_thousands_and_a_circle_of_thousands_end_without_recursion(last: list[int]) -> None:
    edges = {index: [index + 1] for index in range(5_000)} | {5_000: last}
    graph = Counted(edges)
    assert len(Reach(graph.step, few).of(0)) == MOST
    assert graph.looks.total() == 5_001


@given(st.lists(st.frozensets(st.text("ab", min_size=1, max_size=4)), max_size=5))
def test_few_are_the_same_in_any_order_and_grouping(sets: list[frozenset[str]]) -> None:
    limited = [few([each]) for each in sets]
    assert few(limited) == few(sets) == few([few(sets[:2]), few(sets[2:])]) == few(reversed(sets))
    assert len(few(sets)) == min(MOST, len(frozenset().union(*sets)))
