"""Property values as the rules see them: plain Python, in which something may be unknown.

An unknown is `UNKNOWN`, whose truth value is an error: a rule that forgets unknowns fails its own tests instead of
a user's preview.
"""

from typing import Any, NoReturn

Json = Any
"""Whatever a property, an input or a configuration key can hold."""


class _Unknown:
    """The one unknown value."""

    def __bool__(self) -> NoReturn:
        raise TypeError("an unknown value has no truth value; compare with `is UNKNOWN`")

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


def dig(value: Json, *path: str) -> Json:
    """The value at a path of keys: None when absent, UNKNOWN when it or something above it is unknown.

    A list of one stands for what is in it, as blocks of Terraform do.
    """
    for key in path:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is UNKNOWN:
            return UNKNOWN
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def holds_unknown(value: object) -> bool:
    """Whether a value is unknown, or something in it is."""
    if isinstance(value, dict):
        return any(holds_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(holds_unknown(item) for item in value)
    return value is UNKNOWN


def number(value: Json) -> float | None:
    """A finite number out of a number or a numeric text, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if found == found and abs(found) != float("inf") else None


def texts(value: Json) -> list[str]:
    """The known texts of a text or a list of texts."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]


def is_on(value: Json) -> bool:
    """Whether a property is known to be on."""
    return value is True or (isinstance(value, str) and value.lower() == "true")
