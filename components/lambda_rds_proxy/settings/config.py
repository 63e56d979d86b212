"""Flat keys of a stack's configuration ↔ nested settings: every part's field is one key, its name in camel case.

Pulumi hands over texts, structures as JSON, and the defaults of Pulumi.yaml as if the stack had said them. So a text
that equals the default of its key is not given.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, get_args, get_origin, is_typeddict

import pulumi

from .checks import NO_DEFAULT
from .reading import checks_of, plain, unknown
from .spelling import CONFIG, PARTS, Spelling


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key: where its value stands in the whole, of what type it is, and what holds without it."""

    path: tuple[str, ...]
    kind: object
    may_be_output: bool = False
    default: Any = NO_DEFAULT

    @property
    def default_text(self) -> str:
        """The default as Pulumi.yaml says it; empty where the program chooses."""
        return default_text(self.default)


def default_text(default: object) -> str:
    """A declared default as a configuration would say it."""
    if default is NO_DEFAULT:
        return ""
    if isinstance(default, bool):
        return "true" if default else "false"
    return str(default.value if isinstance(default, Enum) else default)


def keys(whole: type[Any]) -> dict[str, Key]:
    """Every key of a whole's configuration, in the order of the declarations.

    Raises:
        ValueError: two fields have the same key.
    """
    found: dict[str, Key] = {}
    for path, declaring, field in _fields(whole):
        key = CONFIG.step(field)
        if key in found:
            raise ValueError(f"{key} is the key of {'.'.join(found[key].path)} and of {'.'.join(path)}; rename one")
        check = checks_of(declaring).get(field)
        kind, may_be_output = plain(declaring.__annotations__[field])
        found[key] = Key(
            path=path, kind=kind, may_be_output=may_be_output, default=check.default if check else NO_DEFAULT
        )
    return found


def _fields(whole: type[Any]) -> Iterator[tuple[tuple[str, ...], type[Any], str]]:
    for name, annotation in whole.__annotations__.items():
        if name in PARTS:
            part = plain(annotation)[0]
            assert isinstance(part, type)  # noqa: S101 - a TypedDict
            yield from (((name, field), part, field) for field in part.__annotations__)
        else:
            yield (name,), whole, name


def nested(
    whole: type[Any], values: Mapping[str, str], older: Mapping[str, str], problems: list[str]
) -> tuple[dict[str, Any], Spelling]:
    """The values as a whole's arguments, yet unread, and how this stack spells them.

    Args:
        whole: the TypedDict of all parts.
        values: key → text as Pulumi hands it over.
        older: names that keys had → the names they have.
        problems: a sentence is added for each key that is given under its old and its new name.
    """
    known = keys(whole)
    given = {key: text for key, text in values.items() if text not in ("", _default(known, older.get(key, key)))}
    problems += [
        f"{old} and {new} are the same setting; {new} is its name now, remove {old}"
        for old, new in older.items()
        if old in given and new in given
    ]
    fields = {older.get(key, key): known[older.get(key, key)].path[-1] for key in given if older.get(key, key) in known}
    spelling = replace(
        CONFIG, renamed={**CONFIG.renamed, **{fields[new]: old for old, new in older.items() if old in given}}
    )
    arguments: dict[str, Any] = {}
    for key, text in given.items():
        place = known.get(older.get(key, key))
        if place is None:
            problems.append(unknown(key, spelling, known))
            continue
        into = arguments
        for step in place.path[:-1]:
            into = into.setdefault(step, {})
        into[place.path[-1]] = _structure(place.kind, text, problems, key)
    return arguments, spelling


def may_be_kept_secret(kind: object) -> bool:
    """Whether anything in a value of this type may be an Output."""
    if is_typeddict(kind):
        within = list(getattr(kind, "__annotations__", {}).values())
    elif get_origin(kind) in (dict, list):
        within = [get_args(kind)[-1]]
    else:
        return False
    return any(may_be_output or may_be_kept_secret(each) for each, may_be_output in map(plain, within))


def texts(value: object) -> Iterator[str]:
    """Every text and number that a key says, of whatever structure."""
    if isinstance(value, str):
        yield value
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from texts(each)
    elif value is not None:
        yield json.dumps(value)


def kept_secret(key: Key, value: Any) -> tuple[Any, bool]:  # noqa: ANN401 - whatever is declared
    """The read value of an encrypted key with all that may be an Output as a secret one, and whether anything is.

    Of a structure Pulumi tells that something in it is encrypted, not what: so all of it is, but names and sizes,
    which the program must know.
    """
    return _kept_secret(key.kind, value, may_be_output=key.may_be_output)


def _kept_secret(kind: object, value: Any, *, may_be_output: bool) -> tuple[Any, bool]:  # noqa: ANN401
    if is_typeddict(kind):
        annotations: dict[str, object] = getattr(kind, "__annotations__", {})
        kinds = {field: plain(annotations[field]) for field in value}
    elif get_origin(kind) is dict:
        kinds = dict.fromkeys(value, plain(get_args(kind)[1]))
    elif get_origin(kind) is list:
        item, may_be_output = plain(get_args(kind)[0])
        found = [_kept_secret(item, each, may_be_output=may_be_output) for each in value]
        return [each for each, _ in found], any(is_kept for _, is_kept in found)
    else:
        return (pulumi.Output.secret(value), True) if may_be_output else (value, False)
    fields = {name: _kept_secret(kinds[name][0], each, may_be_output=kinds[name][1]) for name, each in value.items()}
    return {name: each for name, (each, _) in fields.items()}, any(is_kept for _, is_kept in fields.values())


def _default(known: Mapping[str, Key], key: str) -> str:
    return known[key].default_text if key in known else ""


def _structure(kind: object, value: object, problems: list[str], label: str) -> Any:  # noqa: ANN401 - JSON
    """A text of JSON where a structure is declared; fields for keys; and a map for a list of maps with names."""
    if isinstance(value, str) and (get_origin(kind) in (list, dict) or is_typeddict(kind)):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if get_origin(kind) is dict and is_typeddict(plain(get_args(kind)[1])[0]):
        item = plain(get_args(kind)[1])[0]
        entries = _named(value, label, problems) if isinstance(value, list) else value
        if isinstance(entries, Mapping):
            return {name: _structure(item, each, problems, f"{label}.{name}") for name, each in entries.items()}
        return entries
    if is_typeddict(kind) and isinstance(value, Mapping):
        annotations: dict[str, object] = getattr(kind, "__annotations__", {})
        fields = {CONFIG.step(field): field for field in annotations}
        problems += [unknown(f"{label}.{name}", CONFIG, fields) for name in value if name not in fields]
        return {
            fields[name]: _structure(plain(annotations[fields[name]])[0], each, problems, f"{label}.{name}")
            for name, each in value.items()
            if name in fields and each != ""
        }
    return value


def _named(entries: list[Any], key: str, problems: list[str]) -> dict[str, Any]:
    """Version 0.1 had lists of maps, each with its name."""
    found: dict[str, Any] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            problems.append(f"{key}[{index}] has no name; write {key} as a map from names")
        elif entry["name"] in found:
            problems.append(f'{key} have the name "{entry["name"]}" twice; each needs a name of its own')
        else:
            found[entry["name"]] = {name: value for name, value in entry.items() if name != "name"}
    return found
