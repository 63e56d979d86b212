"""Reads what somebody wrote into the TypedDict that declares it: nothing wrong gets through, and all of it is said.

Types come from the annotations, ranges and patterns from the `CHECKS` of the declaring module. Nothing is filled in:
rules see what was said, and `with_defaults` gives what holds.
"""

import json
import math
import re
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, NotRequired, TypeVar, Union, cast, get_args, get_origin, is_typeddict

import pulumi

from .checks import NO_DEFAULT, Check, Checks, passes
from .spelling import SPELLING, Chosen, Path, Spelling

T = TypeVar("T")
_TEXT = passes(lambda value: bool(value.strip()), "a text that is not empty")
# What a message shows instead of a value that is secret.
HIDDEN = "[secret]"
# Rules over what was given: sentences, with settings called as the reader calls them.
Rules = Callable[[T, Spelling], Iterable[str]]


class ArgumentsError(pulumi.RunError, ValueError):
    """Arguments are wrong; the message names all of them. Pulumi shows it without a traceback."""


class _WrongError(Exception):
    """A value is not what the text says that it must be."""


class Reader:
    """Reads any number of structures and keeps a sentence per wrong, unknown or missing value in `problems`.

    No sentence quotes what stands at one of the paths that are `secret`.
    """

    def __init__(self, spelling: Spelling, *, secret: Collection[Path] = ()) -> None:
        self._spelling = spelling
        self._secret = secret
        self.problems: list[str] = []
        self.is_complete = True
        """Whether every structure has all that it must have, and rules may index it."""

    def structure(self, kind: type[T], values: object, path: Path = ()) -> T:
        """What is given and right, as a new dictionary; never raises."""
        read: dict[str, Any] = {}
        required: frozenset[str] = kind.__required_keys__  # type: ignore[attr-defined]
        if not isinstance(values, Mapping):
            self._wrong(path, values, "a map")
            self.is_complete &= not required
            return cast(T, read)
        annotations: dict[str, Any] = kind.__annotations__
        for field, value in values.items():
            where = (*path, field)
            if field not in annotations:
                self._unknown(path, str(field), annotations)
            elif value is not None:  # how other languages say that there is none
                check = checks_of(kind).get(field) or (_TEXT if plain(annotations[field])[0] is str else None)
                self._value(read, field, annotations[field], value, where, check)
        self.is_complete &= required <= read.keys()
        for field in annotations:
            if field in required and values.get(field) is None:
                self.problems.append(f"{self._spelling.label((*path, field))} is missing; it is needed here")
        return cast(T, read)

    def _value(
        self, into: dict[str, Any], key: str, annotation: object, value: object, path: Path, check: Check | None
    ) -> None:
        """Put a right value into `into`, or keep a sentence of what is wrong with it."""
        try:
            known = self._typed(annotation, value, path)
            if check is not None and not _is_output(known) and not check.accepts(known):
                raise _WrongError(check.allowed)
            into[key] = known
        except _WrongError as wrong:
            number = check is not None and plain(annotation)[0] in (int, float)
            self._wrong(path, value, check.allowed if check is not None and number else str(wrong))

    def _typed(self, annotation: object, value: object, path: Path) -> Any:  # noqa: ANN401 - whatever is declared
        kind, may_be_output = plain(annotation)
        if _is_output(value):
            if not may_be_output:
                raise _WrongError("known when the program runs: a plain value, not an Output")
            return value
        if kind is Any:
            return value
        if get_origin(kind) is list:
            return self._list(get_args(kind)[0], value, path)
        if get_origin(kind) is dict:
            return self._map(get_args(kind)[1], value, path)
        if is_typeddict(kind):
            return self.structure(cast("type[Any]", kind), value, path)
        return _scalar(cast("type[Any]", kind), value)

    def _list(self, item: object, value: object, path: Path) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise _WrongError("a list")
        read: dict[str, Any] = {}
        for index, each in enumerate(value):
            self._value(read, str(index), item, each, (*path, index), None)
        return list(read.values())

    def _map(self, item: object, value: object, path: Path) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _WrongError("a map")
        read: dict[str, Any] = {}
        for key, each in value.items():
            self._value(read, str(key), item, each, (*path, Chosen(key)), None)
        return read

    def _unknown(self, path: Path, field: str, known: Mapping[str, object]) -> None:
        within = [part for part, annotation in known.items() if field in _fields(plain(annotation)[0])]
        spelled = [self._spelling.step(each) for each in known]
        self.problems.append(
            unknown(
                self._spelling.label((*path, Chosen(field))),
                self._spelling,
                spelled,
                meant=f"{within[0]}.{field}" if within else None,
            )
        )

    def _wrong(self, path: Path, value: object, allowed: str) -> None:
        is_secret = any(tuple(path[: len(each)]) == tuple(each) for each in self._secret)
        told = HIDDEN if is_secret else shown(value)
        self.problems.append(f"{self._spelling.label(path)} is {told}; it must be {allowed}")


