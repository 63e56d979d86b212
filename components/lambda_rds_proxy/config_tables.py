"""Parsing of a table of values: every key known, every value parsed, every problem kept."""

import json
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from .config_values import Parser

# key → (field, parser). The parser raises ValueError with the allowed values as its text.
Table = Mapping[str, tuple[str, Parser]]


def parse_table(
    table: Table,
    values: Mapping[str, object],
    problems: list[str],
    *,
    where: str = "",
    structured: Collection[str] = (),
    required: Collection[str] = (),
) -> dict[str, Any]:
    """field → value of all that is right; a sentence in `problems` for each that is not, or is not there."""
    parsed: dict[str, Any] = {}
    for key, value in values.items():
        if value == "":
            continue  # how a default in Pulumi.yaml says "the program chooses"
        if key not in table:
            close = get_close_matches(key, table, n=1)
            hint = f"did you mean {close[0]}?" if close else "the keys are " + ", ".join(table)
            problems.append(f"{where}{key} is not a key of this project; {hint}")
            continue
        name, parser = table[key]
        try:
            parsed[name] = parser(_structure(value) if key in structured else value)
        except ValueError as error:
            problems.append(f"{where}{key} is {shown(value)}; it must be {error}")
    problems += [f"{where}{key} is missing; it is needed here" for key in required if key not in values]
    return parsed


def shown(value: object) -> str:
    """A value as a message shows it, cut when it is long."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f'"{text}"' if len(text) <= 60 else f'"{text[:57]}…"'


def _structure(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
