"""What the real provider does with every argument of the types that this project uses, as data: `facts.json`.

Nobody can ask that provider here, so what it does was read in its source; `_about` and the `source` of each type say
where. To know more of an argument is to write it there: nothing else names an argument for what it may be.

Of a type: `deletesFirst` where a replacement always does; `keptWhenDestroyed`, the condition under which it is;
`undeletable`, conditions and what AWS `says`; `rules`, each `when` a condition holds, in every `block` of
that name where one is named. Of an argument, beside its `type`:

computed            AWS fills it in: leaving it out after it was set is no change
default, autoname   what Check makes of one that is left out
validator           what it may be (see `validators`); `eachValidator` of the members of a list
conflictsWith, …    as Terraform names them; paths from the resource's own arguments
replaces            true, or what decides: `unless` (a condition of the new inputs), `ifBefore` (one of the old ones),
                    `comesOrGoes`, `unlessFromTo` two values, `unlessMovedTo` another argument of the same value
spelling, …         what is no change (see `changes`)
unknownAsAWhole     at preview nothing of it is known while one value in it is not
members             the arguments of a block
origin              where a fact comes from when not from the type's source
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypedDict

from pulumi.runtime.rpc import UNKNOWN

from .properties import Properties

Condition = Mapping[str, Any]
"""By argument: the values that it has, `given`, `missing`, or the `pattern` that it matches; all must hold."""
Validator = Mapping[str, Any]


class Autoname(TypedDict):
    """What stands between the logical name and the seven random digits, and how many characters the name may have."""

    separator: str
    limit: int


class Replacement(TypedDict, total=False):
    """What decides whether a change replaces."""

    unless: Condition
    ifBefore: Condition
    comesOrGoes: bool
    unlessFromTo: Sequence[Any]
    unlessMovedTo: str


class Fact(TypedDict, total=False):
    """Of one argument."""

    type: str
    computed: bool
    outputOnly: bool
    writeOnly: bool
    sensitive: bool
    default: Any
    autoname: Autoname
    validator: Validator
    eachValidator: Validator
    minItems: int
    maxItems: int
    conflictsWith: Sequence[str]
    exactlyOneOf: Sequence[str]
    requiredWith: Sequence[str]
    replaces: bool | Replacement
    spelling: str
    leftOut: str
    emptyBlock: str
    meansNothing: Sequence[Any]
    tellsApart: bool
    unlessGrown: str
    zeroMeans: str
    ignoredIf: Condition
    unknownAsAWhole: bool
    members: Mapping[str, "Fact"]
    origin: str


class Rule(TypedDict, total=False):
    """What arguments need of each other, which the provider checks when it plans; in each block that `block` names."""

    block: str
    when: Condition
    needs: Sequence[str]
    exactlyOneOf: Sequence[str]
    refuses: Sequence[str]


class Undeletable(TypedDict):
    """When AWS, or the provider, does not delete, and what it says."""

    when: Condition
    says: str


class TypeFacts(TypedDict, total=False):
    """Of one type."""

    source: str
    arguments: Mapping[str, Fact]
    deletesFirst: Literal[True]
    keptWhenDestroyed: Condition
    undeletable: Sequence[Undeletable]
    rules: Sequence[Rule]


@cache
def all_facts() -> Mapping[str, TypeFacts]:
    """By token; what is said of the table itself is not among them."""
    table = json.loads((Path(__file__).parent / "facts.json").read_bytes())
    return {token: found for token, found in table.items() if not token.startswith("_")}


def holds(condition: Condition, given: Properties) -> bool:
    """Whether a condition does; nothing can be said of a value that is unknown, so nothing holds of it but `given`."""

    def one(argument: str, wanted: Any) -> bool:  # noqa: ANN401 - JSON
        value = given.get(argument)
        if isinstance(wanted, str):
            return (argument in given) == (wanted == "given")
        if value == UNKNOWN:
            return False
        if isinstance(wanted, dict):
            return re.search(wanted["pattern"], str(value)) is not None
        return {"true": True, "false": False}.get(value, value) in wanted if isinstance(value, str) else value in wanted

    return all(one(argument, wanted) for argument, wanted in condition.items())


def walked(facts: Mapping[str, Fact], given: Properties, where: str = "") -> Iterator[tuple[str, Fact, Any]]:
    """(path, fact, value) of every argument that is given, those inside blocks too."""
    for name, fact in facts.items():
        if name not in given:
            continue
        value, path = given[name], f"{where}{name}"
        yield path, fact, value
        members = fact.get("members")
        if members and isinstance(value, dict):
            yield from walked(members, value, f"{path}.")
        elif members and isinstance(value, list):
            for index, block in enumerate(value):
                if isinstance(block, dict):
                    yield from walked(members, block, f"{path}[{index}].")
