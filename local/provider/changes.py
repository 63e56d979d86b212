"""What the real provider takes for a change, and which changes replace: one look-up in the table of facts.

It compares meanings: the members of a set in any order, a policy in any spelling, an argument that AWS fills in and
that is left out. Terraform's SDK takes empty text, 0 and false for arguments that were left out.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from .facts import Fact, holds
from .properties import Properties, differ, is_archive, number

# Numbers of protocols that EC2 answers with a name (internal/service/ec2/protocol_state.go).
_PROTOCOLS = {"all": "-1", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}


def is_changed(name: str, fact: Fact, old: Properties, new: Properties) -> bool:
    """Whether an argument means something else now.

    Args:
        name: of the argument.
        fact: what is known of it; values are compared as they are where its type is not.
        old: the inputs of the resource so far.
        new: what its inputs shall be.
    """
    before, after = old.get(name), new.get(name)
    if fact.get("writeOnly"):
        return False  # no state has it; another version of it is a change
    if "ignoredIf" in fact and holds(fact["ignoredIf"], new):
        return False
    if "unlessGrown" in fact and _has_grown(before, after, new.get(fact["unlessGrown"])):
        return False
    if "zeroMeans" in fact and not before and after == new.get(fact["zeroMeans"]):
        return False
    return not _is_same(fact, before, after)


def _has_grown(before: object, after: object, limit: object) -> bool:
    """Storage autoscaling has made it larger than the program asks for."""
    found, wanted, most = number(before), number(after), number(limit)
    return None not in (found, wanted, most) and wanted < found < most  # type: ignore[operator]


def _is_same(fact: Fact, old: Any, new: Any) -> bool:  # noqa: ANN401 - JSON
    if new is None and old is not None and (fact.get("computed") or fact.get("leftOut")):
        return True
    if "type" not in fact or is_archive(old) or is_archive(new):
        return not differ(old, new)
    members = fact.get("members")
    if members is not None and isinstance(old, dict) and isinstance(new, dict):
        return all(_is_same(members.get(key, {}), old.get(key), new.get(key)) for key in old.keys() | new.keys())
    return bool(_meaning(fact, old) == _meaning(fact, new))


def _meaning(fact: Fact, value: Any) -> Any:  # noqa: ANN401 - JSON
    """Equal for what means the same."""
    if value == UNKNOWN or value is None:
        return value
    kind, members = fact.get("type", ""), fact.get("members")
    if members is not None and isinstance(value, dict):
        told = {key: _meaning(members.get(key, {}), item) for key, item in value.items()}
        apart = {key: item for key, item in told.items() if members.get(key, {}).get("tellsApart", True)}
        found = {key: item for key, item in apart.items() if item is not None}
        return None if not found and "emptyBlock" in fact else found
    if isinstance(value, list):
        each = [_meaning({**fact, "type": ""}, item) for item in value]
        told = {json.dumps(item, sort_keys=True): item for item in each}
        return (sorted(told) if kind.startswith("set") else each) or None
    if isinstance(value, dict):
        return {key: item if isinstance(item, str) else json.dumps(item) for key, item in value.items()} or None
    if value in fact.get("meansNothing", ()):
        return None
    return _scalar(fact, kind, value)


def _scalar(fact: Fact, kind: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if kind == "boolean":
        return value in (True, "true") or None
    if kind in ("number", "whole number"):
        return number(value) or None
    return _SPELLINGS[fact.get("spelling", "")](str(value) if not isinstance(value, str) else value) or None


def _same_json(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def _same_policy(text: str) -> Any:  # noqa: ANN401 - JSON
    """An IAM document in which lists of one member, and orders, do not count."""
    found = _same_json(text)
    if not isinstance(found, dict) or "Statement" not in found:
        return found
    statements = found["Statement"] if isinstance(found["Statement"], list) else [found["Statement"]]
    plain = sorted((_unordered(each) for each in statements), key=lambda each: json.dumps(each, sort_keys=True))
    return {**found, "Statement": plain}


def _unordered(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _unordered(item) for key, item in value.items()}
    if isinstance(value, list):
        members = sorted({json.dumps(_unordered(item), sort_keys=True) for item in value})
        return json.loads(members[0]) if len(members) == 1 else members
    return str(value).lower() if isinstance(value, bool) else value


_SPELLINGS: Mapping[str, Callable[[str], Any]] = {
    "": lambda text: text,
    "lower-case": str.lower,
    "stripped": str.strip,
    "protocol": lambda text: _PROTOCOLS.get(text.lower(), text.lower()),
    "json": _same_json,
    "iam-policy": _same_policy,
}


def replaces(name: str, fact: Fact, old: Properties, new: Properties) -> bool:
    """Whether the change of an argument replaces the resource."""
    rule = fact.get("replaces", False)
    if isinstance(rule, bool):
        return rule or any(_inside(fact, old.get(name) or {}, new.get(name) or {}))
    if holds(rule.get("unless", {}), new) if "unless" in rule else not holds(rule.get("ifBefore", {}), old):
        return False
    if "unlessFromTo" in rule:
        return [old.get(name), new.get(name)] != list(rule["unlessFromTo"])
    if "unlessMovedTo" in rule:
        return name in new or name not in old or old[name] != new.get(rule["unlessMovedTo"])
    return (name in old) != (name in new) if "comesOrGoes" in rule else True


def _inside(fact: Fact, old: Any, new: Any) -> Iterator[bool]:  # noqa: ANN401 - JSON
    """Of every changed member of a block, whether it replaces."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name, member in fact.get("members", {}).items():
            if is_changed(name, member, old, new):
                yield replaces(name, member, old, new)
