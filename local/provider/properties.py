"""Property values on the wire: protobuf structs to plain Python and back, unknowns, and how they spread at preview.

The provider tells the engine that it takes no secrets, resources or output values, so what arrives is JSON, the unknown
sentinel, and assets and archives as maps with a signature. State keeps only what is returned, so archives stay as they
came.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime.rpc import UNKNOWN

_SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
DEFAULTS = "__defaults"
"""Among the inputs: the names of those that nobody gave."""
Properties = dict[str, Any]


def from_struct(struct: struct_pb2.Struct) -> Properties:
    """Plain Python; whole numbers become ints, nulls are dropped."""
    found: Properties = _plain(json_format.MessageToDict(struct))
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def to_struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """The protobuf struct of plain Python; None values are dropped."""
    struct = struct_pb2.Struct()
    struct.update({key: value for key, value in values.items() if value is not None})
    return struct


def is_archive(value: object) -> bool:
    """Whether a value is an asset or archive."""
    return isinstance(value, dict) and _SIGNATURE_KEY in value


def archive_path(value: object) -> str | None:
    """The path of a FileArchive, or None for any other archive."""
    return value.get("path") if isinstance(value, dict) else None


def holds_unknown(value: object) -> bool:
    """Whether an unknown stands anywhere in a value."""
    if isinstance(value, dict):
        return any(holds_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(holds_unknown(item) for item in value)
    return bool(value == UNKNOWN)


def number(value: object) -> float | None:
    """A number, or text that is one: the real provider takes both."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return int(found) if found.is_integer() else found


def blocks(values: object, steps: Sequence[str], *, where: str = "") -> Iterator[tuple[str, Properties]]:
    """(path, block) of every block that is given where the steps lead to; lists of blocks are walked."""
    if isinstance(values, list):
        for index, item in enumerate(values):
            yield from blocks(item, steps, where=f"{where.removesuffix('.')}[{index}].")
    elif isinstance(values, dict) and steps:
        yield from blocks(values.get(steps[0]), steps[1:], where=f"{where}{steps[0]}.")
    elif isinstance(values, dict):
        yield where, values


def promoted(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A value as the bridged provider shows it in preview outputs: a collection with an unknown member is unknown."""
    if is_archive(value):
        return value
    if isinstance(value, dict):
        return UNKNOWN if UNKNOWN in value.values() else {key: promoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return UNKNOWN if UNKNOWN in value else [promoted(item) for item in value]
    return value


def differ(old: object, new: object) -> bool:
    """Whether two input values differ; archives differ when their hashes do, wherever they lie on disk."""
    if is_archive(old) and is_archive(new):
        assert isinstance(old, dict) and isinstance(new, dict)  # noqa: S101 - is_archive says so
        if old.get("hash") and new.get("hash"):
            return bool(old["hash"] != new["hash"])
    return old != new
