"""What a value may be, as the real provider's validators have it: one look-up in the table of facts says which apply.

A validator is a map with one or more of `pattern`, `notPattern` (found anywhere, unless anchored), `enum` (with
`ignoreCase`), `range` and `length` (a bound of null is none), `multipleOf`, `format` (with `prefixLength`),
`notZeroValue`, `all`, `any` and `not`. Empty text passes where the provider lets it pass.
"""

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from .facts import Fact, Rule, TypeFacts, Validator, holds, walked
from .properties import Properties, blocks, number

Problem = tuple[str, str]
"""(property path, sentence)."""
_SHOWN_CHARACTERS = 200
REGION = r"[a-z]{2}(-[a-z]+)+-\d{1,2}"

# The provider's own words, which say more than its patterns.
_WORDS = {
    "^[0-9a-z-]+$": "only lower-case letters, digits and hyphens are allowed",
    "^[a-z]": "the first character must be a lower-case letter",
    "^[A-Za-z]": "the first character must be a letter",
    "--": "two consecutive hyphens are not allowed",
    "-$": "a hyphen at the end is not allowed",
}


def problems(facts: TypeFacts, stated: Properties, inputs: Properties) -> Iterator[Problem]:
    """Every value, and every pair of arguments, that the provider refuses when it checks or plans.

    Args:
        facts: of the type.
        stated: the arguments that the program states: defaults conflict with nothing.
        inputs: the same with what Check fills in.
    """
    for path, fact, value in walked(facts["arguments"], inputs):
        if value != UNKNOWN:
            yield from _of_value(fact, path, value)
    for path, fact, _ in walked(facts["arguments"], stated):
        yield from _beside(fact, path, stated)
    yield from _exactly_one(facts, stated)
    for rule in facts.get("rules", ()):
        for where, block in blocks(inputs, [rule["block"]] if "block" in rule else []):
            yield from _planned(rule, where, block)


def _of_value(fact: Fact, path: str, value: Any) -> Iterator[Problem]:  # noqa: ANN401 - JSON
    if fact.get("outputOnly"):
        yield path, f"{path} is decided by AWS alone and cannot be set"
    if isinstance(value, list):
        least, most = fact.get("minItems", 0), fact.get("maxItems")
        if len(value) < least or (most is not None and len(value) > most):
            wanted = f"at least {least}" if len(value) < least else f"at most {most}"
            yield path, f"{path} has {len(value)} members; the provider takes {wanted}"
    members = enumerate(value) if isinstance(value, list) else ()
    checked = [
        (path, fact.get("validator"), value),
        *((f"{path}[{i}]", fact.get("eachValidator"), v) for i, v in members),
    ]
    for where, validator, each in checked:
        reason = refusal(validator, each) if validator and each != UNKNOWN else None
        if reason:
            shown = "has a value that is not shown" if fact.get("sensitive") else f"is {_shown(each)}"
            yield where, f"{where} {shown}; {reason}"


def _beside(fact: Fact, path: str, stated: Properties) -> Iterator[Problem]:
    for other in fact.get("conflictsWith", ()):
        if _is_given(stated, other):
            yield path, f"{path} conflicts with {other}; state one of them"
    missing = [other for other in fact.get("requiredWith", ()) if not _is_given(stated, other)]
    if missing:
        yield path, f"{path} needs {' and '.join(missing)} beside it"


def _exactly_one(facts: TypeFacts, stated: Properties) -> Iterator[Problem]:
    """Each group once, also where none of it is given; one inside a block only where the block is."""
    groups = {(*fact["exactlyOneOf"],) for fact in _all_members(facts["arguments"]) if "exactlyOneOf" in fact}
    for group in sorted(groups):
        if "." in group[0] and not _is_given(stated, group[0].rpartition(".")[0]):
            continue
        given = [each for each in group if _is_given(stated, each)]
        if len(given) != 1:
            yield group[0], f"exactly one of {', '.join(group)} must be given; {_listed(given)} given"


