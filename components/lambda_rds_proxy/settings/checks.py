"""What a single value may be, said once beside its declaration: range, pattern or members, and the default.

A module with settings has a map `CHECKS` from field to `Check`; a field without one takes whatever its type takes.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

NO_DEFAULT: Any = object()


@dataclass(frozen=True, kw_only=True)
class Check:
    """What a value may be.

    `allowed` ends the sentence "it must be …", `accepts` tells a right value (of the right type) from a wrong one,
    `default` is what holds where nothing is given (`NO_DEFAULT`: the component chooses).
    """

    allowed: str
    accepts: Callable[[Any], bool]
    default: Any = NO_DEFAULT


Checks = Mapping[str, Check]


def number(
    low: float,
    high: float,
    *,
    step: float = 1,
    default: object = NO_DEFAULT,
    why: str = "",
) -> Check:
    """A number from `low` to `high`, both included, in steps; `why` is said where the range may surprise."""
    kind = "a whole number" if step == 1 else "a number"
    return Check(
        allowed=f"{kind} from {low} to {high}"
        + (f" in steps of {step:g}" if step != 1 else "")
        + (f" ({why})" if why else ""),
        accepts=lambda value: low <= value <= high and value % step == 0,
        default=default,
    )


def matching(pattern: str, allowed: str, *, default: object = NO_DEFAULT) -> Check:
    """A text, or a list of texts, of a pattern."""
    compiled = re.compile(pattern)

    def accepts(value: str | list[str]) -> bool:
        # What is known only once it was made is not looked at.
        texts = [value] if isinstance(value, str) else [each for each in value if isinstance(each, str)]
        return all(compiled.fullmatch(each) for each in texts)

    return Check(allowed=allowed, accepts=accepts, default=default)


def one_of(members: Collection[object], *, default: object = NO_DEFAULT) -> Check:
    """One of a few values."""
    return Check(
        allowed="one of " + ", ".join(map(str, members)), accepts=lambda value: value in members, default=default
    )


def passes(accepts: Callable[[Any], object], allowed: str, *, default: object = NO_DEFAULT) -> Check:
    """A value that a function takes: it answers, or raises ValueError for a wrong one."""

    def tried(value: object) -> bool:
        try:
            return bool(accepts(value))
        except ValueError:
            return False

    return Check(allowed=allowed, accepts=tried, default=default)


def default(value: object) -> Check:
    """Anything of the type; `value` where nothing is given."""
    return Check(allowed="", accepts=lambda _: True, default=value)