def read(kind: type[T], args: T, name: str, *, part: str = "", problems: Rules[T] = lambda _given, _call: ()) -> T:
    """The arguments of the component `name` of a part, read and in accord with its rules.

    Raises:
        ArgumentsError: with everything that is wrong, in the words of whoever wrote it.
    """
    spelling = SPELLING.get().of(part)
    reader = Reader(spelling)
    given = reader.structure(kind, args)
    # Rules index what a reference must have.
    found = [*reader.problems, *(problems(given, spelling) if reader.is_complete else ())]
    if found:
        raise ArgumentsError(f'"{name}": ' + "; ".join(found))
    return given


def with_defaults(kind: type[T], given: T) -> T:
    """What was given, and the declared defaults of what was not."""
    annotations: dict[str, Any] = kind.__annotations__
    defaults = {
        field: check.default
        for field, check in checks_of(kind).items()
        if field in annotations and check.default is not NO_DEFAULT
    }
    return cast(T, {**defaults, **cast(Mapping[str, Any], given)})


def checks_of(kind: type[Any]) -> Checks:
    """The checks that stand beside a declaration."""
    return cast(Checks, getattr(sys.modules[kind.__module__], "CHECKS", {}))


@cache
def plain(annotation: object) -> tuple[object, bool]:
    """(type, whether an Output of it is taken too) of a field's annotation."""
    if get_origin(annotation) is NotRequired:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):  # pulumi.Input: the type, an awaitable or an Output of it
        return get_args(annotation)[0], True
    return annotation, False


def unknown(label: str, spelling: Spelling, known: Collection[str], *, meant: str | None = None) -> str:
    """The sentence for a name that is none of those `known`, with what was probably meant."""
    close = meant or next(iter(get_close_matches(label.rsplit(".", 1)[-1], known, n=1, cutoff=0.7)), None)
    hint = f"did you mean {close}?" if close else f"{spelling.they} are " + ", ".join(known)
    return f"{label} is not {spelling.what}; {hint}"


def shown(value: object) -> str:
    """A value as a message shows it, cut when it is long."""
    if _is_output(value):
        return "an Output"
    try:
        text = value if isinstance(value, str) else json.dumps(value, default=_not_json)
    except (TypeError, ValueError, RecursionError):  # keys that are no texts, a structure that holds itself
        text = f"a {type(value).__name__}"
    return f'"{text}"' if len(text) <= 60 else f'"{text[:57]}…"'


def hidden(text: str, secrets: Iterable[object]) -> str:
    """A message without the values that are secret, wherever it quotes one."""
    quoted = {found for each in secrets if (found := str(each)).strip()}
    for each in sorted(quoted, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(each)}(?!\w)", HIDDEN, text)
    return text


def any_secret(*values: object) -> pulumi.Output[bool]:
    """Whether something in the values is a secret Output: what is told of them then quotes none."""

    async def told() -> bool:
        return await pulumi.Output.all(*values).is_secret()

    return pulumi.Output.from_input(told())


def _not_json(value: object) -> str:
    return "an Output" if _is_output(value) else str(value)


def _fields(kind: object) -> Collection[str]:
    return kind.__annotations__ if isinstance(kind, type) and is_typeddict(kind) else ()


def _is_output(value: object) -> bool:
    return isinstance(value, pulumi.Output | Awaitable)


def _scalar(kind: type[Any], value: Any) -> Any:  # noqa: ANN401 - what somebody wrote
    """A value of a simple type; texts of configurations, and the floats that the SDK hands over, are converted."""
    if issubclass(kind, Enum):
        if value not in [each.value for each in kind]:
            why = kind.why_not(str(value)) if hasattr(kind, "why_not") else ""
            raise _WrongError("one of " + ", ".join(str(each.value) for each in kind) + (f" ({why})" if why else ""))
        return kind(value)
    if kind is bool:
        if value not in (True, False, "true", "false") or isinstance(value, int | float) is not isinstance(value, bool):
            raise _WrongError("true or false")
        return value in (True, "true")
    if kind is str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise _WrongError("a text")
        return str(int(value) if isinstance(value, float) and value.is_integer() else value)
    return _number(kind, value)


def _number(kind: type[Any], value: object) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(cast(str, value))
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or (kind is int and not number.is_integer()):
        raise _WrongError("a whole number" if kind is int else "a number")
    return int(number) if kind is int else number
