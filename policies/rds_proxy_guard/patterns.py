"""Regular expressions of a configuration, which end in time whatever they are.

One that takes longer than a policy may make a preview wait is given up for the rest of the operation and reported.
"""

from collections.abc import Sequence

import regex

# Per text: a thousand resources with ten variables each are judged in seconds by what is well written, which takes
# microseconds.
_LONGEST_SECONDS = 0.1


class Pattern:
    """One regular expression, searched for anywhere in a text.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, text: str, *, any_case: bool = False) -> None:
        try:
            self._compiled = regex.compile(text, regex.IGNORECASE if any_case else 0)
        except regex.error as error:
            raise ValueError(f"is no regular expression ({error})") from None
        self._text = text
        self._given_up = False

    def search(self, text: str) -> bool:
        """Whether it is in a text; no longer, once it did not end in time."""
        if self._given_up:
            return False
        try:
            return self._compiled.search(text, timeout=_LONGEST_SECONDS) is not None
        except TimeoutError:
            self._given_up = True
            return False


def given_up(patterns: Sequence[Pattern]) -> list[str]:
    """What is to be said of those that did not end in time."""
    return [
        f"the regular expression {pattern._text} did not end within {_LONGEST_SECONDS:g} s and is not used; write it "
        "without repetitions of repetitions"
        for pattern in patterns
        if pattern._given_up
    ]
