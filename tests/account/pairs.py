"""All pairs of choices in few combinations: most faults need two choices to meet, and few need three."""

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

Combination = dict[str, str]
Pair = frozenset[tuple[str, str]]
_TRIES = 60


def pairs_of(combination: Mapping[str, str]) -> set[Pair]:
    """Every two of its choices."""
    return {frozenset(pair) for pair in combinations(combination.items(), 2)}


def all_pairs(
    factors: Mapping[str, Sequence[str]], is_possible: Callable[[Combination], bool], *, seed: int
) -> tuple[list[Combination], set[Pair]]:
    """Combinations that are possible and have every pair, and the pairs for which none was found.

    Each starts with a pair that no other has and takes, factor by factor, the choice that brings the most new ones.
    """
    dice = random.Random(seed)  # noqa: S311 - the same combinations each time
    todo = {
        frozenset({(one, first), (other, second)})
        for one, other in combinations(factors, 2)
        for first in factors[one]
        for second in factors[other]
    }
    found: list[Combination] = []
    hopeless: set[Pair] = set()
    while todo:
        start = dice.choice(sorted(todo, key=sorted))
        tries = [_completed(dict(start), factors, todo, dice) for _ in range(_TRIES)]
        possible = sorted((each for each in tries if is_possible(each)), key=lambda each: -len(pairs_of(each) & todo))
        if possible:
            found.append(possible[0])
            todo -= pairs_of(possible[0])
        else:
            hopeless.add(start)
            todo.discard(start)
    return found, hopeless


def _completed(
    chosen: Combination, factors: Mapping[str, Sequence[str]], todo: set[Pair], dice: random.Random
) -> Combination:
    for factor in dice.sample(sorted(factors.keys() - chosen.keys()), len(factors) - len(chosen)):
        choices = dice.sample(factors[factor], len(factors[factor]))
        # Not always the best one: what is not possible must have another way.
        choose = max if dice.random() < 0.8 else min
        chosen[factor] = choose(choices, key=lambda each: len(pairs_of({**chosen, factor: each}) & todo))
    return chosen
