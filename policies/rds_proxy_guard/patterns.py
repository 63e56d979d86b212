"""Regular expressions of a configuration, which end in time whatever they are.

One that takes longer than a policy may make a preview wait is given up for the rest of the operation and reported.
"""

import re
from collections.abc import Sequence
from math import prod
from time import thread_time

import regex

# Per text: a thousand resources with ten variables each are judged in seconds by what is well written, which takes
# microseconds. In all: what is just below that for each text is as slow. Of the processor's time, as other programs may
# keep it from us.
_LONGEST_SECONDS = 0.1
_LONGEST_IN_ALL = 5.0
# The library writes x{1000} out a thousand times, and what stands in a group once for each time of the group.
_LARGEST = 100_000
_REPEATED = re.compile(r"(?P<group>\))?\{(?P<count>[0-9]+)")


class Pattern:
    """One regular expression, searched for anywhere in a text.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, text: str, *, any_case: bool = False) -> None:
        if _written_out(text) > _LARGEST:
            raise ValueError("is too long, or repeats too often what it repeats")
        try:
            self._compiled = regex.compile(text, regex.IGNORECASE if any_case else 0)
        except regex.error as error:
            raise ValueError(f"is no regular expression ({error})") from None
        except RecursionError:
            raise ValueError("has too many groups in groups") from None
        self._text = text
        self._given_up = False
        self._left = _LONGEST_IN_ALL

    def search(self, text: str) -> bool:
        """Whether it is in a text; no longer, once it did not end in time."""
        if self._given_up:
            return False
        began = thread_time()
        try:
            return self._compiled.search(text, timeout=_LONGEST_SECONDS) is not None
        except TimeoutError:
            self._given_up = True
            return False
        finally:
            self._left -= thread_time() - began
            self._given_up |= self._left < 0


def _written_out(text: str) -> int:
    """How long a regular expression is at most without its counts."""
    counts = [(bool(each["group"]), int(each["count"][:9])) for each in _REPEATED.finditer(text)]
    groups = prod(max(1, count) for is_group, count in counts if is_group)
    return len(text) * groups * max((count for is_group, count in counts if not is_group), default=1)


def given_up(patterns: Sequence[Pattern]) -> list[str]:
    """What is to be said of those that did not end in time."""
    return [
        f"the regular expression {pattern._text} did not end within {_LONGEST_SECONDS:g} s, or {_LONGEST_IN_ALL:g} s "
        "in all, and is not used; write it without repetitions of repetitions"
        for pattern in patterns
        if pattern._given_up
    ]
