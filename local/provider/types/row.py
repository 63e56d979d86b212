"""What one row says of a resource type: what stands behind it, and what AWS answers. Its arguments are in `facts`."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from .. import identifiers
from ..arguments import RealType, real_type
from ..facts import Fact, TypeFacts, all_facts
from ..properties import Properties
from ..validators import Problem, problems
from .limits import Limit

Found = tuple[str, Properties]
"""(id, inputs) of a resource that no state of Pulumi's knows, as the real provider reads it from AWS."""


@dataclass(frozen=True)
class Resource:
    """A resource as a program asks for it; `olds` is its state so far, which is empty when it is to be created."""

    row: "AwsType"
    urn: str
    inputs: Properties
    _: KW_ONLY
    region: str
    olds: Properties = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As the program states it, or as Terraform makes it out of a prefix, which is `tf-` where none is stated."""
        argument = self.row.named_by
        stated = self.inputs.get(argument) or self.olds.get(argument)
        if stated or not argument:
            return str(stated or "")
        return f"{self.inputs.get(f'{argument}Prefix', 'tf-')}{int(self.unique, 16) % 10**26:026}"

    @property
    def unique(self) -> str:
        """17 hex digits. A replacement stands beside what it replaces, so what forces one is part of them."""
        known = self.row.facts["arguments"].items()
        forced = {name: self.inputs[name] for name, fact in known if "replaces" in fact and name in self.inputs}
        return identifiers.digest(self.urn, json.dumps(forced, sort_keys=True))

    @property
    def id(self) -> str:
        return self.row.id(self)

    def arn(self, service: str, resource: str) -> str:
        return identifiers.arn(service, self.region, resource)


class Backed:
    """What stands behind a type that is not only recorded; its failures are LaptopErrors."""

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        """Create or update: (id, outputs beside the inputs)."""
        raise NotImplementedError

    def read(self, identifier: str, state: Properties) -> Properties | None:
        """Outputs as they are now, where they can have changed; None when the resource is gone."""
        return {}

    def delete(self, identifier: str, state: Properties) -> None:
        """Delete; what is gone already is fine."""


def numbered(prefix: str) -> Callable[[Resource], str]:
    """Ids such as `vpc-0123456789abcdef0`."""
    return lambda resource: f"{prefix}-{resource.unique}"


def _named(resource: Resource) -> str:
    return resource.name or resource.unique


def _arn_alone(resource: Resource) -> Properties:
    _, module, kind = resource.row.token.split(":")
    return {"arn": resource.arn(module.split("/")[0], f"{kind.lower()}/{resource.id}")}


def _unread(real: RealType) -> TypeFacts:
    """Of a type whose source nobody has read: it is named automatically if it takes an optional `name`, as Pulumi does.

    What forces a replacement there is not known, so it is updated in place.
    """
    arguments: dict[str, Fact] = {name: {"computed": True} for name in real.arguments.kinds.keys() & real.computed}
    if "name" in real.arguments.kinds.keys() - real.arguments.required and "name" in real.computed:
        arguments["name"] = {"computed": True, "autoname": {"separator": "-", "limit": 255}}
    if "region" in real.arguments.kinds:
        arguments["region"] = {"type": "text", "computed": True, "replaces": True}
    if "tags" in real.arguments.kinds:
        arguments["tags"] = {"type": "map of text"}
    return {"arguments": arguments}


@dataclass(frozen=True)
class AwsType:
    """One row.

    Args:
        token: the type.
        facts: what the real provider does with its arguments; those of the table `facts.json` where none are given.
        named_by: the argument that is its name; what Pulumi names automatically stands among its facts.
        limits: what AWS refuses, beside what the provider does.
        fills: what AWS answers of arguments that are left out.
        unreadable: arguments that no call of AWS's answers with.
        id: the id of a recorded resource.
        outputs: the outputs of a recorded resource, beside its inputs; those that the type lacks are left out.
        backed: what makes it for real; it is only recorded otherwise.
        find: looks for one that no state knows, by the id that the real provider imports it by.
    """

    token: str
    _: KW_ONLY
    facts: TypeFacts = field(default_factory=lambda: TypeFacts())
    named_by: str = ""
    limits: tuple[Limit, ...] = ()
    fills: Mapping[str, Any] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    id: Callable[[Resource], str] = _named
    outputs: Callable[[Resource], Properties] = _arn_alone
    backed: Backed | None = None
    find: Callable[[str], Found | None] | None = None

    def __post_init__(self) -> None:
        facts = self.facts or all_facts().get(self.token) or _unread(self.real)
        automatic = (name for name, fact in facts["arguments"].items() if "autoname" in fact)
        object.__setattr__(self, "facts", facts)
        object.__setattr__(self, "named_by", self.named_by or next(automatic, ""))

    @property
    def real(self) -> RealType:
        """What the real class says of it."""
        return real_type(self.token)

    def problems(self, stated: Properties, inputs: Properties) -> Iterator[Problem]:
        """Every name, value and pair of arguments that the class, the provider or AWS would refuse."""
        told = [*self.real.problems(stated), *problems(self.facts, stated, inputs)]
        yield from told
        paths = {path for path, _ in told}
        yield from (problem for limit in self.limits for problem in limit(inputs) if problem[0] not in paths)

    def readable_arguments(self, given: Properties) -> Properties:
        """Those arguments that AWS remembers and answers with when it is asked."""
        return {key: value for key, value in given.items() if key not in (*self.unreadable, "region", "tagsAll")}

    def default_answers(self) -> Properties:
        """What AWS answers of arguments that nobody ever gave."""
        known = self.facts["arguments"].items()
        return self.readable_arguments({name: fact["default"] for name, fact in known if "default" in fact})
