"""What the program registers for each stack, once for all tests that look at it."""

from functools import cache
from typing import Any

from tests.components.declared import Registered
from tests.contracts.cloudformation.account import Account, place
from tests.contracts.cloudformation.mapping import template
from tests.contracts.cloudformation.stacks import CHOICES, configuration
from tests.program import run


def place_of(number: int) -> dict[str, str]:
    """Each stack is made in one region, so that each partition has its share; what is made is judged in all."""
    return place(CHOICES[number][-1])


@cache
def registered(number: int) -> tuple[Registered, ...]:
    """The resources that a provider makes."""
    declared = run(configuration(number), aws=Account(CHOICES[number][-1]))
    return tuple(each for each in declared.resources if not each.component)


def made(number: int) -> dict[str, Any]:
    """The template of a stack, anew for each who asks."""
    return template(registered(number), place_of(number))
