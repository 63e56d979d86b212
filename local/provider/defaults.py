"""The inputs that Check makes of a program's arguments: automatic names, defaults, the region and all tags."""

import copy
import hashlib
from collections.abc import Mapping

from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.rpc import UNKNOWN

from .facts import Autoname, Fact, TypeFacts
from .properties import DEFAULTS, Properties, holds_unknown


class AutonamingError(ValueError):
    """The project's autonaming cannot be followed."""


def with_defaults(
    facts: TypeFacts,
    stated: Properties,
    olds: Properties,
    request: provider_pb2.CheckRequest,
    *,
    region: str,
    tags: Mapping[str, str],
) -> Properties:
    """The inputs; the names of those that nobody stated stand in them too.

    Args:
        facts: of the type.
        stated: the program's arguments.
        olds: the inputs of the resource so far: an automatic name stays.
        request: the engine's, with the project's autonaming.
        region: the provider's.
        tags: the provider's default tags.

    Raises:
        AutonamingError: the automatic name cannot be made.
    """
    arguments, inputs = facts["arguments"], copy.deepcopy(stated)
    _fill(arguments, inputs)
    for name, fact in arguments.items():
        if "autoname" in fact and not {name, f"{name}Prefix"} & inputs.keys():
            kept = olds.get(name) if name in olds.get(DEFAULTS, []) else None
            inputs[name] = kept or _automatic(name, fact["autoname"], request)
    if "region" in arguments:
        inputs.setdefault("region", region)
    if "tags" in arguments:
        inputs["tagsAll"] = all_tags(tags, stated)
    defaulted = sorted(inputs.keys() - stated.keys())
    return {**inputs, DEFAULTS: defaulted} if defaulted else inputs


def all_tags(tags: Mapping[str, str], stated: Properties) -> dict[str, str] | str:
    """The provider's default tags and a resource's own, which win; unknown as a whole while one of them is."""
    own = stated.get("tags", {})
    return UNKNOWN if holds_unknown(own) else {**tags, **own}


def _fill(arguments: Mapping[str, Fact], given: Properties) -> None:
    for name, fact in arguments.items():
        if "default" in fact:
            given.setdefault(name, fact["default"])
        members, value = fact.get("members"), given.get(name)
        for block in value if isinstance(value, list) else [value]:
            if members and isinstance(block, dict):
                _fill(members, block)


def _automatic(argument: str, autoname: Autoname, request: provider_pb2.CheckRequest) -> str:
    """The logical name and seven hex digits, or what the project's `pulumi:autonaming` says: never cut, case kept.

    Raises:
        AutonamingError: it says that there is to be none, or the name is too long.
    """
    wanted = request.autonaming
    if request.HasField("autonaming") and wanted.mode == wanted.DISABLE:
        raise AutonamingError(f"pulumi:autonaming is disabled, so {argument} is required")
    stated = request.HasField("autonaming") and wanted.proposed_name
    suffix = hashlib.sha256(request.randomSeed or request.urn.encode()).hexdigest()[:7]
    automatic = f"{request.urn.rsplit('::', 1)[1]}{autoname['separator']}{suffix}"
    name = str(wanted.proposed_name) if stated else automatic
    if len(name) > autoname["limit"]:
        maker, fix = ("pulumi:autonaming", "shorten the pattern") if stated else ("Pulumi", "shorten the logical name")
        raise AutonamingError(
            f'{maker} makes {argument} "{name}", which has {len(name)} characters, and {autoname["limit"]} are taken: '
            f"{fix} or state {argument}"
        )
    return name
