"""What one row says of a resource type: all that the stand-in knows beyond the names of its arguments.

Sources: terraform-provider-aws's documentation as it stands in the docstrings of pulumi_aws 7.51.1, and what is known
of that provider's schema, which cannot be had offline. A dotted path leads into a block, and through a list of blocks.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from pulumi.runtime.proto import provider_pb2

from .. import identifiers
from ..arguments import RealType, real_type
from ..properties import DEFAULTS, Properties, blocks
from .limits import Limit, Problem

Found = tuple[str, Properties]
"""(id, inputs) of a resource that no state of Pulumi's knows, as the real provider reads it from AWS."""


class AutonamingError(ValueError):
    """The project's autonaming cannot be followed."""


@dataclass(frozen=True)
class Name:
    """The argument that is named automatically, how many characters AWS takes, and whether it lower-cases them."""

    argument: str
    limit: int
    lower: bool = False

    def automatic(self, request: provider_pb2.CheckRequest) -> str:
        """`<logical name>-<7 hex digits>`, or what the project's `pulumi:autonaming` says.

        Raises:
            AutonamingError: it says that there is to be none, or one that AWS does not take.
        """
        wanted = request.autonaming
        if request.HasField("autonaming") and wanted.mode == wanted.DISABLE:
            raise AutonamingError(f"pulumi:autonaming is disabled, so {self.argument} is required")
        if request.HasField("autonaming") and wanted.proposed_name:
            name = str(wanted.proposed_name)
            if len(name) > self.limit:
                raise AutonamingError(
                    f'pulumi:autonaming makes {self.argument} "{name}", which has {len(name)} characters; AWS takes '
                    f"{self.limit}: shorten the pattern or state {self.argument}"
                )
        else:
            suffix = hashlib.sha256(request.randomSeed or request.urn.encode()).hexdigest()[:7]
            name = f"{request.urn.rsplit('::', 1)[1][: self.limit - 8]}-{suffix}"
        return name.lower() if self.lower else name


@dataclass(frozen=True)
class When:
    """An argument whose change replaces the resource only if `holds(old inputs, new inputs)`."""

    argument: str
    holds: Callable[[Properties, Properties], bool]


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
        return str(self.inputs.get(self.row.name.argument, "")) if self.row.name else ""

    @property
    def unique(self) -> str:
        """17 hex digits. A replacement stands beside what it replaces, so what forces one is part of them."""
        forced = {key: self.inputs[key] for key in self.row.replaced_by if isinstance(key, str) and key in self.inputs}
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


@dataclass(frozen=True)
class AwsType:
    """One row.

    Args:
        token: the type.
        name: how it is named automatically.
        replaced_by: arguments whose change replaces it, beside the region.
        defaults: what the provider fills in for arguments that are left out; one in a block, where that is given.
        limits: what AWS takes.
        unknown_as_a_whole: arguments of which nothing is known at preview while one value in them is unknown.
        unreadable: arguments that no call of AWS's answers with.
        id: the id of a recorded resource.
        outputs: the outputs of a recorded resource, beside its inputs; those that the type lacks are left out.
        backed: what makes it for real; it is only recorded otherwise.
        find: looks for one that no state knows, by the id that the real provider imports it by.
    """

    token: str
    _: KW_ONLY
    name: Name | None = None
    replaced_by: tuple[str | When, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    unknown_as_a_whole: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    id: Callable[[Resource], str] = _named
    outputs: Callable[[Resource], Properties] = _arn_alone
    backed: Backed | None = None
    find: Callable[[str], Found | None] | None = None

    @property
    def real(self) -> RealType:
        """What the real class says of it."""
        return real_type(self.token)

    def limit_problems(self, inputs: Properties) -> Iterator[Problem]:
        """Every value that AWS would refuse."""
        return (problem for limit in self.limits for problem in limit(inputs))

    def with_defaults(self, given: Properties, olds: Properties, request: provider_pb2.CheckRequest) -> Properties:
        """The inputs that a program's arguments become; the names of those that nobody gave stand in them too.

        Raises:
            AutonamingError: the automatic name cannot be made.
        """
        inputs, defaulted = copy.deepcopy(given), set()
        for path, value in self.defaults.items():
            *steps, argument = path.split(".")
            for _, block in blocks(inputs, steps):
                if argument not in block:
                    block[argument] = value
                    defaulted |= {argument} if not steps else set()
        argument = self.name.argument if self.name else ""
        if self.name and not {argument, f"{argument}Prefix"} & inputs.keys():
            kept = olds.get(argument) if argument in olds.get(DEFAULTS, []) else None
            inputs[argument] = kept or self.name.automatic(request)
            defaulted.add(argument)
        return {**inputs, DEFAULTS: sorted(defaulted)} if defaulted else inputs

    def replaces(self, argument: str, old: Properties, new: Properties) -> bool:
        """Whether the change of an argument replaces the resource."""
        conditions = (each for each in self.replaced_by if isinstance(each, When) and each.argument == argument)
        return argument in ("region", *self.replaced_by) or any(each.holds(old, new) for each in conditions)

    def readable_arguments(self, given: Properties) -> Properties:
        """Those arguments that AWS remembers and answers with when it is asked."""
        return {key: value for key, value in given.items() if key not in self.unreadable}

    def default_answers(self) -> Properties:
        """What AWS answers of arguments that nobody ever gave."""
        return self.readable_arguments({path: value for path, value in self.defaults.items() if "." not in path})