def _all_members(arguments: Mapping[str, Fact]) -> Iterator[Fact]:
    for fact in arguments.values():
        yield fact
        yield from _all_members(fact.get("members", {}))


def _planned(rule: Rule, where: str, given: Properties) -> Iterator[Problem]:
    condition = rule["when"]
    if not holds(condition, given):
        return
    because = " and ".join(
        f"{name} is {each if isinstance(each, str) else _shown(given[name])}" for name, each in condition.items()
    )
    for name in rule.get("needs", ()):
        if name not in given:
            yield f"{where}{name}", f"{where}{name} is required while {because}"
    for name in rule.get("refuses", ()):
        if name in given:
            yield f"{where}{name}", f"{where}{name} cannot be set while {because}"
    group = rule.get("exactlyOneOf", ())
    found = [name for name in group if name in given]
    if group and len(found) != 1:
        yield (
            f"{where}{group[0]}",
            f"exactly one of {', '.join(group)} must be given while {because}; {_listed(found)} given",
        )


def _listed(given: Sequence[str]) -> str:
    return f"{', '.join(given)} {'are' if len(given) > 1 else 'is'}" if given else "none is"


def _is_given(stated: Properties, path: str) -> bool:
    *steps, name = path.split(".")
    return any(name in block for _, block in blocks(stated, steps))


def refusal(validator: Validator, value: Any) -> str | None:  # noqa: ANN401 - JSON
    """Why a known value is refused, as the end of a sentence; None where it passes."""
    for each in validator.get("all", ()):
        reason = refusal(each, value)
        if reason:
            return reason
    options = [refusal(each, value) for each in validator.get("any", ())]
    if options and all(options):
        return " or ".join(dict.fromkeys(reason for reason in options if reason))
    if "not" in validator and refusal(validator["not"], value) is None:
        return f"{_kind(validator['not'])} is not allowed"
    return next(
        (reason for key, rule in _RULES.items() if key in validator and (reason := rule(validator, value))), None
    )


def _pattern(validator: Validator, value: Any) -> str | None:  # noqa: ANN401
    pattern = validator["pattern"]
    return None if _compiled(pattern).search(str(value)) else _WORDS.get(pattern, f"it must match {pattern}")


def _not_pattern(validator: Validator, value: Any) -> str | None:  # noqa: ANN401
    pattern = validator["notPattern"]
    return _WORDS.get(pattern, f"it must not match {pattern}") if _compiled(pattern).search(str(value)) else None


def _enum(validator: Validator, value: Any) -> str | None:  # noqa: ANN401
    allowed = validator["enum"]
    plain = str.lower if validator.get("ignoreCase") else str
    fits = plain(str(value)) in {plain(str(each)) for each in allowed}
    return None if fits else f"it must be one of {', '.join(str(each) or 'empty' for each in allowed)}"


def _range(validator: Validator, value: Any) -> str | None:  # noqa: ANN401
    found = number(value)
    return None if found is None or _within(validator["range"], found) else f"it must be {_bounds(validator['range'])}"


def _length(validator: Validator, value: Any) -> str | None:  # noqa: ANN401
    if not isinstance(value, str) or _within(validator["length"], len(value)):
        return None
    return f"it has {len(value)} characters and must have {_bounds(validator['length'])}"


def _within(bounds: Sequence[int | None], found: float) -> bool:
    low, high = bounds
    return (low is None or found >= low) and (high is None or found <= high)


def _bounds(bounds: Sequence[int | None]) -> str:
    low, high = bounds
    return f"at most {high}" if low is None else f"at least {low}" if high is None else f"{low} to {high}"


def _multiple(validator: Validator, value: Any) -> str | None:  # noqa: ANN401
    found, of = number(value), validator["multipleOf"]
    return None if found is None or found % of == 0 else f"it must be a multiple of {of}"


def _not_zero(_: Validator, value: Any) -> str | None:  # noqa: ANN401
    return "it must not be 0" if number(value) == 0 else None


