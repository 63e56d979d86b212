"""What arguments a resource type takes and which outputs it has, read from the real `pulumi_aws` classes."""

import enum
import importlib
import inspect
import json
import re
import typing
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

import pulumi
from pulumi._types import (
    _raw_return_hints,
    input_type_py_to_pulumi_names,
    input_type_types,
    is_input_type,
)
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
    # The generator writes InitArgs where a nested type has the plain name already.
    args_class = getattr(module, f"{name}InitArgs", None) or getattr(module, f"{name}Args", None)
    if args_class is None:
        raise UnknownTypeError(f"{token} is not a resource type of pulumi_aws")
    return of_class(args_class)


@cache
def output_names(token: str) -> frozenset[str]:
    """The names of all outputs of a resource type."""
    return frozenset(outputs(token))


@cache
def computed_names(token: str) -> frozenset[str]:
    """The outputs that AWS fills in when the program leaves them out; only those are unknown at preview.

    The generator types an output `Output[Optional[…]]` when it only ever repeats an argument.
    """
    return frozenset(name for name, hint in outputs(token).items() if type(None) not in typing.get_args(hint))


def outputs(token: str) -> dict[str, Any]:
    """Output name → its type, without the `Output[…]` around it."""
    resource_class = getattr(_resource_module(token), token.rsplit(":", 1)[1])
    return {name: (typing.get_args(hint) or (hint,))[0] for name, hint in _raw_return_hints(resource_class).items()}


@cache
def of_class(args_class: type) -> Arguments:
    """The arguments that a class of pulumi_aws takes."""
    names = input_type_py_to_pulumi_names(args_class)
    signature = inspect.signature(args_class.__init__)  # type: ignore[misc]
    required = frozenset(
        names[parameter.name]
        for parameter in signature.parameters.values()
        if parameter.name in names and parameter.default is inspect.Parameter.empty
    )
    return Arguments(types=input_type_types(args_class), required=required)


def problems(token: str, given: Properties) -> list[tuple[str, str]]:
    """(property path, sentence) of every unknown name, missing required argument and value of another type.

    Arguments of arguments are checked too. No value that could be a secret is quoted.
    """
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
    if value == UNKNOWN:
        return
    choices = options(kind)
    fitting = [option for option in choices if _fits(option, value)]
    if not fitting:
        yield where, f"{where} is {_shown(value)}; it takes {' or '.join(sorted({_words(each) for each in choices}))}"
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nested(typing.get_args(fitting[0])[0], item, f"{where}[{index}]")
    elif isinstance(value, dict) and is_input_type(fitting[0]):
        yield from _problems(of_class(fitting[0]), value, path=f"{where}.")
    elif isinstance(value, dict) and typing.get_origin(fitting[0]) is Mapping:
        for key, item in value.items():
            yield from _nested(typing.get_args(fitting[0])[1], item, f"{where}.{key}")


def options(kind: Any) -> list[Any]:  # noqa: ANN401
    """The types that a value may have, without what `pulumi.Input` puts around them."""
    if typing.get_origin(kind) is not typing.Union:
        return [kind]
    plain = (each for each in typing.get_args(kind) if isinstance(each, type) or typing.get_origin(each) is not None)
    return [each for each in plain if each is not type(None) and typing.get_origin(each) not in _WRAPPERS]


_WRAPPERS = (pulumi.Output, Awaitable)


def _fits(kind: Any, value: Any) -> bool:  # noqa: ANN401
    """Whether a value has a type, or one that the real provider converts (text and numbers, text and booleans)."""
    if typing.get_origin(kind) is Sequence:
        return isinstance(value, list)
    if typing.get_origin(kind) is Mapping:
        return isinstance(value, dict) and not is_archive(value)
    if not isinstance(kind, type):
        return True
    if issubclass(kind, pulumi.Asset | pulumi.Archive):
        return is_archive(value)
    if is_input_type(kind):
        return isinstance(value, dict) and not is_archive(value)
    if issubclass(kind, bool):
        return isinstance(value, bool) or value in ("true", "false")
    if issubclass(kind, int | float) and not issubclass(kind, enum.Enum):
        number = r"-?[0-9]+" if issubclass(kind, int) else r"-?[0-9]+(\.[0-9]+)?"
        return not isinstance(value, bool | list | dict) and re.fullmatch(number, str(value)) is not None
    return not isinstance(value, list | dict)


def _words(kind: Any) -> str:  # noqa: ANN401
    if typing.get_origin(kind) is Sequence:
        return "a list"
    if typing.get_origin(kind) is Mapping or is_input_type(kind):
        return "a map"
    if issubclass(kind, pulumi.Asset | pulumi.Archive):
        return "an asset or archive"
    names: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number"}
    return names.get(kind, "text")


def _shown(value: Any) -> str:  # noqa: ANN401
    if is_archive(value):
        return "an asset or archive"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a map"
    return json.dumps(value)
