"""A little reading of resource policies: whether one lets an AWS service, or an account's principals, do something.

A condition on a key that is not known here may hold, so such a statement counts as one that allows and never as one
that denies: what is said to be refused is refused.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any


def lets(policy: str, action: str, principals: Mapping[str, tuple[str, ...]], context: Mapping[str, str]) -> bool:
    """Whether some statement allows an action to one of these principals (`Service`, `AWS`), and none denies it."""
    allowed = False
    for each in _statements(policy):
        if not _is_for(each, principals) or not _has_action(each, action):
            continue
        if each.get("Effect") == "Deny" and _holds(each, context, unknown=False):
            return False
        allowed = allowed or (each.get("Effect") == "Allow" and _holds(each, context, unknown=True))
    return allowed


def _statements(policy: str) -> Iterator[Mapping[str, Any]]:
    document = json.loads(policy)
    yield from _listed(document.get("Statement", []))


def _is_for(statement: Mapping[str, Any], principals: Mapping[str, tuple[str, ...]]) -> bool:
    if "NotPrincipal" in statement:
        return False
    said = statement.get("Principal", {})
    if said == "*":
        return True
    for kind, names in said.items():
        stated = _listed(names)
        if "*" in stated and kind == "AWS":
            return True
        if set(stated) & set(principals.get(kind, ())):
            return True
    return False


def _has_action(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not any(_like(action.lower(), each.lower()) for each in _listed(statement["NotAction"]))
    return any(_like(action.lower(), each.lower()) for each in _listed(statement.get("Action", [])))


def _holds(statement: Mapping[str, Any], context: Mapping[str, str], *, unknown: bool) -> bool:
    known = {key.lower(): value for key, value in context.items()}
    for operator, keys in statement.get("Condition", {}).items():
        compare = _OPERATORS.get(operator)
        for key, values in keys.items():
            given = known.get(key.lower())
            if compare is None or given is None:
                if not unknown:
                    return False
            elif not any(compare(given, str(each)) for each in _listed(values)):
                return False
    return True


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, list) else [value]


def _like(value: str, pattern: str) -> bool:
    return fnmatchcase(value, pattern.replace("[", "[[]"))


# source: IAM User Guide, "IAM JSON policy elements: Condition operators".
_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda given, wanted: given == wanted,
    "StringEqualsIgnoreCase": lambda given, wanted: given.lower() == wanted.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
}
