"""What can be reached from where in a graph, each node and edge looked at once, however deep or circular it is."""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from heapq import nsmallest
from typing import Generic, TypeVar

MOST = 8
"""So many of a kind are kept and named: sets that grow with the stack would make a walk quadratic."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


class Reach(Generic[K, V]):
    """What every node stands for together with all that it leads to, remembered.

    Nodes that lead to each other stand for the same (Tarjan's components, without recursion), so that the answer never
    depends on which of them was asked for first. `step` says what a node itself is and where it leads; `merge` must not
    depend on order or repetition.
    """

    def __init__(self, step: Callable[[K], tuple[V, Iterable[K]]], merge: Callable[[Iterable[V]], V]) -> None:
        self._step, self._merge = step, merge
        self._found: dict[K, V] = {}
        self._last: tuple[set[V], V] | None = None

    def of(self, start: K) -> V:
        """What a node stands for."""
        if start not in self._found:
            self._walk(start)
        return self._found[start]

    def of_all(self, starts: Collection[K]) -> V:
        """What several nodes stand for together."""
        for start in starts:
            if start not in self._found:
                self._walk(start)
        parts = set(map(self._found.__getitem__, starts))
        if self._last is None or self._last[0] != parts:  # functions of one stack are often fed by the same
            self._last = parts, self._merge(parts)
        return self._last[1]

    def _walk(self, start: K) -> None:
        number: dict[K, int] = {}
        lowest: dict[K, int] = {}
        parts: dict[K, set[V]] = {}
        path: list[K] = []
        work: list[tuple[K, Iterator[K]]] = []

        def enter(key: K) -> None:
            own, following = self._step(key)
            number[key] = lowest[key] = len(number)
            parts[key] = {own}
            path.append(key)
            work.append((key, iter(following)))

        enter(start)
        while work:
            key, following = work[-1]
            for other in following:
                if other in self._found:
                    parts[key].add(self._found[other])
                elif other in number:
                    lowest[key] = min(lowest[key], number[other])
                else:
                    enter(other)
                    break
            else:
                work.pop()
                if lowest[key] == number[key]:
                    self._close(key, path, parts)
                if work:
                    before = work[-1][0]
                    lowest[before] = min(lowest[before], lowest[key])
                    if key in self._found:
                        parts[before].add(self._found[key])

    def _close(self, key: K, path: list[K], parts: dict[K, set[V]]) -> None:
        members = [path.pop()]
        while members[-1] != key:
            members.append(path.pop())
        value = self._merge(set().union(*(parts.pop(member) for member in members)))
        self._found.update(dict.fromkeys(members, value))


def few(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """The first names of several sets, however many there are in all; one of the sets itself where that is the same."""
    known = list(sets)
    largest = max(known, key=len, default=frozenset[str]())
    together = largest.union(*known)
    if len(together) > MOST:
        return frozenset(nsmallest(MOST, together))
    return largest if len(together) == len(largest) else together
