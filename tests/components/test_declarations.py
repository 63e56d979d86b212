"""A setting is declared once: its docstring, its check and its default agree, and no other module says them again."""

import ast
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, NotRequired, TypedDict

import pytest

from lambda_rds_proxy.engines import Profile
from lambda_rds_proxy.settings.checks import Check, Checks, default, number, one_of
from lambda_rds_proxy.settings.documented import default_of, docstrings
from lambda_rds_proxy.settings.reading import checks_of, plain
from tests.components.declarations import SOURCES, typed_dicts

DECLARED = typed_dicts()
KINDS = [kind for kinds in DECLARED.values() for kind in kinds]
FIELDS = {field for kind in KINDS for field in kind.__annotations__}
_RANGE = re.compile(r"(?<![/\w.])(\d[\d.]*) to (\d+(?:\.\d+)?)")
_DEFAULT = re.compile(r"; default (\S+?)[.;,]?(?=\s|$)")


def disagreements(kind: type[Any]) -> Iterator[str]:
    """What the docstrings of a TypedDict say otherwise than its checks and types, or do not say."""
    about = docstrings(kind)
    for field, annotation in kind.__annotations__.items():
        text, check = about.get(field, ""), checks_of(kind).get(field)
        if not text.endswith("."):
            yield f"{field} has no docstring of whole sentences"
        ranges = range_of(check)
        if _RANGE.findall(text) != ranges:
            yield f"{field} says {_RANGE.findall(text)}; its check has {ranges}"
        said, holds = _DEFAULT.findall(text), default_of(kind, field)
        if said != [holds] * bool(holds):
            yield f"{field} says default {said}; its check has {holds or 'none'}"
        if text.count("default") != len(said):
            yield f'{field} says "default" otherwise than "; default …"'
        for member in members_of(plain(annotation)[0], check):
            if member not in text:
                yield f"{field} does not say {member}"
        for span in re.findall(r"`([^`]+)`", text):
            for word in re.findall(r"\b[a-z]+_[a-z_]+\b", span):
                if word not in FIELDS | {field}:
                    yield f"{field} speaks of {word}, which is no setting"


def range_of(check: Check | None) -> list[tuple[str, str]]:
    """The range that a check of numbers has, as a docstring says it."""
    return re.findall(r"^a (?:whole )?number from (\S+) to (\S+)", check.allowed) if check else []


