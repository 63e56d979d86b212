"""All resource types that have a row: every module of this package may list rows, as `TYPES`."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from ..arguments import real_type
from .row import AwsType, Name


@cache
def aws_types() -> Mapping[str, AwsType]:
    """All rows by their tokens."""
    modules = [import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)]
    return {row.token: row for module in modules for row in getattr(module, "TYPES", ())}


def aws_type(token: str) -> AwsType:
    """The row of a type. One that has none is named automatically if it takes an optional `name`, as Pulumi does it.

    What would force a replacement there is not known, so it is updated in place.

    Raises:
        UnknownTypeError: pulumi_aws has no such type.
    """
    if token in aws_types():
        return aws_types()[token]
    real = real_type(token)
    named = "name" in real.arguments.kinds.keys() - real.arguments.required and "name" in real.computed
    return AwsType(token, name=Name("name", 255) if named else None)
