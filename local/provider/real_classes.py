"""What the real `pulumi_aws` classes say of a resource type, as plain JSON; only this module loads them.

A kind is `text`, `boolean`, `whole`, `number`, `asset`, `anything`, or a map with one entry: `list` or `map` with the
kinds of the members, `nested` with the class of its arguments. Where several kinds are listed, a value has one of them.
"""

import enum
import importlib
import inspect
import re
import typing
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pulumi
from pulumi._types import _raw_return_hints, input_type_py_to_pulumi_names, input_type_types, is_input_type


class UnknownTypeError(ValueError):
    """The token is of no type of pulumi_aws."""


def describe_type(token: str) -> dict[str, Any]:
    """`arguments` as `describe_class` has them, all `outputs`, and those of them that are `computed`.

    Only what AWS fills in when the program leaves it out is computed, and unknown at preview. The generator types an
    output `Output[Optional[…]]` when it only ever repeats an argument.

    Raises:
        UnknownTypeError: pulumi_aws has no such type.
    """
    module, name = _module(token), token.rsplit(":", 1)[-1]
    # The generator writes InitArgs where a nested type has the plain name already.
    args_class = getattr(module, f"{name}InitArgs", None) or getattr(module, f"{name}Args", None)
    if args_class is None:
        raise UnknownTypeError(f"{token} is not a resource type of pulumi_aws")
    outputs = {
        output: (typing.get_args(hint) or (hint,))[0]  # without the Output[…] around it
        for output, hint in _raw_return_hints(getattr(module, name)).items()
    }
    return {
        "arguments": _of_class(args_class),
        "outputs": sorted(outputs),
        "computed": sorted(each for each, hint in outputs.items() if type(None) not in typing.get_args(hint)),
    }


def describe_class(path: str) -> dict[str, Any]:
    """The `kinds` of all arguments of a class named `module:Class`, and which are `required`; names as on the wire."""
    module, name = path.split(":")
    return _of_class(getattr(importlib.import_module(module), name))


def _module(token: str) -> Any:  # noqa: ANN401 - a module
    match = re.fullmatch(r"aws:(?P<module>[\w-]+)/(?P<file>\w+):\w+", token)
    if match:
        package = {"lambda": "lambda_"}.get(match["module"], match["module"].replace("-", "_"))
        file = re.sub(r"(?<!^)(?=[A-Z])", "_", match["file"]).lower()
        # Some names split differently (ipam, acl, …): look for the class in the whole package.
        for each in (f"pulumi_aws.{package}.{file}", f"pulumi_aws.{package}"):
            with suppress(ModuleNotFoundError):
                return importlib.import_module(each)
    return None


def _of_class(args_class: type) -> dict[str, Any]:
    names = input_type_py_to_pulumi_names(args_class)
    signature = inspect.signature(args_class.__init__)  # type: ignore[misc]
    required = [
        names[parameter.name]
        for parameter in signature.parameters.values()
        if parameter.name in names and parameter.default is inspect.Parameter.empty
    ]
    kinds = {name: _kinds(kind) for name, kind in input_type_types(args_class).items()}
    return {"kinds": kinds, "required": sorted(required)}


_WRAPPERS = (pulumi.Output, Awaitable)


def _kinds(hint: Any) -> list[Any]:  # noqa: ANN401 - a type
    """The kinds of a type, without what `pulumi.Input` puts around them."""
    options = [hint]
    if typing.get_origin(hint) is typing.Union:
        plain = (each for each in typing.get_args(hint) if isinstance(each, type) or typing.get_origin(each))
        options = [each for each in plain if each is not type(None) and typing.get_origin(each) not in _WRAPPERS]
    return [_kind(option) for option in options]


def _kind(option: Any) -> Any:  # noqa: ANN401 - a type in, JSON out
    origin = typing.get_origin(option)
    if origin is Sequence:
        return {"list": _kinds(typing.get_args(option)[0])}
    if origin is Mapping:
        return {"map": _kinds(typing.get_args(option)[1])}
    if not isinstance(option, type):
        return "anything"
    if issubclass(option, pulumi.Asset | pulumi.Archive):
        return "asset"
    if is_input_type(option):
        return {"nested": f"{option.__module__}:{option.__qualname__}"}
    if issubclass(option, bool):
        return "boolean"
    if issubclass(option, int | float) and not issubclass(option, enum.Enum):
        return "whole" if issubclass(option, int) else "number"
    return "text"
