"""Property values as plain Python, read from the SDK's proxies without ever tripping over an unknown."""

from collections.abc import Mapping, Sequence

from pulumi_policy.proxy import UnknownValueError

from .resources import is_terraforms, provider_of, pulumis_name
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


def properties(given: Json, token: str) -> dict[str, Json]:
    """The properties of a resource that some rule reads, under Pulumi's names; the others are not touched."""
    wanted, renames = provider_of(token).properties, is_terraforms(token)
    found = {}
    for name in list(given):
        own = pulumis_name(name) if renames else name
        if own in wanted:
            value = _read(given, name)
            found[own] = _renamed(value) if renames else value
    return found


def _renamed(value: Json) -> Json:
    # What stands in a map of variables is the program's own.
    if isinstance(value, dict):
        return {pulumis_name(key): item if key == "variables" else _renamed(item) for key, item in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value


def _read(container: Json, key: Json) -> Json:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN
