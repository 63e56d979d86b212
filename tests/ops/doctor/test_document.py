"""docs/doctor.md says what the doctor does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ops.doctor.command import Diagnosis, as_document
from ops.doctor.table import diagnose
from ops.doctor.verdict import Cause
from tests.ops.doctor.samples import CASES

_ROOT = Path(__file__).resolve().parents[3]
_DOCUMENT = (_ROOT / "docs" / "doctor.md").read_text()


def test_every_verdict_stands_in_the_table() -> None:
    rows = [line.split("|")[1] for line in _DOCUMENT.splitlines() if line.startswith("| `")]
    named = {word for row in rows for word in re.findall(r"`([a-z-]+)`", row)}
    assert {cause.value for cause in Cause} <= named


_FIELDS = dict(re.findall(r"^\| `((?:finding|proxies)[^`]*)` \| ([a-z ]+) \|", _DOCUMENT, re.MULTILINE))
_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "string": (str,),
    "number": (int, float),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def _values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every path of a document with its value; what is in an array has the path of the array."""
    if isinstance(value, dict):
        for name, each in value.items():
            own = f"{path}.{name}".lstrip(".")
            yield (f"{own}[]" if isinstance(each, list) else own), each
            yield from _values(each, own)
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, dict):
                yield from _values(each, f"{path}[]")
            else:
                yield f"{path}[]", each


def _documents() -> list[dict[str, Any]]:
    """What `--json` prints of every row, as JSON has it."""
    found = [
        Diagnosis(
            proxy="orders",
            verdict=diagnose(seen),
            budget=("cpu",),
            drift=("percent",),
            not_seen=("a group",),
            evidence=seen,
        )
        for seen in CASES.values()
    ]
    return [json.loads(json.dumps(as_document([each]))) for each in found]


def test_every_field_of_json_is_described_and_nothing_else_is() -> None:
    assert {path for document in _documents() for path, _ in _values(document)} == set(_FIELDS)


def test_every_field_of_json_has_the_type_that_is_described() -> None:
    for path, value in (each for document in _documents() for each in _values(document)):
        types = tuple(kind for name in _FIELDS[path].split(" or ") for kind in _TYPES[name])
        if path.endswith("[]"):
            types += (list,)
        # To Python a boolean is a number.
        assert isinstance(value, types) and (bool in types or not isinstance(value, bool)), (path, value)
