"""All resource types that have a row: every module of this package may list rows, as `TYPES`."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from .row import AwsType


@cache
def aws_types() -> Mapping[str, AwsType]:
    """All rows by their tokens."""
    modules = [import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)]
    return {row.token: row for module in modules for row in getattr(module, "TYPES", ())}


def aws_type(token: str) -> AwsType:
    """The row of a type; a type that has none is recorded.

    Raises:
        UnknownTypeError: pulumi_aws has no such type.
    """
    return aws_types().get(token) or AwsType(token)
