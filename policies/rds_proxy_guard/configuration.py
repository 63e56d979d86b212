"""A policy's configuration: options with defaults and their JSON schema from one table, and dated exemptions.

Configuration comes from whoever administers the policy group. A mistake in it is reported, never an error: the option
keeps its default, an exemption that cannot be read exempts nothing. The engine ends every preview of a group's stacks
over a value of another type than a schema has, so the schemas have none and say in words what a value must be.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from . import exemptions as exempting
from .exemptions import Exemption, Exemptions, exemption
from .patterns import Pattern, given_up
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

    schema = {"default": default, "description": f"{description} A number from {minimum:g} to {maximum:g}."}
    return Option(name=name, default=default, schema=schema, parse=parse)


def flag_option(name: str, default: bool, description: str) -> Option:
    """A boolean."""

    def parse(value: Json) -> bool:
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value

    schema = {"default": default, "description": f"{description} true or false."}
    return Option(name=name, default=default, schema=schema, parse=parse)


def patterns_option(name: str, description: str) -> Option:
    """A list of regular expressions, searched for without regard to case."""

    def parse(value: Json) -> tuple[Pattern, ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ValueError("must be a list of regular expressions")
        try:
            return tuple(Pattern(each, any_case=True) for each in value)
        except ValueError as error:
            raise ValueError(f"must be a list of regular expressions: one {error}") from None

    schema = {"default": [], "description": f"{description} A list of regular expressions."}
    return Option(name=name, default=(), schema=schema, parse=parse)


IGNORED_KEYS = patterns_option("ignoreKeyPatterns", "Names of environment variables to leave alone.")


@dataclass(frozen=True)
class Configuration:
    """A policy's configuration as read: the options' values, the exemptions, and everything that is wrong with it."""

    values: Mapping[str, Json]
    exemptions: tuple[Exemption, ...] = ()
    mistakes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Json:
        return self.values[name]

    @cached_property
    def exempting(self) -> Exemptions:
        """The exemptions by what they are about."""
        return Exemptions(self.exemptions)

    def problems(self) -> list[str]:
        """What to tell whoever wrote it, as of now: a regular expression shows in use only that it does not end."""
        patterns = [each for value in self.values.values() if isinstance(value, tuple) for each in value]
        return [
            *self.mistakes,
            *given_up(patterns),
            *(f"an exemption {problem}" for each in self.exemptions for problem in each.problems()),
        ]


def schema(options: tuple[Option, ...]) -> dict[str, dict[str, Json]]:
    """The properties of a policy's JSON schema."""
    return {**{option.name: dict(option.schema) for option in options}, "exemptions": exempting.SCHEMA}


def configuration(given: Mapping[str, Json], options: tuple[Option, ...]) -> Configuration:
    """Read a policy's configuration; it is empty where nobody configured anything, so the defaults stand here too."""
    mistakes, values = [], {}
    for option in options:
        values[option.name] = option.default
        if given.get(option.name) is not None:
            try:
                values[option.name] = option.parse(given[option.name])
            except ValueError as error:
                mistakes.append(f"{option.name} {error}; its default is used.")
    known = [option.name for option in options] + ["exemptions"]
    mistakes += [
        f"The key {key} means nothing; this policy knows {', '.join(known)}." for key in sorted(set(given) - set(known))
    ]
    exemptions = []
    stated = [] if given.get("exemptions") is None else given["exemptions"]
    if not isinstance(stated, list):
        mistakes.append("exemptions must be a list of {urn, reason, expires}; it exempts nothing.")
        stated = []
    for index, entry in enumerate(stated):
        try:
            exemptions.append(exemption(entry))
        except ValueError as error:
            mistakes.append(f"exemptions[{index}] {error}; it exempts nothing.")
    return Configuration(values, tuple(exemptions), tuple(mistakes))
