"""What arguments a resource type takes and which outputs it has, as the real `pulumi_aws` classes have them."""

import json
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from . import real_classes
from .properties import Properties, is_archive
from .real_classes import UnknownTypeError as UnknownTypeError
from .remembered import remembered

Kind = str | dict[str, Any]
"""See `real_classes`."""


@dataclass(frozen=True)
class Arguments:
    """Names as on the wire: the kinds that every argument may have, and which are required."""

    kinds: Mapping[str, Sequence[Kind]]
    required: frozenset[str]


@dataclass(frozen=True)
class RealType:
    """A resource type: its arguments, and the names of its outputs.

    Only what AWS fills in when the program leaves it out is computed, and unknown at preview.
    """

    arguments: Arguments
    outputs: frozenset[str]
    computed: frozenset[str]

    def problems(self, given: Properties) -> list[tuple[str, str]]:
        """(property path, sentence) of every unknown name, missing required argument and value of another type.

        Arguments of arguments are checked too. No value that could be a secret is quoted.
        """
        return list(_problems(self.arguments, given, path=""))


@cache
def real_type(token: str) -> RealType:
    """The type of a token.

    Raises:
        UnknownTypeError: pulumi_aws has no such type.
    """
    found = remembered(token, lambda: real_classes.describe_type(token))
    return RealType(_arguments(found["arguments"]), frozenset(found["outputs"]), frozenset(found["computed"]))


@cache
def nested_arguments(path: str) -> Arguments:
    """The arguments of a nested type, by the name that its kind has."""
    return _arguments(remembered(path, lambda: real_classes.describe_class(path)))


def _arguments(found: Mapping[str, Any]) -> Arguments:
    return Arguments(kinds=found["kinds"], required=frozenset(found["required"]))


def _problems(known: Arguments, given: Properties, *, path: str) -> typing.Iterator[tuple[str, str]]:
    for name, value in given.items():
        where = f"{path}{name}"
        if name not in known.kinds:
            close = get_close_matches(name, known.kinds, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            yield where, f"{where} is not an argument of this type{hint}"
            continue
        yield from _of_value(known.kinds[name], value, where)
    for name in sorted(known.required - given.keys()):
        yield f"{path}{name}", f"{path}{name} is required"


def _of_value(kinds: Sequence[Kind], value: Any, where: str) -> typing.Iterator[tuple[str, str]]:  # noqa: ANN401
    if value == UNKNOWN:
        return
    kind = next((each for each in kinds if _fits(each, value)), None)
    if kind is None:
        yield where, f"{where} is {_shown(value)}; it takes {' or '.join(sorted({_words(each) for each in kinds}))}"
        return
    if isinstance(kind, str):
        return
    if "list" in kind:
        for index, item in enumerate(value):
            yield from _of_value(kind["list"], item, f"{where}[{index}]")
    elif "nested" in kind:
        yield from _problems(nested_arguments(kind["nested"]), value, path=f"{where}.")
    else:
        for key, item in value.items():
            yield from _of_value(kind["map"], item, f"{where}.{key}")


def _fits(kind: Kind, value: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether a value is of a kind, or of one that the real provider converts (text and numbers, text and booleans)."""
    if isinstance(kind, dict):
        return isinstance(value, list) if "list" in kind else isinstance(value, dict) and not is_archive(value)
    if kind == "anything":
        return True
    if kind == "asset":
        return is_archive(value)
    if kind == "boolean":
        return isinstance(value, bool) or value in ("true", "false")
    if kind in ("whole", "number"):
        number = r"-?[0-9]+" if kind == "whole" else r"-?[0-9]+(\.[0-9]+)?"
        return not isinstance(value, bool | list | dict) and re.fullmatch(number, str(value)) is not None
    return not isinstance(value, list | dict)


_WORDS = {"asset": "an asset or archive", "boolean": "true or false", "whole": "a whole number", "number": "a number"}


def _words(kind: Kind) -> str:
    if isinstance(kind, dict):
        return "a list" if "list" in kind else "a map"
    return _WORDS.get(kind, "text")


def _shown(value: Any) -> str:  # noqa: ANN401
    if is_archive(value):
        return "an asset or archive"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a map"
    return json.dumps(value)
