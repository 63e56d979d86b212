"""Property values as plain Python, read from the SDK's proxies without ever tripping over an unknown.

An unknown becomes `UNKNOWN`, whose truth value is an error: a rule that forgets unknowns fails its own tests instead of
a user's preview.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from pulumi_policy.proxy import UnknownValueError

# What `pulumi policy analyze --file` puts in place of a secret it cannot decrypt; it may stand for a whole map.
_REDACTED_SECRET = "[secret]"  # noqa: S105 - the engine's own text
# pulumi.runtime.rpc.UNKNOWN: slices of the SDK's lists hand out the raw sentinel.
_SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


Json = Any
"""Whatever a property, an input or a configuration key can hold."""


class _Unknown:
    """The one unknown value."""

    def __bool__(self) -> NoReturn:
        raise TypeError("an unknown value has no truth value; compare with `is UNKNOWN`")

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


def plain(value: Json) -> Json:
    """A value as dicts, lists and scalars with `UNKNOWN` wherever something cannot be known yet."""
    if isinstance(value, str):
        return UNKNOWN if value in (_SENTINEL, _REDACTED_SECRET) else value
    if isinstance(value, Mapping):
        return {str(key): _read(value, key) for key in list(value)}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_read(value, index) for index in range(len(value))]
    return value


def properties(given: Json, wanted: Collection[str]) -> dict[str, Json]:
    """The wanted properties of a resource; the others are not touched."""
    return {name: _read(given, name) for name in list(given) if name in wanted}


def _read(container: Json, key: Json) -> Json:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def dig(value: Json, *path: str) -> Json:
    """The value at a path of keys: None when absent, UNKNOWN when it or something above it is unknown."""
    for key in path:
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