def _format(validator: Validator, value: Any) -> str | None:  # noqa: ANN401
    wanted = validator["format"]
    words, fits = _FORMATS[wanted]
    if not fits(str(value)):
        return f"it must be {words}"
    low, high = validator.get("prefixLength", (None, None))
    within = low is None or low <= ipaddress.ip_network(value).prefixlen <= high
    return None if within else f"its prefix length must be {low} to {high}"


_RULES: Mapping[str, Callable[[Validator, Any], str | None]] = {
    "pattern": _pattern,
    "notPattern": _not_pattern,
    "enum": _enum,
    "range": _range,
    "length": _length,
    "multipleOf": _multiple,
    "notZeroValue": _not_zero,
    "format": _format,
}


def _kind(validator: Validator) -> str:
    return _FORMATS[validator["format"]][0] if "format" in validator else "this value"


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda text: _compiled(pattern).search(text) is not None


def _is_arn(text: str) -> bool:
    """verify.ValidARN: empty text passes, and so does an ARN without region or account."""
    return not text or _ARN.search(text) is not None


def _parsed_by(parse: Callable[[str], object]) -> Callable[[str], bool]:
    """Whether a parser takes a text: it raises ValueError for what it does not take."""

    def fits(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return fits


def _policy(text: str) -> None:
    """An IAM policy; empty text passes."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key twice")
        return dict(pairs)

    if text and not (text[0] == "{" and isinstance(json.loads(text, object_pairs_hook=once), dict)):
        raise ValueError("no object, or leading blanks")


def _network(text: str, *, version: int, strict: bool = True) -> None:
    if "/" not in text or ipaddress.ip_network(text, strict=strict).version != version:
        raise ValueError(f"no IPv{version} CIDR block")


_ACCOUNT = r"aws|aws-managed|third-party|aws-marketplace|partner-managed|\d{12}|cw.{10}"
_ARN = re.compile(rf"^arn:aws(-[a-z]+)*:[^:]+:({REGION})?:({_ACCOUNT})?:.+\Z", re.ASCII)
_TIME = r"([01]\d|2[0-3]):[0-5]\d"
_DAY = "(sun|mon|tue|wed|thu|fri|sat)"

_FORMATS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "arn": ("an ARN", _is_arn),
    "account-id": ("an account ID of 12 digits", _matches(r"^\d{12}$")),
    "base64": ("base64", _parsed_by(partial(base64.b64decode, validate=True))),
    "json": ("JSON", _parsed_by(json.loads)),
    "iam-policy-json": (
        "an IAM policy as a JSON object, without leading blanks and without a key twice",
        _parsed_by(_policy),
    ),
    "ipv4-network": ("an IPv4 CIDR block whose host bits are 0", _parsed_by(partial(_network, version=4))),
    "ipv6-network": ("an IPv6 CIDR block whose host bits are 0", _parsed_by(partial(_network, version=6))),
    "ipv6-cidr": ("an IPv6 CIDR block", _parsed_by(partial(_network, version=6, strict=False))),
    "daily-window": ("a time such as 04:00-04:30", _matches(f"^({_TIME}-{_TIME})?$")),
    "weekly-window": (
        "a time such as sun:04:00-sun:04:30",
        _matches(f"(?i)^({_DAY}:{_TIME}-{_DAY}:{_TIME})?$"),
    ),
    "utc-timestamp": (
        "a UTC time such as 2026-01-31T04:00:00Z",
        _matches(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"),
    ),
    "ip-address": ("an IP address", _parsed_by(ipaddress.ip_address)),
    "number-or-empty-text": ("a number", lambda text: not text or number(text) is not None),
}


@cache
def _compiled(pattern: str) -> "re.Pattern[str]":
    """As Go reads it: ASCII classes, and an end that no line break comes after."""
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), re.ASCII)


def _shown(value: Any) -> str:  # noqa: ANN401 - JSON
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
