"""A little judge of IAM policies: whether statements allow an action on a resource, with the conditions of the request.

Policies on principals only, of one account: allowed is what a statement allows and none denies. Keys that the request
does not have fail a condition, as on AWS (source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy
elements: Condition operators"). What it does not know it refuses to judge.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROLES = Path(__file__).resolve().parents[2] / "docs" / "roles"
Context = Mapping[str, str | Sequence[str]]
Statement = Mapping[str, Any]


def statements(*names: str, fill: Mapping[str, str]) -> list[Statement]:
    """The statements of policies in docs/roles, with their placeholders filled in."""
    found: list[Statement] = []
    for name in names:
        found += json.loads(filled((ROLES / f"{name}.json").read_text(), fill))["Statement"]
    return found


def filled(text: str, fill: Mapping[str, str]) -> str:
    """A policy with other words for its placeholders."""
    return re.sub(r"\b[A-Z_]{3,}\b", lambda found: fill.get(found[0], found[0]), text)


def allowed(policies: Iterable[Statement], action: str, resource: str, context: Context | None = None) -> bool:
    """Whether the statements together allow the request."""
    matching = [each["Effect"] for each in policies if _applies(each, action, resource, context or {})]
    return "Allow" in matching and "Deny" not in matching


def listed(value: Any) -> list[Any]:
    """Of one or several, a list."""
    return value if isinstance(value, list) else [value]


def _applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
    assert not unknown, f"this judge does not know {unknown}"
    return (
        any(_like(action.lower(), each.lower()) for each in listed(statement["Action"]))
        and any(_like(resource, each) for each in listed(statement["Resource"]))
        and all(
            _holds(operator, key, listed(values), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, key: str, values: list[str], context: Context) -> bool:
    folded = {name.lower(): value for name, value in context.items()}
    given = [] if key.lower() not in folded else listed(folded[key.lower()])
    if operator == "Null":
        return (not given) is (values == ["true"])
    any_value = operator.removeprefix("ForAnyValue:")
    assert any_value != operator or len(given) <= 1, f"{key} has several values and {operator} is for one"
    return any(_OPERATORS[any_value](each, wanted) for each in given for wanted in values)


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = ({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in re.split(r"([*?])", pattern))
    return re.compile("".join(parts), re.DOTALL)


def _like(value: str, pattern: str) -> bool:
    return _pattern(pattern).fullmatch(value) is not None


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda given, wanted: given == wanted,
    "StringLike": _like,
    "ArnEquals": _like,
}
