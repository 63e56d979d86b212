"""AWS's own limits of the arguments we use, where the real provider has none: it lets a borrow timeout of 3600 s pass.

AWS refuses them during `up`. Here they fail at Check, so a preview shows what an update on AWS would. Unknown values
are nobody's business yet, and those of another type are said elsewhere.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from ..properties import Properties, blocks, number
from ..remembered import remembered
from ..validators import Problem

Limit = Callable[[Properties], Iterator[Problem]]
"""All values of a resource's inputs that AWS would refuse, alone or beside each other."""


def known_values(given: Properties, path: str) -> Iterator[tuple[str, Any]]:
    """(property path, value) of every known value that a path such as `auths.secretArn` leads to."""
    *steps, argument = path.split(".")
    for where, block in blocks(given, steps):
        value = block.get(argument)
        if value is not None and value != UNKNOWN:
            yield f"{where}{argument}", value


def known_numbers(given: Properties, path: str) -> Iterator[tuple[str, float]]:
    for where, value in known_values(given, path):
        found = number(value)
        if found is not None:
            yield where, found


@dataclass(frozen=True)
class Range:
    """The least and the greatest number that AWS takes."""

    path: str
    low: int
    high: int

    def __call__(self, given: Properties) -> Iterator[Problem]:
        for where, found in known_numbers(given, self.path):
            if not self.low <= found <= self.high:
                yield where, f"{where} is {found}; AWS takes {self.low} to {self.high}"


@dataclass(frozen=True)
class Matching:
    """The pattern of a text, and who takes what, as the sentence says it."""

    path: str
    pattern: str
    takes: str

    def __call__(self, given: Properties) -> Iterator[Problem]:
        for where, value in known_values(given, self.path):
            if isinstance(value, str) and not re.fullmatch(self.pattern, value):
                yield where, f'{where} is "{value}"; {self.takes}'


class Modelled:
    """Arguments that are members of a request in botocore's model of a service; some have another name there."""

    def __init__(self, service: str, request: str, *arguments: str, **renamed: str) -> None:
        self.service, self.request = service, request
        self.members = {**renamed, **{each: each for each in arguments}}

    def __call__(self, given: Properties) -> Iterator[Problem]:
        limits = {member.lower(): limit for member, limit in _members(self.service, self.request).items()}
        for argument, member in self.members.items():
            for where, value in known_values(given, argument):
                yield from _against(limits[member.lower()], where, value)


def _against(limit: Mapping[str, Any], where: str, value: Any) -> Iterator[Problem]:  # noqa: ANN401 - JSON
    if limit["type"] == "list" and isinstance(value, list):
        for item in value:
            yield from _against(limit["member"], where, item)
        return
    text = limit["type"] == "string"
    measured = (len(value) if isinstance(value, str) else None) if text else number(value)
    if measured is None or value == UNKNOWN:
        return
    enum = limit.get("enum")
    if enum and value not in enum:
        yield where, f'{where} is "{value}"; AWS takes one of {", ".join(enum)}'
    low, high = limit.get("min"), limit.get("max")
    if (low is not None and measured < low) or (high is not None and measured > high):
        bounds = f"at least {low}" if high is None else f"{low or 0} to {high}"
        yield where, f'{where} is "{value}"; AWS takes {bounds}{" characters" if text else ""}'
    pattern = limit.get("pattern")
    if pattern and text and not re.fullmatch(pattern, value):
        yield where, f'{where} is "{value}"; AWS takes {pattern}'


@cache
def _members(service: str, shape: str) -> Mapping[str, Any]:
    """What every member of a shape may be.

    Of each: `type`, and where the model has them `enum`, `min`, `max`, `pattern` and the `member` of a list.
    """
    found: Mapping[str, Any] = remembered(f"{service} {shape}", lambda: _read_members(service, shape))
    return found


def _read_members(service: str, shape: str) -> dict[str, Any]:
    import botocore.loaders
    import botocore.model

    document = botocore.loaders.Loader().load_service_model(service, "service-2")
    structure = botocore.model.ServiceModel(document, service).shape_for(shape)
    return {name: _described(member) for name, member in structure.members.items()}


def _described(shape: Any) -> dict[str, Any]:  # noqa: ANN401 - botocore's Shape
    found = {"type": shape.type_name, **{key: shape.metadata.get(key) for key in ("enum", "min", "max", "pattern")}}
    if shape.type_name == "list":
        found["member"] = _described(shape.member)
    return {key: value for key, value in found.items() if value is not None}
