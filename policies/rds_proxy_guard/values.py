"""Property values as plain Python, read from the SDK's proxies without ever tripping over an unknown.

An unknown becomes `UNKNOWN`, whose truth value is an error: a rule that forgets unknowns fails its own tests instead of
a user's preview.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pulumi_policy.proxy import UnknownValueError

# What `pulumi policy analyze --file` puts in place of a secret it cannot decrypt; it may stand for a whole map.
_REDACTED_SECRET = "[secret]"  # noqa: S105 - the engine's own text
# pulumi.runtime.rpc.UNKNOWN: slices of the SDK's lists hand out the raw sentinel.
_SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class _Unknown:
    """The one unknown value."""

    def __bool__(self) -> NoReturn:
        raise TypeError("an unknown value has no truth value; compare with `is UNKNOWN`")

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A value as dicts, lists and scalars with `UNKNOWN` wherever something cannot be known yet."""
    if value is UNKNOWN or value in (_SENTINEL, _REDACTED_SECRET) if isinstance(value, str) else value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, Mapping):
        return {str(key): _read(value, key) for key in list(value)}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_read(value, index) for index in range(len(value))]
    return value


def _read(container: Any, key: Any) -> Any:  # noqa: ANN401
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def dig(value: Any, *path: str) -> Any:  # noqa: ANN401
    """The value at a path of keys: None when absent, UNKNOWN when it or something above it is unknown."""
    for key in path:
        if value is UNKNOWN:
            return UNKNOWN
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def number(value: Any) -> float | None:  # noqa: ANN401
    """A finite number out of a number or a numeric text, else None."""
    if isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if found == found and abs(found) != float("inf") else None
