"""A policy's configuration: options with defaults and their JSON schema from one table, and dated exemptions.

Configuration comes from whoever administers the policy group. A mistake in it is reported, never an error: the option
keeps its default, an exemption that cannot be read exempts nothing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from .values import Json, number


@dataclass(frozen=True, kw_only=True)
class Option:
    """One configuration key; `parse` raises ValueError with half a sentence that says what it must be."""

    name: str
    default: Json
    schema: Mapping[str, Json]
    parse: Callable[[Json], Json]


def number_option(name: str, default: float, description: str, *, minimum: float, maximum: float) -> Option:
    """A number within limits."""

    def parse(value: Json) -> float:
        found = number(value)
        if found is None or not minimum <= found <= maximum:
            raise ValueError(f"must be a number from {minimum:g} to {maximum:g}")
        return found

    schema = {"type": "number", "minimum": minimum, "maximum": maximum, "default": default, "description": description}
    return Option(name=name, default=default, schema=schema, parse=parse)


def flag_option(name: str, default: bool, description: str) -> Option:
    """A boolean."""

    def parse(value: Json) -> bool:
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value

    schema = {"type": "boolean", "default": default, "description": description}
    return Option(name=name, default=default, schema=schema, parse=parse)


def patterns_option(name: str, description: str) -> Option:
    """A list of regular expressions, searched for without regard to case."""

    def parse(value: Json) -> tuple[re.Pattern[str], ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ValueError("must be a list of regular expressions")
        try:
            return tuple(re.compile(each, re.IGNORECASE) for each in value)
        except re.error as error:
            raise ValueError(f"must be a list of regular expressions ({error})") from None

    schema = {"type": "array", "items": {"type": "string"}, "default": [], "description": description}
    return Option(name=name, default=(), schema=schema, parse=parse)


IGNORED_KEYS = patterns_option("ignoreKeyPatterns", "Names of environment variables to leave alone.")


@dataclass(frozen=True)
class Exemption:
    """Resources that a policy leaves alone, why, and the last day on which it does."""

    urn: str
    reason: str
    expires: date

    def matches(self, urn: str) -> bool:
        """Whether it is about a resource."""
        return _pattern(self.urn).search(urn) is not None

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return today > self.expires


EXEMPTIONS_SCHEMA: dict[str, Json] = {
    "type": "array",
    "default": [],
    "description": "Resources that this policy leaves alone until a date.",
    "items": {
        "type": "object",
        "properties": {
            "urn": {
                "type": "string",
                "description": "URN of the resource; * is any text. With ^ at its beginning: a regular expression.",
            },
            "reason": {"type": "string", "description": "Why."},
            "expires": {"type": "string", "description": "Last day of the exemption, YYYY-MM-DD (UTC)."},
        },
    },
}


@dataclass(frozen=True)
class Configuration:
    """A policy's configuration as read: the options' values, the exemptions, and everything that is wrong with it."""

    values: Mapping[str, Json]
    exemptions: tuple[Exemption, ...] = ()
    problems: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Json:
        return self.values[name]


def schema(options: tuple[Option, ...]) -> dict[str, dict[str, Json]]:
    """The properties of a policy's JSON schema."""
    return {**{option.name: dict(option.schema) for option in options}, "exemptions": EXEMPTIONS_SCHEMA}


def configuration(given: Mapping[str, Json], options: tuple[Option, ...]) -> Configuration:
    """Read a policy's configuration; it is empty where nobody configured anything, so the defaults stand here too."""
    problems, values = [], {}
    for option in options:
        values[option.name] = option.default
        if given.get(option.name) is not None:
            try:
                values[option.name] = option.parse(given[option.name])
            except ValueError as error:
                problems.append(f"{option.name} {error}; its default is used.")
    known = [option.name for option in options] + ["exemptions"]
    problems += [
        f"The key {key} means nothing; this policy knows {', '.join(known)}." for key in sorted(set(given) - set(known))
    ]
    exemptions = []
    stated = given.get("exemptions") or []
    if not isinstance(stated, list):
        problems.append("exemptions must be a list of {urn, reason, expires}; it exempts nothing.")
        stated = []
    for index, entry in enumerate(stated):
        try:
            exemptions.append(_exemption(entry))
        except ValueError as error:
            problems.append(f"exemptions[{index}] {error}; it exempts nothing.")
    return Configuration(values, tuple(exemptions), tuple(problems))


def _exemption(entry: Json) -> Exemption:
    if not isinstance(entry, Mapping):
        raise ValueError("must have urn, reason and expires")
    for name in ("urn", "reason", "expires"):
        if not isinstance(entry.get(name), str) or not entry[name].strip():
            raise ValueError(f"must state {name}")
    unknown = sorted(set(entry) - {"urn", "reason", "expires"})
    if unknown:
        raise ValueError(f"has the key {unknown[0]}, which means nothing beside urn, reason and expires")
    urn = entry["urn"].strip()
    if not urn.startswith("^") and (".*" in urn or urn.endswith("$")):
        raise ValueError("has a urn that looks like a regular expression: begin it with ^, or use * alone")
    try:
        _pattern(urn)
    except re.error as error:
        raise ValueError(f"has a urn that is no regular expression ({error})") from None
    try:
        expires = date.fromisoformat(entry["expires"].strip())
    except ValueError:
        raise ValueError("must state expires as YYYY-MM-DD") from None
    return Exemption(urn, entry["reason"].strip(), expires)


def _pattern(urn: str) -> re.Pattern[str]:
    """A URN with * for any text, or a regular expression when it begins with ^."""
    if urn.startswith("^"):
        return re.compile(urn)
    return re.compile(rf"\A{'.*'.join(map(re.escape, urn.split('*')))}\Z", re.DOTALL)