def members_of(kind: object, check: Check | None) -> list[str]:
    """The few values that a setting may have."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [each.value for each in kind]
    words = check.allowed.removeprefix("one of ").split(", ") if check and check.allowed.startswith("one of ") else []
    return words if len(words) < 10 else []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_docstrings_agree_with_types_and_checks(kind: type[Any]) -> None:
    assert list(disagreements(kind)) == []


@pytest.mark.parametrize("module", DECLARED)
def test_every_check_is_of_a_field_of_its_module(module: str) -> None:
    fields = {field for kind in DECLARED[module] for field in kind.__annotations__}
    assert set(checks_of(DECLARED[module][0])) - fields == set()


class Wrong(TypedDict):
    """Whose docstrings say what does not hold."""

    nothing: NotRequired[int]
    unfinished: NotRequired[int]
    """A number"""
    other_range: NotRequired[int]
    """A number, 1 to 10."""
    no_range: NotRequired[int]
    """A number, 1 to 10."""
    range_unsaid: NotRequired[int]
    """A number."""
    other_default: NotRequired[int]
    """A number, 1 to 10; default 8."""
    no_default: NotRequired[int]
    """A number; default 8."""
    default_unsaid: NotRequired[bool]
    """A flag."""
    default_in_passing: NotRequired[bool]
    """A flag (default true)."""
    member_unsaid: NotRequired[Profile]
    """Such as dev."""
    choice_unsaid: NotRequired[str]
    """One or three."""
    gone: NotRequired[str]
    """Needs `no_such_setting`."""


class Right(TypedDict):
    """Whose docstrings say what holds."""

    range_and_default: NotRequired[float]
    """A number, 0.5 to 10, below `max_connections_percent`; default 1."""
    network: NotRequired[str]
    """A network, /16 to /24; default 10.0.0.0/16."""
    profile: NotRequired[Profile]
    """dev or prod; default dev; on the laptop dev."""
    plain: NotRequired[str]
    """Text, such as `DB_HOST`."""


CHECKS: Checks = {
    "other_range": number(1, 11),
    "range_unsaid": number(1, 10),
    "other_default": number(1, 10, default=7),
    "default_unsaid": default(False),
    "default_in_passing": default(True),
    "choice_unsaid": one_of(["one", "two"]),
    "range_and_default": number(0.5, 10, step=0.5, default=1),
    "network": default("10.0.0.0/16"),
    "profile": default(Profile.DEV),
}


def test_each_disagreement_is_found() -> None:
    assert {problem.split()[0] for problem in disagreements(Wrong)} == set(Wrong.__annotations__)
    assert list(disagreements(Right)) == []


def settings() -> Iterator[tuple[str, str]]:
    """(module, field) of every setting."""
    for module, kinds in DECLARED.items():
        for kind in kinds:
            if kind.__name__.endswith("Settings"):
                yield from ((module, field) for field in kind.__annotations__)


# A function may have another architecture than its stack.
OVERRIDDEN = {"architecture": {"stack/args.py", "function/args.py"}}


def test_every_setting_is_declared_in_one_module() -> None:
    homes: dict[str, set[str]] = {}
    for module, field in settings():
        homes.setdefault(field, set()).add(module)
    assert len(homes) > 45
    assert all(home.endswith("args.py") for found in homes.values() for home in found)
    assert {field: found for field, found in homes.items() if len(found) > 1} == OVERRIDDEN


def says_again(tree: ast.AST, bounds: set[str], defaults: set[str]) -> Iterator[str]:
    """Where a module compares with a bound of a setting, writes one in a sentence, or repeats a default."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                numbers = {str(each.value) for each in (left, *others) if isinstance(each, ast.Constant)}
                if numbers & bounds:
                    yield ast.unparse(node)
            case ast.Constant(value=str(text)) if re.search(
                r"\b(from|to|and|between|at most|at least|above|below) (" + "|".join(map(re.escape, bounds)) + r")\b",
                text,
            ):
                yield text
            case ast.Call(
                func=ast.Attribute(attr="get"),
                args=[ast.Constant(value=field), ast.Constant() | ast.Attribute(value=ast.Name())],
            ) if field in defaults:
                yield ast.unparse(node)


BOUNDS = {
    bound
    for kind in KINDS
    for check in checks_of(kind).values()
    for both in range_of(check)
    for bound in both
    if float(bound) > 2  # 0, 1 and 2 mean other things as well
}
DEFAULTS = {field for module, field in settings() for kind in DECLARED[module] if default_of(kind, field)}


@pytest.mark.parametrize(
    "code",
    [
        "days <= 35",
        "1 <= percent <= 100",
        'f"{name} must be between {low} and 35"',
        '"a whole number from 1 to 100"',
        'proxy.get("max_connections_percent", 85)',
        'stack.get("profile", Profile.DEV)',
    ],
)
def test_each_way_to_say_a_check_again_is_found(code: str) -> None:
    assert list(says_again(ast.parse(code), BOUNDS, DEFAULTS))


@pytest.mark.parametrize("module", [each for each in SOURCES if each not in DECLARED])
def test_a_module_says_no_range_or_default_of_a_setting_again(module: str) -> None:
    assert list(says_again(without_docstrings(SOURCES[module]), BOUNDS, DEFAULTS)) == []


def without_docstrings(tree: ast.Module) -> ast.Module:
    """A copy that says nothing to readers of the source."""
    copy = ast.parse(ast.unparse(tree))
    for node in ast.walk(copy):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(None)
    return copy


def test_a_range_of_a_field_is_stated_once() -> None:
    """A module that has a field of the same name takes the check from the one that states it."""
    stated: dict[str, list[str]] = {}
    for module in DECLARED:
        for node in ast.walk(SOURCES[module]):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(value, ast.Call):
                        called = ast.unparse(value.func)
                        if called in ("number", "matching", "one_of", "passes"):
                            stated.setdefault(str(key.value), []).append(module)
    assert {field: modules for field, modules in stated.items() if len(modules) > 1} == {
        "architecture": ["function/args.py", "stack/args.py"]  # one with a default, over the same ARCHITECTURES
    }
