"""Property values as plain Python, read from the SDK's proxies without ever tripping over an unknown."""

from collections.abc import Collection, Mapping, Sequence

from pulumi_policy.proxy import UnknownValueError

from .values import UNKNOWN, Json

# What `pulumi policy analyze --file` puts in place of a secret it cannot decrypt; it may stand for a whole map.
_REDACTED_SECRET = "[secret]"  # noqa: S105 - the engine's own text
# pulumi.runtime.rpc.UNKNOWN: slices of the SDK's lists hand out the raw sentinel.
_SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


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
