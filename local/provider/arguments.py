"""What arguments a resource type takes, read from the real `pulumi_aws` classes."""

import importlib
import inspect
import re
import typing
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from pulumi._types import input_type_py_to_pulumi_names, input_type_types, is_input_type, resource_types
from pulumi.runtime.rpc import UNKNOWN

from .properties import Properties, is_archive


class UnknownTypeError(ValueError):
    """The token is of no type of pulumi_aws."""


@dataclass(frozen=True)
class Arguments:
    """Names as on the wire: `types` of all arguments, `required` among them; nested types have their own Arguments."""

    types: dict[str, Any]
    required: frozenset[str]


@cache
def _resource_module(token: str) -> Any:  # noqa: ANN401 - a module
    match = re.fullmatch(r"aws:(?P<module>[\w-]+)/(?P<file>\w+):(?P<name>\w+)", token)
    if not match:
        raise UnknownTypeError(f"{token} is not a resource type of pulumi_aws")
    package = {"lambda": "lambda_"}.get(match["module"], match["module"].replace("-", "_"))
    file = re.sub(r"(?<!^)(?=[A-Z])", "_", match["file"]).lower()
    try:
        return importlib.import_module(f"pulumi_aws.{package}.{file}")
    except ModuleNotFoundError:
        # Some names split differently (ipam, acl, …): look for the class in the whole package.
        try:
            return importlib.import_module(f"pulumi_aws.{package}")
        except ModuleNotFoundError:
            raise UnknownTypeError(f"{token} is not a resource type of pulumi_aws") from None


@cache
def arguments(token: str) -> Arguments:
    """The arguments of a resource type.

    Raises:
        UnknownTypeError: pulumi_aws has no such type.
    """
    module, name = _resource_module(token), token.rsplit(":", 1)[1]
    args_class = getattr(module, f"{name}Args", None)
    if args_class is None:
        raise UnknownTypeError(f"{token} is not a resource type of pulumi_aws")
    return _of_class(args_class)


@cache
def output_names(token: str) -> frozenset[str]:
    """The names of all outputs of a resource type."""
    resource_class = getattr(_resource_module(token), token.rsplit(":", 1)[1])
    return frozenset(resource_types(resource_class))


@cache
def _of_class(args_class: type) -> Arguments:
    names = input_type_py_to_pulumi_names(args_class)
    signature = inspect.signature(args_class.__init__)  # type: ignore[misc]
    required = frozenset(
        names[parameter.name]
        for parameter in signature.parameters.values()
        if parameter.name in names and parameter.default is inspect.Parameter.empty
    )
    return Arguments(types=input_type_types(args_class), required=required)


def problems(token: str, given: Properties) -> list[tuple[str, str]]:
    """(property path, sentence) of every unknown name and every missing required argument, nested ones included."""
    return list(_problems(arguments(token), given, path=""))


def _problems(known: Arguments, given: Properties, *, path: str) -> typing.Iterator[tuple[str, str]]:
    for name, value in given.items():
        where = f"{path}{name}"
        if name not in known.types:
            close = get_close_matches(name, known.types, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            yield where, f"{where} is not an argument of this type{hint}"
            continue
        yield from _nested(known.types[name], value, where)
    for name in sorted(known.required - given.keys()):
        yield f"{path}{name}", f"{path}{name} is required"


def _nested(kind: Any, value: Any, where: str) -> typing.Iterator[tuple[str, str]]:  # noqa: ANN401
    if value == UNKNOWN or is_archive(value):
        return
    kind = _without_none(kind)
    if isinstance(kind, type) and is_input_type(kind) and isinstance(value, dict):
        yield from _problems(_of_class(kind), value, path=f"{where}.")
    elif isinstance(value, list) and typing.get_args(kind):
        for index, item in enumerate(value):
            yield from _nested(typing.get_args(kind)[0], item, f"{where}[{index}]")


def _without_none(kind: Any) -> Any:  # noqa: ANN401
    options = [each for each in typing.get_args(kind) if each is not type(None)]
    if typing.get_origin(kind) is typing.Union:
        return next((each for each in options if is_input_type(each)), options[0])
    return kind
