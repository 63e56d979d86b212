"""The provider's schema, which Pulumi YAML binds a program to: written from the real `pulumi_aws` classes.

It has the types that have a row in `resource_types` and the functions that are answered here; the real one has over a
thousand, whose classes take minutes to load. What a nested output holds is left open.
"""

import inspect
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pulumi
import pulumi_aws
from pulumi._types import is_input_type

from . import DEFAULT_REGION, VERSION, arguments, functions
from .resource_types import TYPES

Schema = dict[str, Any]
_ANY: Schema = {"$ref": "pulumi.json#/Any"}
_PLAIN: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number"}


@cache
def schema() -> Schema:
    """The whole schema."""
    nested: Schema = {}
    return {
        "name": "aws",
        "version": VERSION,
        "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},  # the module of aws:rds/proxy:Proxy is aws:rds
        "config": {"variables": dict(_settings())},
        "provider": {"inputProperties": dict(_settings())},
        "resources": {token: _resource(token, nested) for token in TYPES},
        "functions": {token: _function(token) for token in functions.TOKENS},
        "types": nested,
    }


def _resource(token: str, nested: Schema) -> Schema:
    known = arguments.arguments(token)
    inputs = {name: _type(kind, nested) for name, kind in known.types.items()}
    outputs = {
        name: inputs.get(name) or _type(kind, nested, output=True) for name, kind in arguments.outputs(token).items()
    }
    return {
        "inputProperties": inputs,
        "requiredInputs": sorted(known.required),
        "properties": outputs,
        "required": sorted(arguments.computed_names(token)),
    }


def _type(kind: Any, nested: Schema, *, output: bool = False) -> Schema:  # noqa: ANN401 - a type hint
    kind = arguments.options(kind)[0]  # an enumeration, or the text that it stands for, is text in any case
    origin = typing.get_origin(kind)
    if origin is Sequence:
        return {"type": "array", "items": _type(typing.get_args(kind)[0], nested, output=output)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _type(typing.get_args(kind)[1], nested, output=output)}
    if not isinstance(kind, type):
        return _ANY
    if issubclass(kind, pulumi.Asset | pulumi.Archive):
        return {"$ref": f"pulumi.json#/{'Archive' if issubclass(kind, pulumi.Archive) else 'Asset'}"}
    if is_input_type(kind):
        return _reference(kind, nested)
    if output and kind not in (str, *_PLAIN):
        return _ANY
    return {"type": _PLAIN.get(kind, "string")}


def _reference(args_class: type, nested: Schema) -> Schema:
    module, name = args_class.__module__.split(".")[1], args_class.__name__.removesuffix("Args")
    token = f"aws:{module.rstrip('_')}/{name}:{name}"
    if token not in nested:
        nested[token] = {}  # a type may hold itself
        known = arguments.of_class(args_class)
        nested[token] = {
            "type": "object",
            "properties": {key: _type(kind, nested) for key, kind in known.types.items()},
            "required": sorted(known.required),
        }
    return {"$ref": f"#/types/{token}"}


def _function(token: str) -> Schema:
    """Its inputs by the names of the real function's parameters, its outputs by an example of what is answered."""
    python = re.sub(r"(?<!^)(?=[A-Z])", "_", token.rsplit(":", 1)[1]).lower()
    module = token.split(":")[1].split("/")[0]
    real = getattr(pulumi_aws if module == "index" else getattr(pulumi_aws, module), python)
    taken = [_camel(each) for each in inspect.signature(real).parameters if each != "opts"]
    answered = {key: _example(value) for key, value in functions.call(token, {}, DEFAULT_REGION).items()}
    return {
        "inputs": {"properties": dict.fromkeys(taken, _ANY)},
        "outputs": {"properties": answered, "required": sorted(answered)},
    }


def _example(value: object) -> Schema:
    if isinstance(value, list):
        return {"type": "array", "items": _example(value[0]) if value else _ANY}
    return {"type": _PLAIN.get(type(value), "string")}


def _settings() -> Iterator[tuple[str, Schema]]:
    """What a program may set of the provider itself, by the names of its real class."""
    for name in inspect.signature(pulumi_aws.ProviderArgs.__init__).parameters:
        if name != "self":
            yield _camel(name), _ANY


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
