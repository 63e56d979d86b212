"""Names of the resources of the stack that runs, each given once."""

from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.settings import get_monitor

from .names import MAX_LENGTH, NameRule, name_if_needed, physical_name

# `ignore_changes` of proxies, functions and their log groups: one that exists keeps the name that it has. So neither a
# better rule for names nor a renamed stack replaces what runs, and Pulumi's state tells which names are in use.
KEPT_NAME = ["name"]
# (kind, name) of each run, which has a monitor of its own.
_GIVEN: WeakKeyDictionary[object, set[tuple[str, str]]] = WeakKeyDictionary()


def stated_name(kind: str, *names: str, max_length: int = MAX_LENGTH, lower_case: bool = False) -> str:
    """The name of a proxy, a function, … of this stack, which no other of its kind has.

    Pulumi tells two resources of one logical name apart by the types of their parents; AWS does not.

    Raises:
        pulumi.RunError: another one of this program has it.
    """
    name = physical_name(pulumi.get_project(), pulumi.get_stack(), *names, max_length=max_length, lower_case=lower_case)
    given = _GIVEN.setdefault(get_monitor(), set())
    if (kind, name) in given:
        raise pulumi.RunError(
            f'two of this program would be the {kind} "{name}"; give one "{"-".join(names)}" another name, '
            "parents do not tell them apart on AWS"
        )
    given.add((kind, name))
    return name


def own_name(rule: NameRule, name: str) -> str | None:
    """None where Pulumi's automatic name is right for a resource of this logical name; else a name for it."""
    return name_if_needed(rule, pulumi.get_project(), pulumi.get_stack(), name)
