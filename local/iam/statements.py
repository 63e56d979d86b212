"""What IAM policy statements allow, as far as it can be told without a request's context. Pure.

The rules are those of the IAM User Guide ("Policy evaluation logic", "IAM JSON policy elements"): a Deny wins, and
nothing is allowed that no Allow names. A `Condition` needs what only AWS knows of a request, so a statement that has
one is taken for the worse: it allows nothing, and what it denies is denied.
"""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Statements = Sequence[Mapping[str, Any]]


def is_allowed(statements: Statements, *, action: str, resource: str) -> bool:
    """Whether statements allow an action such as `rds-db:connect` on a resource, given by its ARN."""
    allowed = False
    for statement in statements:
        if not _is_about(statement, action) or not _names(statement, "Resource", resource):
            continue
        if statement.get("Effect") != "Allow":
            return False
        allowed = allowed or not statement.get("Condition")
    return allowed


def resources(statements: Statements) -> Iterator[str]:
    """Every resource that statements name, patterns as they are."""
    for statement in statements:
        yield from _list(statement.get("Resource", []))


def unsure(statements: Statements, *, action: str) -> Iterator[str]:
    """A sentence for each statement about an action that has a condition, with how it is taken."""
    for statement in statements:
        condition = statement.get("Condition")
        if condition and _is_about(statement, action):
            keys = sorted(str(key) for keys in condition.values() for key in keys) if _is_table(condition) else ["?"]
            effect = "it allows nothing" if statement.get("Effect") == "Allow" else "it denies in any case"
            which = f"the statement {statement['Sid']}" if statement.get("Sid") else "a statement"
            yield f"the laptop cannot tell {', '.join(keys)}, the condition of {which} on {action}: {effect}"


def _is_table(condition: object) -> bool:
    return isinstance(condition, Mapping) and all(isinstance(each, Mapping) for each in condition.values())


def _is_about(statement: Mapping[str, Any], action: str) -> bool:
    return _names(statement, "Action", action, fold=str.lower)


def _names(statement: Mapping[str, Any], element: str, value: str, *, fold: Any = str) -> bool:  # noqa: ANN401 - of str
    """Whether `Action` or `Resource` names a value, or `NotAction` or `NotResource` does not; neither names nothing."""
    if element in statement:
        return any(_matches(fold(value), fold(pattern)) for pattern in _list(statement[element]))
    if f"Not{element}" in statement:
        return not any(_matches(fold(value), fold(pattern)) for pattern in _list(statement[f"Not{element}"]))
    return False


def _matches(text: str, pattern: str) -> bool:
    """IAM's wildcards are * and ?; its actions have no case, its resources have."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def _list(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
