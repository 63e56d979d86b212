"""Docstrings of settings as what users read of them: descriptions in Pulumi.yaml and rows of docs/settings.md.

Reads source, which a program never needs: for tools and tests only. What a setting may be is asked of the reader, so
that a table and an error say it in the same words.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args, get_origin, is_typeddict

from .config import default_text, keys
from .reading import Reader, checks_of, plain
from .spelling import CONFIG, PARTS


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One setting as it is shown: its key and its argument, what it may be, what holds without it, what it means."""

    key: str
    argument: str
    allowed: str
    default: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """The settings that stand together: of a part, of each entry of a map, of a structure."""

    title: str
    description: str
    entries: tuple[Entry, ...]


def docstrings(kind: type[Any]) -> dict[str, str]:
    """Field → the docstring beneath it, as one line; a field without one is not there."""
    found: dict[str, str] = {}
    (declared,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(declared, ast.ClassDef)  # noqa: S101 - a TypedDict
    for field, below in zip(declared.body, declared.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found


def default_of(kind: type[Any], field: str) -> str:
    """The declared default of a field as Pulumi.yaml says it; empty where the component chooses."""
    check = checks_of(kind).get(field)
    return default_text(check.default) if check else ""


def as_keys(text: str, fields: frozenset[str]) -> str:
    """A description with each field that stands in backticks called by its key."""

    def spelled(span: re.Match[str]) -> str:
        return re.sub(r"\w+", lambda word: CONFIG.step(word[0]) if word[0] in fields else word[0], span[0])

    return re.sub(r"`[^`]+`", spelled, text)


def key_descriptions(whole: type[Any]) -> dict[str, tuple[str, str]]:
    """Key → (description, default) of every key of a whole's configuration, without Markdown."""
    described = {entry.key: entry.description for section in sections(whole) for entry in section.entries}
    return {key: (described[key].replace("`", ""), place.default_text) for key, place in keys(whole).items()}


def sections(whole: type[Any]) -> Iterator[Section]:
    """Every setting of a whole: part by part, then what stands beside the parts, then what has settings within."""
    fields = frozenset(_fields_within(whole))
    annotations = {name: plain(annotation)[0] for name, annotation in whole.__annotations__.items()}
    for part in PARTS:
        yield _section(part.capitalize(), annotations[part], (part,), fields)
    beside = [name for name in annotations if name not in PARTS]
    whole_section = _section("Beside the parts", whole, (), fields)
    yield replace(whole_section, entries=tuple(each for each in whole_section.entries if each.argument in beside))
    for name in beside:
        yield from _within(annotations[name], (name,), fields)


def _within(kind: object, path: tuple[str, ...], fields: frozenset[str]) -> Iterator[Section]:
    """The settings within a structure, or within each entry of a map of structures, and what is within those."""
    if get_origin(kind) is dict:
        kind, path = plain(get_args(kind)[1])[0], (*path, "<name>")
    if isinstance(kind, type) and is_typeddict(kind):
        yield _section(f"`{CONFIG.label(path)}`", kind, path, fields)
        for field, annotation in kind.__annotations__.items():
            yield from _within(plain(annotation)[0], (*path, field), fields)


def _section(
    title: str,
    kind: Any,  # noqa: ANN401 - a TypedDict
    path: tuple[str, ...],
    fields: frozenset[str],
) -> Section:
    about, required = docstrings(kind), kind.__required_keys__
    entries = []
    for field in kind.__annotations__:
        default = default_of(kind, field)
        entries.append(
            Entry(
                key=CONFIG.label((*path, field)),
                argument=".".join((*path, field)),
                allowed=_allowed(kind, field),
                default=default or ("required" if field in required else ""),
                description=as_keys(_without_default(about[field], default), fields),
            )
        )
    description = " ".join((kind.__doc__ or "").split())
    return Section(title=title, description=as_keys(description, fields), entries=tuple(entries))


def _allowed(kind: type[Any], field: str) -> str:
    """What a value may be: in the words of its check, or in the reader's own about something that is nothing."""
    check = checks_of(kind).get(field)
    if check is not None and check.allowed:
        return check.allowed
    reader = Reader(CONFIG)
    reader.structure(kind, {field: object()})
    (problem,) = [each for each in reader.problems if " must be " in each]
    return problem.rpartition(" must be ")[2]


def _without_default(text: str, default: str) -> str:
    """A description beside which the default stands."""
    return re.sub(rf"[;,] default {re.escape(default)}(?=[.,;])", "", text) if default else text


def _fields_within(kind: object) -> Iterator[str]:
    if get_origin(kind) is dict:
        kind = plain(get_args(kind)[1])[0]
    if isinstance(kind, type) and is_typeddict(kind):
        for field, annotation in kind.__annotations__.items():
            yield field
            yield from _fields_within(plain(annotation)[0])
